"""Which centres are concerned, and what they need to know."""

from __future__ import annotations

from typing import NamedTuple

from schemas.triage import Activation, Bilingual, CentreConcern
from services.triage.picture import Picture
from services.triage.protocol import CentreCondition, CentreProtocol, Centres

_LOUDNESS = {Activation.NOTICE: 1, Activation.ALERT: 2, Activation.ACTIVATE: 3}


class Concern(NamedTuple):
    """The centres concerned, each with its loudest reason, and the questions they leave open."""

    centres: tuple[CentreConcern, ...]
    questions: tuple[Bilingual, ...]


def concerned(picture: Picture, rules: Centres) -> Concern:
    """Apply the centres' rules to a picture. Activation is proposed here, done by a human."""
    found, questions = [], []
    for centre, protocol in rules.centres.items():
        firing = [rule for rule in protocol.rules if _holds(picture, rule.when)]
        if not firing:
            continue
        loudest = max(firing, key=lambda rule: _LOUDNESS[rule.activation])
        found.append(
            CentreConcern(
                centre=centre,
                activation=loudest.activation,
                text=loudest.text,
                source=loudest.source,
            )
        )
        questions += _open_questions(picture, protocol)
    return Concern(tuple(found), tuple(questions))


def _holds(picture: Picture, when: CentreCondition) -> bool:
    if when.complaint is not None:
        return picture.patient.complaint is when.complaint
    return when.sign is not None and picture.shows(when.sign)


def _open_questions(picture: Picture, protocol: CentreProtocol) -> list[Bilingual]:
    return [need.question for need in protocol.needs if need.item not in picture.examined]
