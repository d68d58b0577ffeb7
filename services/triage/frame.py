"""What holds for every protocol of a set: how each vital sign is taken, when a value counts, and
what the site has set."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from functools import cached_property
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import AwareDatetime, Field, model_validator

from schemas.clinical import VitalSigns
from schemas.triage import Bilingual, Evidence, TriageLevel
from services.triage.band import Rule
from services.triage.picture import KEPT, Method
from services.triage.terms import Said, SignName, VitalName


class StreamRule(Rule):
    """When a streamed value counts: a second of ``of`` samples within ``within_s`` agrees. A 0 that
    nobody has answered for ``unanswered_s`` is shown as unconfirmed."""

    of: Annotated[int, Field(ge=2, le=KEPT)]
    within_s: Annotated[float, Field(gt=0)]
    stale_s: Annotated[float, Field(gt=0)]
    unanswered_s: Annotated[float, Field(gt=0)]
    evidence: Evidence

    @cached_property
    def within(self) -> timedelta:
        """So far apart two samples may lie that bear each other out."""
        return timedelta(seconds=self.within_s)

    @cached_property
    def stale(self) -> timedelta:
        """How old a streamed sample may be."""
        return timedelta(seconds=self.stale_s)


class Vital(Rule):
    """One vital sign: how a monitor takes it, and how long a human's reading is good for.

    ``now_and_then`` (a cuff, a thermometer) acts at the first value, ``continuously`` at the second
    of three. ``repeat`` asks for a second reading where the first one raises a level.
    """

    name: Said
    unit: str
    monitored: Literal["continuously", "now_and_then"]
    good_for_min: Annotated[float, Field(gt=0)]
    repeat: bool = False
    #: What the crew is asked when the signal is lost.
    lost: Said | None = None


class Place(NamedTuple):
    """An indicator, and whether more of it (1) or less (-1) is worse."""

    name: str
    towards: int


class Deterioration(Rule):
    """After a clinician has set a level, a value that was weighed then raises it again where it has
    become worse by so much, or has come to 0."""

    by: Mapping[str, Annotated[float, Field(gt=0)]]
    evidence: Evidence


class Site(Rule):
    """What a site sets for itself."""

    newborn_below: str
    child_below: str
    postpartum_days: Annotated[int, Field(gt=0)]
    #: Metres above the sea. No source gives other bands for saturation: it is shown beside them.
    altitude_m: Annotated[int, Field(ge=-500, le=6000)] = 0
    respond_within_min: Mapping[TriageLevel, Annotated[float, Field(ge=0)]]

    @property
    def ages(self) -> Mapping[str, str]:
        """The ages that other documents name."""
        return {"newborn_below": self.newborn_below, "child_below": self.child_below}


class Frame(Rule):
    """One version of what holds for a whole set."""

    set: str
    version: str
    effective_from: AwareDatetime
    name: Said
    stream: StreamRule
    vitals: Mapping[VitalName, Vital]
    deterioration: Deterioration
    #: Findings that there are in pregnancy alone: they say so where nobody has said it yet.
    pregnant_by: tuple[SignName, ...] = ()
    site: Site

    @model_validator(mode="after")
    def _check(self) -> Frame:
        absent = set(VitalSigns.model_fields) - {"on_oxygen"} - set(self.vitals)
        if absent:
            raise ValueError(f"vital signs without a name: {sorted(absent)}")
        return self

    def good_for(self, name: str, method: Method) -> timedelta:
        """For how long a value says what is now: of a stream not long, of a cuff as of a human."""
        return self._good_for[name, method]

    def is_worse(self, place: Place | None, value: float | str, weighed: float | str) -> bool:
        """Whether a value is worse than what a clinician has weighed, beyond what any value varies
        by. Of a number whose band ends on both sides the next band says so."""
        if place is None or not isinstance(value, float | int):
            return False
        if value == 0 and weighed != 0:
            return True
        margin = self.deterioration.by.get(place.name)
        if margin is None or not isinstance(weighed, float | int):
            return False
        return (value - weighed) * place.towards >= margin

    @cached_property
    def _good_for(self) -> Mapping[tuple[str, Method], timedelta]:
        found: dict[tuple[str, Method], timedelta] = {}
        for name, vital in self.vitals.items():
            of_human = timedelta(minutes=vital.good_for_min)
            is_continuous = vital.monitored == "continuously"
            found[name, "reading"] = of_human
            found[name, "streamed"] = self.stream.stale if is_continuous else of_human
        return found

    def named(self, name: str) -> Bilingual:
        """What a human calls a vital sign."""
        return self.vitals[name].name


def with_site(document: Mapping[str, Any], site: Mapping[str, Any]) -> Mapping[str, Any]:
    """The document of a frame with what a site sets otherwise."""
    return {**document, "site": {**document.get("site", {}), **site}}
