"""A decision as a page of text, in Chinese or English."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from schemas.triage import (
    Activation,
    Bilingual,
    Centre,
    CentreConcern,
    DirectTo,
    LostSignal,
    Reason,
    TriageDecided,
    TriageLevel,
)
from services.triage.frame import Frame

LEVELS = {
    TriageLevel.CRITICAL: Bilingual(zh="Ⅰ 濒危", en="Ⅰ critical"),
    TriageLevel.SEVERE: Bilingual(zh="Ⅱ 危重", en="Ⅱ severe"),
    TriageLevel.URGENT: Bilingual(zh="Ⅲ 急症", en="Ⅲ urgent"),
    TriageLevel.NON_URGENT: Bilingual(zh="Ⅳ 非急症", en="Ⅳ non-urgent"),
    TriageLevel.NOT_YET: Bilingual(zh="尚无级别", en="no level yet"),
}
CENTRES = {
    Centre.EMERGENCY: Bilingual(zh="急诊", en="emergency"),
    Centre.CHEST_PAIN: Bilingual(zh="胸痛中心", en="chest-pain centre"),
    Centre.STROKE: Bilingual(zh="卒中中心", en="stroke centre"),
    Centre.TRAUMA: Bilingual(zh="创伤中心", en="trauma centre"),
    Centre.MATERNAL: Bilingual(zh="危重孕产妇中心", en="centre for critical mothers"),
    Centre.NEONATAL: Bilingual(zh="危重儿童和新生儿中心", en="centre for critical children"),
}
ACTIVATIONS = {
    Activation.NOTICE: Bilingual(zh="告知", en="notice"),
    Activation.ALERT: Bilingual(zh="提醒护士", en="alert"),
    Activation.ACTIVATE: Bilingual(zh="建议启动团队", en="proposes to activate the team"),
}
PLACES = {
    DirectTo.RESUS: Bilingual(zh="抢救室", en="resuscitation room"),
    DirectTo.CATH_LAB: Bilingual(zh="导管室", en="catheter laboratory"),
    DirectTo.THEATRE: Bilingual(zh="手术室", en="theatre"),
    DirectTo.ICU: Bilingual(zh="重症监护室", en="intensive care"),
    DirectTo.CT: Bilingual(zh="CT 室", en="CT"),
    DirectTo.DELIVERY_ROOM: Bilingual(zh="产房", en="delivery room"),
    DirectTo.PICU: Bilingual(zh="儿童重症监护室", en="paediatric intensive care"),
    DirectTo.NICU: Bilingual(zh="新生儿重症监护室", en="neonatal intensive care"),
}
WORDS = {
    "now": Bilingual(zh="目前", en="now"),
    "reasons": Bilingual(zh="依据", en="Because"),
    "earlier": Bilingual(zh="先前曾达", en="Reached before"),
    "taken_back": Bilingual(zh="已撤回", en="Taken back"),
    "missing": Bilingual(zh="缺", en="Missing"),
    "lost": Bilingual(zh="信号丢失", en="Lost signal"),
    "unconfirmed": Bilingual(zh="未确认", en="unconfirmed"),
    "invalid": Bilingual(zh="不可能的数值", en="Cannot be true"),
    "scores": Bilingual(zh="评分", en="Scores"),
    "centres": Bilingual(zh="中心", en="Centres"),
    "proposed": Bilingual(zh="建议直达，待人确认", en="proposed, until a human confirms"),
    "asks": Bilingual(zh="请", en="Asks"),
    "override": Bilingual(zh="医务人员定级", en="Set by a clinician"),
    "within": Bilingual(zh="分钟内响应", en="min to respond"),
    "at_once": Bilingual(zh="立即响应", en="respond at once"),
    "by": Bilingual(zh="规则", en="By"),
}


def rendered(decision: TriageDecided, lang: str, frame: Frame) -> Iterator[str]:
    """The lines of a decision; ``lang`` is zh or en."""
    tongue = _Tongue(lang, frame)
    yield _head(decision, tongue)
    for title, lines in _parts(decision, tongue):
        if lines:
            yield f"  {tongue.word(title)}{tongue.colon}".rstrip()
            yield from (f"    {line}" for line in lines)


class _Tongue(NamedTuple):
    lang: str
    frame: Frame

    @property
    def colon(self) -> str:
        return "：" if self.lang == "zh" else ":"

    def said(self, text: Bilingual) -> str:
        return text.zh if self.lang == "zh" else text.en

    def word(self, name: str) -> str:
        return self.said(WORDS[name])

    def named(self, name: str) -> str:
        return self.said(self.frame.named(name)) if name in self.frame.vitals else name


def _head(decision: TriageDecided, tongue: _Tongue) -> str:
    head = f"{decision.encounter_id}  {tongue.said(LEVELS[decision.worst])}"
    if decision.current is not decision.worst:
        head += f"  ({tongue.word('now')} {tongue.said(LEVELS[decision.current])})"
    limit = decision.respond_within_min
    if limit is None:
        return head
    return f"{head}  · " + (
        tongue.word("at_once") if limit == 0 else f"{limit:g} {tongue.word('within')}"
    )


def _parts(decision: TriageDecided, tongue: _Tongue) -> Iterator[tuple[str, list[str]]]:
    override, by = decision.override, decision.protocol
    if override is not None:
        yield "override", [f"{tongue.said(LEVELS[override.level])} · {override.reason}"]
    for title in ("reasons", "earlier", "taken_back"):
        yield title, [_reason(reason, tongue) for reason in getattr(decision, title)]
    comma = "、" if tongue.lang == "zh" else ", "
    missing = comma.join(map(tongue.named, decision.missing))
    yield "missing", [missing] if missing else []
    yield "lost", [_lost(lost, tongue) for lost in decision.lost]
    yield "invalid", [f"{tongue.named(i.name)} {_shown(i.value)}" for i in decision.invalid]
    yield "scores", [tongue.said(score.text) for score in decision.scores]
    yield "centres", [_centre(concern, tongue) for concern in decision.centres]
    yield "asks", [tongue.said(question) for question in decision.questions]
    yield "by", [f"{by.set or ''} {by.protocol} {by.version}".strip()] if by else []


def _reason(reason: Reason, tongue: _Tongue) -> str:
    level = LEVELS[reason.level].zh.partition(" ")[0]
    at = f"  {reason.at:%H:%M:%S}" if reason.at else ""
    return f"{level} {tongue.said(reason.text)}  [{reason.source} {reason.evidence}]{at}"


def _lost(lost: LostSignal, tongue: _Tongue) -> str:
    tail = f" ({tongue.word('unconfirmed')})" if lost.unconfirmed else ""
    return f"{tongue.named(lost.name)}{tail}"


def _centre(concern: CentreConcern, tongue: _Tongue) -> str:
    line = (
        f"{tongue.said(CENTRES[concern.centre])} · {tongue.said(ACTIVATIONS[concern.activation])}"
    )
    line += f"{tongue.colon} {tongue.said(concern.text)}"
    line += f" [{concern.source} {concern.evidence or ''}]"
    if concern.direct_to is not None:
        line += f" → {tongue.said(PLACES[concern.direct_to])} ({tongue.word('proposed')})"
    return line


def _shown(value: object) -> str:
    return str(getattr(value, "invalid", value))
