"""What triage says of the labelled visits, beside the nurses, against the experts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from evaluation.figures import Share, compared, is_severe, precision
from evaluation.visits import Visit
from schemas.triage import Activation, Centre, TriageDecided, TriageLevel
from services.triage.rendering import rendered
from services.triage.rulebook import Edition

#: What is asked of the active set on these visits.
ASKED = {"sensitivity": 0.85, "specificity": 0.70, "level_one_missed": 1}
#: What the visits cannot say.
NOT_MEASURED = {
    "zh": [
        "儿童、新生儿、孕产妇：数据中没有（成人急诊）",
        "随时间的变化、体征趋势：每次就诊只有一组数值",
        "查体所见、心电图、评分：数据中没有，全部按未查计",
        "院前：这是韩国两家医院的急诊室，量表也不同",
    ],
    "en": [
        "children, newborns and mothers: the visits are adults' and say nothing of pregnancy",
        "what changes over time: a visit holds one set of values",
        "findings, ECG, scales: the visits hold none, so all count as not looked at",
        "anything pre-hospital: two emergency departments in Korea, and another scale",
    ],
}


class Judged(NamedTuple):
    """A visit and the decision on it."""

    visit: Visit
    decision: TriageDecided


def report(judged: Sequence[Judged], edition: Edition, version: str) -> dict[str, Any]:
    """Everything that is measured, for a machine to read."""
    ours = compared([(j.visit.expert, j.decision.worst) for j in judged])
    nurses = compared([(j.visit.expert, j.visit.nurse) for j in judged])
    severe = ours["severe_or_worse"]
    return {
        "protocols": version,
        "green_channel": ours,
        "nurses": nurses,
        "asked": {
            **ASKED,
            "holds": severe["sensitivity"]["share"] >= ASKED["sensitivity"]
            and severe["specificity"]["share"] >= ASKED["specificity"]
            and ours["level_one_missed"] <= ASKED["level_one_missed"],
        },
        "level_one_missed": [_explained(j, edition) for j in _missed(judged)],
        "centres": _centres(judged),
        "alarms_per_100_visits": _alarms(judged),
        "rules": precision(_rules(judged)),
        "not_measured": NOT_MEASURED,
    }


def _missed(judged: Sequence[Judged]) -> Iterator[Judged]:
    for each in judged:
        is_first = each.visit.expert is TriageLevel.CRITICAL
        if is_first and each.decision.worst is not TriageLevel.CRITICAL:
            yield each


def _explained(judged: Judged, edition: Edition) -> dict[str, Any]:
    decision = judged.decision
    return {
        "place": judged.visit.place,
        "complaint": judged.visit.snapshot.complaint,
        "diagnosis": judged.visit.diagnosis,
        "nurse": judged.visit.nurse.value,
        "green_channel": decision.worst.value,
        "inputs": {i.name: i.value for i in decision.inputs},
        "zh": list(rendered(decision, "zh", edition.frame)),
        "en": list(rendered(decision, "en", edition.frame)),
    }


def _centres(judged: Sequence[Judged]) -> dict[str, Any]:
    """Of each centre how often it was told, how loudly, and how often rightly."""
    found = {}
    for centre in Centre:
        told = [
            (j, concern) for j in judged for concern in j.decision.centres
            if concern.centre is centre
        ]  # fmt: skip
        loud = Counter(concern.activation.value for _, concern in told)
        right = [j.visit.is_of(centre) for j, _ in told]
        concerned = [j.visit.is_of(centre) for j in judged]
        known = bool(concerned) and concerned[0] is not None
        found[centre.value] = {
            "told": len(told),
            "as": dict(loud),
            "positive_predictive_value": Share(sum(map(bool, right)), len(right)).told()
            if known
            else None,
            "found_of_those_concerned": Share(
                sum(map(bool, right)), sum(map(bool, concerned))
            ).told()
            if known
            else None,
        }
    return found


def _alarms(judged: Sequence[Judged]) -> dict[str, float]:
    """What a department hears, for every hundred who come."""
    counts = Counter[str]()
    for _, decision in judged:
        counts["severe_or_worse"] += is_severe(decision.worst)
        counts["any_notice"] += bool(decision.centres)
        counts["any_alarm"] += any(
            concern.activation is not Activation.NOTICE for concern in decision.centres
        )
    names = ("severe_or_worse", "any_notice", "any_alarm")
    return {name: round(100 * counts[name] / len(judged), 1) for name in names}


def _rules(judged: Sequence[Judged]) -> Iterator[tuple[str, bool]]:
    """Of each rule for Ⅰ or Ⅱ that fired, whether the expert says Ⅰ or Ⅱ too."""
    for visit, decision in judged:
        for reason in decision.reasons:
            if is_severe(reason.level):
                yield reason.rule, is_severe(visit.expert)
