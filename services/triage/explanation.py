"""What a decision says, in words: a rule that fires becomes a reason a human can read."""

from __future__ import annotations

from schemas.triage import Bilingual, LostSignal, Reason, Span
from services.triage.assessment import Firing
from services.triage.facts import Facts
from services.triage.frame import Frame
from services.triage.picture import latest
from services.triage.protocol import Indicator

NO_PROTOCOL = Bilingual(
    zh="没有适用于该年龄的分诊规则，请人工定级", en="no protocol for this age: triage by hand"
)
#: What the marks of a value add to its text.
_MARKS = {
    "single_reading": ("单次测量，请复测", "single reading: repeat it"),
    "stale": ("已过时效", "old"),
    "in_gap": ("离线期间测得", "measured while nobody heard"),
}


def reason_of(firing: Firing, frame: Frame) -> Reason:
    """The rule that fired, the value it saw, the band it fell in, where the number comes from."""
    by = firing.by
    if isinstance(by, Indicator):
        zh, en = _of_number(firing, by, frame)
    else:
        zh, en = by.text.zh, by.text.en
    for mark in firing.marks:
        zh, en = f"{zh}［{_MARKS[mark][0]}］", f"{en} [{_MARKS[mark][1]}]"
    source, evidence = by.source, by.evidence
    if firing.rule.endswith(".unmeasurable"):
        source, evidence = "design", "design"
    return Reason.made(
        rule=firing.rule,
        level=firing.level,
        text=Bilingual.made(zh=zh, en=en),
        source=source,
        evidence=evidence,
        at=firing.at,
        band=_band(firing),
        marks=firing.marks,
    )


def _band(firing: Firing) -> Span | None:
    """The band that the value fell in; None where it is no number."""
    by = firing.by
    if not isinstance(by, Indicator) or firing.band is None:
        return None
    low, high = by.span(firing.band)
    return Span.made(name=firing.rule.rpartition(".")[0], low=low, high=high)


def _of_number(firing: Firing, by: Indicator, frame: Frame) -> tuple[str, str]:
    name = by.name
    if firing.band is None:
        return f"{name.zh} 测不出", f"{name.en} unmeasurable"
    value, span = f"{firing.bound}{firing.value:g} {by.unit}", by.range_text(firing.band)
    zh, en = f"{name.zh} {value}（{span}）", f"{name.en} {value} ({span})"
    metres = frame.site.altitude_m
    if metres > 0 and firing.rule.startswith("spo2."):
        return f"{zh}（海拔 {metres} m，界值按平原）", f"{en} (at {metres} m; bands of sea level)"
    return zh, en


def lost_signals(facts: Facts) -> tuple[LostSignal, ...]:
    """The signals that a monitor has lost, or has never shown, and the crew is asked for."""
    found, picture = [], facts.picture
    for name in picture.silent:
        shown = latest(picture, name)
        since = shown[0].at if shown else picture.silent_since.get(name)
        if since is None or facts.frame.vitals[name].lost is None:
            continue
        counted = facts.counted(name)
        if counted and (shown is None or counted.at > shown[0].at):
            continue  # two monitors say so: it is a 0
        waited = (facts.now - since).total_seconds()
        unconfirmed = waited >= facts.frame.stream.unanswered_s
        found.append(LostSignal(name=name, since=since, unconfirmed=unconfirmed))
    return tuple(sorted(found, key=lambda lost: lost.name))
