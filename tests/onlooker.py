"""Who may know what of a patient, from what has happened alone. The bridge is judged by it, and has
no line in common with it.

Everything that anybody learns bears a mark of its own. A facility may know the marks that were
learned while, or before, the patient was bound for it, and those of its own acts; no others, ever.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from schemas.encounter import DestinationSelected, EncounterEnded, EncounterEvent
from schemas.event import Event
from schemas.handoff import AdmissionOpened, PreArrivalNotified

NAME = re.compile(r"E-who-\d+")
MARK = re.compile(r"mk\d+x")
NUMBER = re.compile(r"(?:GC|WB)-(\d{8}-\d+)")
#: A record by FHIR's identifier: the patient and the version.
BUNDLE = re.compile(r"(E-who-\d+)\.(\d+)")
#: Who was brought, or died on the way, is still the hospital's.
STAYS = {"transported", "died_en_route"}


@dataclass
class Journey:
    """One patient."""

    name: str
    #: Where a human has sent them last, and whether they are on that facility's list.
    facility: str | None = None
    comes: bool = False
    ended: bool = False
    handed_over: bool = False
    known: set[str] = field(default_factory=set)
    #: Each facility that they were ever bound for, with what it may know.
    may: dict[str, set[str]] = field(default_factory=dict)
    #: The versions that went there.
    versions: dict[str, set[int]] = field(default_factory=lambda: defaultdict(set))
    taken: set[tuple[str, str]] = field(default_factory=set)

    def is_at(self, facility: str) -> bool:
        """Whether this facility may ask for them now."""
        return self.comes and self.facility == facility

    def hears(self, event: Event, numbers: set[str]) -> None:
        """Something has happened; ``numbers`` are what an admission that it opened was given."""
        name = type(event).__name__, event.event_id
        if name in self.taken:
            return
        self.taken.add(name)
        match event:
            case DestinationSelected() if not self.handed_over:
                if self.facility != event.facility_id:
                    self.facility, self.comes = event.facility_id, not self.ended
            case EncounterEnded():
                self.comes = self.comes and (self.handed_over or event.outcome.value in STAYS)
                self.ended = True
        self.known |= numbers | set(MARK.findall(event.model_dump_json()))
        self._tell()

    def _tell(self) -> None:
        if self.comes and self.facility is not None:
            self.may.setdefault(self.facility, set()).update(self.known)


@dataclass
class Onlooker:
    """All patients, and what is wrong with what facilities were given."""

    facilities: Sequence[str]
    journeys: dict[str, Journey] = field(default_factory=dict)

    def of(self, name: str) -> Journey:
        """This patient."""
        return self.journeys.setdefault(name, Journey(name))

    def saw(self, event: EncounterEvent, followed: Sequence[Event]) -> None:
        """What the bridge took in, and what followed from it at once."""
        journey = self.of(event.encounter_id)
        opened = [each for each in followed if isinstance(each, AdmissionOpened)]
        numbers = {each.admission.admission_number.removeprefix("GC-") for each in opened}
        journey.hears(event, numbers)
        for each in followed:
            self.told(each)

    def told(self, event: Event) -> None:
        """A version of a record goes to a facility: it has to be the one that was chosen."""
        if isinstance(event, PreArrivalNotified):
            journey = self.of(event.encounter_id)
            if event.version not in journey.versions[event.facility_id]:
                assert journey.is_at(event.facility_id), f"{event.version} to {event.facility_id}"
                others = (journey.versions[f] for f in self.facilities if f != event.facility_id)
                assert all(event.version not in versions for versions in others)
                journey.versions[event.facility_id].add(event.version)

    def did(self, facility: str, name: str, marks: set[str], *, hands_over: bool) -> None:
        """An act of the facility that was accepted: its own words are its own."""
        journey = self.of(name)
        journey.may[facility] |= marks
        journey.handed_over = journey.handed_over or hands_over

    def at(self, facility: str, *, open_only: bool = False) -> set[str]:
        """Who is bound for this facility, or was handed over there."""
        found = (each for each in self.journeys.values() if each.is_at(facility))
        return {each.name for each in found if not (open_only and each.handed_over)}

    def ever_at(self, facility: str) -> set[str]:
        """Who ever was."""
        return {each.name for each in self.journeys.values() if facility in each.may}

    def wrong(self, facility: str, text: str) -> Iterator[str]:
        """What of this text the facility may not know."""
        names = set(NAME.findall(text))
        for name in names - self.ever_at(facility):
            yield f"{name}, who was never bound for it"
        journeys = [self.of(name) for name in names]
        may = set().union(*(each.may.get(facility, set()) for each in journeys))
        found = set(MARK.findall(text)) | set(NUMBER.findall(text))
        for mark in sorted(found - may):
            yield f"{mark}, of {names}"
        for other in set(self.facilities) - {facility}:
            if other in text:
                yield f"that {other} has to do with {names}"
        for name, version in _versions(text):
            if version not in self.of(name).versions[facility]:
                yield f"version {version} of {name}"


def _versions(text: str) -> Iterator[tuple[str, int]]:
    """Every version of a record that is told of."""
    yield from ((name, int(number)) for name, number in BUNDLE.findall(text))
    if text.startswith("{"):
        yield from _within(json.loads(text))


def _within(said: Any) -> Iterator[tuple[str, int]]:
    if isinstance(said, dict):
        if "record" in said:  # what the facility itself says of a version is its own
            yield said["encounter_id"], said["version"]
        for each in said.values():
            yield from _within(each)
    elif isinstance(said, list):
        for each in said:
            yield from _within(each)
