"""The decision: levels, centres and what is missing, from a picture and the protocols.

``worst`` only rises; ``current`` is what the values say now. Nothing here knows a number.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from schemas.clinical import LevelOverridden
from schemas.envelope import derived_id
from schemas.event import Event
from schemas.triage import (
    Bilingual,
    Input,
    ProtocolVersion,
    Reason,
    TriageDecided,
    TriageLevel,
)
from services.triage.centres import Concern, concerned
from services.triage.picture import (
    Picture,
    Sample,
    as_said,
    as_streamed,
    fold,
    is_streamed,
    latest,
    measured,
)
from services.triage.protocol import Indicator, Protocol, Protocols, Sign

#: With fresh values alone, a decision goes out at most this often per encounter.
REFRESH = timedelta(seconds=5)
#: A decision names no more events than this: after a gap, thousands come at once.
MOST_PENDING = 500
#: How late a streamed sample may come where no protocol says so.
STALE = timedelta(seconds=120)

NO_PROTOCOL = Bilingual(
    zh="没有适用于该年龄的分诊规则，请人工定级", en="no protocol for this age: triage by hand"
)
#: The parts of the Glasgow Coma Scale, and the best that each can be.
GCS_PARTS = {"gcs_eye": 4, "gcs_verbal": 5, "gcs_motor": 6}


class Assessment(NamedTuple):
    """What the picture says at one moment. ``reached`` is for ``worst``: it may come from a human's
    word or a sample about an earlier moment, where ``current`` goes by newer values; and what a
    clinician has weighed when setting a level does not count again."""

    current: TriageLevel
    reached: TriageLevel
    reasons: tuple[Reason, ...]
    missing: tuple[str, ...]
    concern: Concern


def step(
    picture: Picture | None, encounter_id: str, event: Event, now: datetime, protocols: Protocols
) -> tuple[Picture, Sequence[TriageDecided]]:
    """Take in one event. What a human did goes out at once, streamed values when they changed
    something, and as a refresh."""
    before = picture or Picture(encounter_id=encounter_id)
    protocol = protocols.for_patient(before.patient, now)
    stale = timedelta(seconds=protocol.stream.stale_s) if protocol else STALE
    after = fold(before, event, now, stale)
    if after is before:
        return before, ()
    protocol = protocols.for_patient(after.patient, now)
    found = assess(after, protocol, protocols, now)
    said = as_streamed(before, after, event) if is_streamed(event) else as_said(after, event, now)
    if said is not None and said is not after:
        found = _with_said(found, assess(said, protocol, protocols, now))
    changed = not is_streamed(event) or _has_changed(after.decided, found)
    if not changed and not _is_due(after, now):
        return after, ()
    if isinstance(event, LevelOverridden):
        weighed, worst = tuple(reason.rule for reason in found.reasons), TriageLevel(event.level)
    else:
        weighed, worst = _still_weighed(after, found), _worst(after.decided, found)
    decision = _decision(after, found._replace(reached=worst), protocol, now, changed=changed)
    decided = {"decided": decision, "pending": (), "weighed": weighed}
    return after.model_copy(update=decided), [decision]


def assess(
    picture: Picture, protocol: Protocol | None, protocols: Protocols, now: datetime
) -> Assessment:
    """The level that the values of ``picture`` reach, why, and what is missing."""
    centres = protocols.centres_at(now)
    decided = picture.decided.worst if picture.decided else TriageLevel.NOT_YET
    if protocol is None:
        concern = concerned(picture, centres, decided, now)
        return Assessment(TriageLevel.NOT_YET, TriageLevel.NOT_YET, (), ("protocol",), concern)
    reasons = _most_urgent_first(_reasons(picture, protocol))
    missing = tuple(n for n in protocol.required if not _is_known(picture, protocol, n))
    if "gcs" in protocol.indicators and _is_gcs_begun(picture):
        missing = (*missing, "gcs")
    nothing = TriageLevel.NOT_YET if missing else TriageLevel.NON_URGENT
    current = reasons[0].level if reasons else nothing
    new = (reason.level for reason in reasons if reason.rule not in picture.weighed)
    reached = next(new, TriageLevel.NOT_YET) if picture.weighed else current
    worst = max(reached, decided, key=lambda level: level.urgency)
    concern = concerned(picture, centres, worst, now)
    return Assessment(current, reached, reasons, missing, concern)


def _with_said(found: Assessment, said: Assessment) -> Assessment:
    """What newer values say, with the reasons of an older word that is no less urgent."""
    if said.reached.urgency < found.reached.urgency:
        return found
    reasons = _most_urgent_first(dict.fromkeys((*found.reasons, *said.reasons)))
    return found._replace(reached=said.reached, reasons=reasons)


def _still_weighed(picture: Picture, found: Assessment) -> tuple[str, ...]:
    """What a clinician weighed counts again once it was gone in between."""
    if not picture.weighed:
        return ()
    firing = {reason.rule for reason in found.reasons}
    return tuple(rule for rule in picture.weighed if rule in firing)


def _most_urgent_first(reasons: Iterable[Reason]) -> tuple[Reason, ...]:
    return tuple(sorted(reasons, key=lambda reason: -reason.level.urgency))


def _reasons(picture: Picture, protocol: Protocol) -> Iterator[Reason]:
    """Every rule that speaks for more than non-urgent."""
    if protocol.baseline is not None:
        yield _sign("baseline", protocol.baseline)
    for name, indicator in protocol.indicators.items():
        reason = _of_indicator(picture, protocol, name, indicator)
        if reason is not None:
            yield reason
    for name, words in protocol.words.items():
        known = latest(picture, name)
        level = words.levels.get(str(known[0].value)) if known else None
        if known and level and level is not TriageLevel.NON_URGENT:
            text = Bilingual(
                zh=f"{words.name.zh} {known[0].value}", en=f"{words.name.en} {known[0].value}"
            )
            yield Reason(
                rule=name, level=level, text=text, source=words.source, evidence=words.evidence
            )
    for name, sign in protocol.signs.items():
        if picture.shows(name):
            yield _sign(name, sign)


def _sign(name: str, sign: Sign) -> Reason:
    return Reason(
        rule=name, level=sign.level, text=sign.text, source=sign.source, evidence=sign.evidence
    )


def _of_indicator(
    picture: Picture, protocol: Protocol, name: str, indicator: Indicator
) -> Reason | None:
    if name == "gcs":
        return _of_gcs(picture, protocol, indicator)
    known = latest(picture, name)
    if known is None:
        return None
    sample, method = known
    if _is_too_early(picture, indicator, sample):
        return None
    if method == "streamed":
        value = _confirmed(measured(picture, name), protocol, indicator)
        return _reason(name, indicator, value) if value is not None else None
    if sample.value == "unmeasurable":
        return _unmeasurable(name, indicator, protocol)
    return _reason(name, indicator, float(sample.value))  # type: ignore[arg-type]


def _is_too_early(picture: Picture, indicator: Indicator, sample: Sample) -> bool:
    """Whether a newborn was too young for this rule when it was measured."""
    born = picture.patient.birth_time
    if not indicator.from_minute or born is None:
        return False
    return sample.at - born < timedelta(minutes=indicator.from_minute)


def _confirmed(samples: Sequence[Sample], protocol: Protocol, indicator: Indicator) -> float | None:
    """The value that a second sample bears out: the second most urgent of the last few.

    Of a device that samples more slowly than the window, the last two count. A lone sample
    counts only when it is normal.
    """
    rule, newest = protocol.stream, samples[-1]
    last = samples[-rule.of :]
    window = [s for s in last if abs((newest.at - s.at).total_seconds()) <= rule.within_s]
    if len(window) < 2:
        window = list(last[-2:])
    values = [float(s.value) for s in window if isinstance(s.value, int | float)]
    values.sort(key=lambda v: -indicator.level(v)[0].urgency)
    if len(values) >= 2:
        return values[1]
    return values[0] if values and indicator.level(values[0])[0] is TriageLevel.NON_URGENT else None


def _of_gcs(picture: Picture, protocol: Protocol, indicator: Indicator) -> Reason | None:
    """The sum of the three parts; of some of them, the most that the sum can be."""
    parts = {part: found[0].value for part in GCS_PARTS if (found := latest(picture, part))}
    if "unmeasurable" in parts.values():
        return _unmeasurable("gcs", indicator, protocol)
    if not parts:
        return None
    known = {part: float(value) for part, value in parts.items() if isinstance(value, int | float)}
    total = sum(known.get(part, float(best)) for part, best in GCS_PARTS.items())
    return _reason("gcs", indicator, total, "" if len(parts) == len(GCS_PARTS) else "≤ ")


def _is_gcs_begun(picture: Picture) -> bool:
    """Whether some of the parts are known, and not all."""
    return 0 < sum(latest(picture, part) is not None for part in GCS_PARTS) < len(GCS_PARTS)


def _reason(name: str, indicator: Indicator, value: float, at_most: str = "") -> Reason | None:
    """None for a value that is no reason; most are not, and need no text."""
    level, band = indicator.level(value)
    if level is TriageLevel.NON_URGENT:
        return None
    tail = f"{at_most}{value:g} {indicator.unit}（{indicator.range_text(band)}）"
    return Reason(
        rule=f"{name}.{band}",
        level=level,
        text=Bilingual(
            zh=f"{indicator.name.zh} {tail}",
            en=f"{indicator.name.en} {tail.replace('（', ' (').replace('）', ')')}",
        ),
        source=indicator.source,
        evidence=indicator.evidence,
    )


def _unmeasurable(name: str, indicator: Indicator, protocol: Protocol) -> Reason:
    return Reason(
        rule=f"{name}.unmeasurable",
        level=indicator.most_urgent,
        text=Bilingual(zh=f"{indicator.name.zh} 测不出", en=f"{indicator.name.en} unmeasurable"),
        source="design",
        evidence=protocol.unmeasurable.evidence,
    )


def _is_known(picture: Picture, protocol: Protocol, name: str) -> bool:
    """Whether a required value was measured. One sample that nothing bears out is not yet."""
    known = latest(picture, name)
    if known is None:
        return False
    if name in protocol.words:
        return known[0].value in protocol.words[name].levels
    if known[1] == "reading":
        return True
    return _confirmed(measured(picture, name), protocol, protocol.indicators[name]) is not None


def _has_changed(last: TriageDecided | None, found: Assessment) -> bool:
    if last is None:
        return True
    said = (last.current, last.missing, last.centres)
    rises = found.reached.urgency > last.worst.urgency
    return rises or (found.current, found.missing, found.concern.centres) != said


def _is_due(picture: Picture, now: datetime) -> bool:
    last, pending = picture.decided, len(picture.pending)
    return pending >= MOST_PENDING or (
        pending > 0 and (last is None or now - last.occurred_at >= REFRESH)
    )


def _worst(last: TriageDecided | None, found: Assessment) -> TriageLevel:
    """It only rises here: no value and no lack of one lowers it."""
    return max(last.worst if last else found.reached, found.reached, key=lambda lv: lv.urgency)


def _decision(
    picture: Picture, found: Assessment, protocol: Protocol | None, now: datetime, *, changed: bool
) -> TriageDecided:
    """``found.reached`` is the worst by now."""
    last = picture.decided
    number = last.number + 1 if last else 1
    questions = found.concern.questions if protocol else (NO_PROTOCOL, *found.concern.questions)
    return TriageDecided(
        event_id=derived_id("decision", picture.encounter_id, number),
        occurred_at=now,
        recorded_at=now,
        encounter_id=picture.encounter_id,
        number=number,
        changed=changed,
        worst=found.reached,
        current=found.current,
        trend=_trend(last, found.current),
        protocol=ProtocolVersion(protocol=protocol.protocol, version=protocol.version)
        if protocol
        else None,
        reasons=found.reasons,
        inputs=_inputs(picture),
        missing=found.missing,
        invalid=tuple(i for _, i in sorted(picture.impossible.items())),
        questions=questions,
        centres=found.concern.centres,
        override=picture.override,
        folded=picture.pending,
    )


def _trend(last: TriageDecided | None, current: TriageLevel) -> str:
    """Between no evidence and some there is no way up or down."""
    if last is None or TriageLevel.NOT_YET in (last.current, current):
        return "same"
    if last.current is current:
        return last.trend
    return "worse" if current.urgency > last.current.urgency else "better"


def _inputs(picture: Picture) -> tuple[Input, ...]:
    names = sorted(picture.streams.keys() | picture.readings.keys())
    known = ((name, latest(picture, name)) for name in names)
    return tuple(
        Input(
            name=name,
            value=found[0].value,
            occurred_at=found[0].at,
            method=found[1],
            device_time=found[0].device_time,
        )
        for name, found in known
        if found
    )
