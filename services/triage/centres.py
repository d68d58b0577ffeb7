"""Which centres are concerned, and what they need to know."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import NamedTuple

from schemas.triage import Activation, Bilingual, CentreConcern, TriageLevel
from services.triage.picture import Picture, latest, measured
from services.triage.protocol import (
    CentreCondition,
    CentreProtocol,
    Centres,
    StreamRule,
    age_of,
    is_obstetric,
)

_LOUDNESS = {Activation.NOTICE: 1, Activation.ALERT: 2, Activation.ACTIVATE: 3}


class Concern(NamedTuple):
    """The centres concerned, each with its loudest reason, and the questions they leave open."""

    centres: tuple[CentreConcern, ...]
    questions: tuple[Bilingual, ...]


def concerned(picture: Picture, rules: Centres, worst: TriageLevel, now: datetime) -> Concern:
    """Apply the centres' rules to a picture. Activation is proposed here, done by a human."""
    found, questions = [], []
    for centre, protocol in rules.centres.items():
        firing = [
            rule
            for rule in protocol.rules
            if all(_conditions(picture, rule.when, rules.stream, worst, now))
        ]
        if not firing:
            continue
        loudest = max(firing, key=lambda rule: _LOUDNESS[rule.activation])
        found.append(
            CentreConcern(
                centre=centre,
                activation=loudest.activation,
                text=loudest.text,
                source=loudest.source,
                direct_to=loudest.direct_to,
            )
        )
        questions += _open_questions(picture, protocol)
    return Concern(tuple(found), tuple(questions))


def _conditions(
    picture: Picture, when: CentreCondition, stream: StreamRule, worst: TriageLevel, now: datetime
) -> Iterator[bool]:
    """Whether each condition that is named holds; the cheap ones first."""
    patient = picture.patient
    if when.complaint is not None:
        yield patient.complaint is when.complaint
    if when.obstetric is not None:
        yield is_obstetric(patient) is when.obstetric
    if when.ages is not None:
        yield when.ages.holds(age_of(patient, now))
    if when.level is not None:
        yield worst.urgency >= when.level.urgency
    if when.any_sign:
        yield any(map(picture.shows, when.any_sign))
    if (limit := when.limit) is not None:
        yield _holds(picture, limit.name, stream, limit.is_passed, limit.below is not None)
    if when.exceeds is not None:
        greater, lesser = when.exceeds
        other = latest(picture, lesser)
        if other is None or not isinstance(other[0].value, int | float):
            yield False
        else:
            least = float(other[0].value)
            yield _holds(picture, greater, stream, lambda value: value > least, False)


def _holds(
    picture: Picture,
    name: str,
    stream: StreamRule,
    test: Callable[[float], bool],
    is_low: bool,
) -> bool:
    """Whether a reading passes the test, or two of the last streamed values do."""
    known = latest(picture, name)
    if known is None:
        return False
    newest, method = known
    if method == "reading":
        value = newest.value
        return is_low if value == "unmeasurable" else isinstance(value, float) and test(value)
    last = list(measured(picture, name)[-stream.of :])
    window = [s for s in last if abs((newest.at - s.at).total_seconds()) <= stream.within_s]
    if len(window) < 2:
        window = last[-2:]  # of what is measured more slowly, the last two
    return sum(test(float(s.value)) for s in window if isinstance(s.value, int | float)) > 1


def _open_questions(picture: Picture, protocol: CentreProtocol) -> list[Bilingual]:
    return [
        need.question
        for need in protocol.needs
        if need.item not in picture.examinations and latest(picture, need.item) is None
    ]
