"""The rules of the centres as data: when one is concerned, how loudly, and what it needs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Annotated

from pydantic import AwareDatetime, Field, model_validator

from schemas.encounter import Complaint
from schemas.triage import Activation, Centre, DirectTo
from services.triage.band import Rule
from services.triage.condition import Condition
from services.triage.picture import Picture
from services.triage.terms import ItemName, Said, SignName, Sourced

LOUDNESS = {Activation.NOTICE: 1, Activation.ALERT: 2, Activation.ACTIVATE: 3}


class CentreRule(Sourced):
    """A condition and how loudly it speaks."""

    when: Condition
    activation: Activation
    text: Said
    direct_to: DirectTo | None = None


class Need(Sourced):
    """Something that a centre needs to know, as a question for the crew.

    Asked where the centre is concerned, or where ``when`` holds.
    """

    item: ItemName
    question: Said
    #: A number is needed: that it could not be measured is no answer.
    measured: bool = False
    #: The larger, the sooner it is asked.
    value: Annotated[int, Field(ge=1, le=9)]
    when: Condition | None = None


class CentreProtocol(Rule):
    """When one centre is concerned, and what it needs."""

    rules: Mapping[str, CentreRule]
    needs: tuple[Need, ...] = ()


class Injury(Rule):
    """What counts as injured."""

    any_complaint: tuple[Complaint, ...]
    any_sign: tuple[SignName, ...]


class Arrest(Sourced):
    """What says that an arrest runs, and the only place to which a way is proposed meanwhile."""

    begins: SignName
    #: Said later, or at the same moment, it ends the arrest.
    ends: SignName
    way: DirectTo
    #: What tells of it by its own value stands where it stands; before all else stands the arrest.
    shown_by: tuple[ItemName, ...]

    def runs(self, picture: Picture) -> bool:
        """Whether the arrest is the last word."""
        began, ended = picture.word(self.begins), picture.word(self.ends)
        if began is None or not began.present:
            return False
        return ended is None or not ended.present or ended.at < began.at


class Centres(Rule):
    """All centres' rules, one version."""

    version: str
    effective_from: AwareDatetime
    injury: Injury
    arrest: Arrest
    centres: Mapping[Centre, CentreProtocol]

    @model_validator(mode="after")
    def _check(self) -> Centres:
        if set(self.centres) != set(Centre):
            absent = sorted(set(Centre) - set(self.centres))
            raise ValueError(f"no rules for {', '.join(absent)}")
        return self

    def conditions(self) -> Iterator[Condition]:
        """Every condition that is asked, and all that it is made of."""
        for protocol in self.centres.values():
            for rule in protocol.rules.values():
                yield from rule.when.parts()
            for need in protocol.needs:
                if need.when is not None:
                    yield from need.when.parts()

    @cached_property
    def order(self) -> Mapping[str, int]:
        """Where each rule stands: of equally loud ones the first speaks."""
        names = [
            f"{c.value}.{name}" for c, protocol in self.centres.items() for name in protocol.rules
        ]
        return {name: place for place, name in enumerate(names)}
