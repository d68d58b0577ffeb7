"""What a facility owes a patient bound for it: by when, and who hears of it if it is late; and the
ways into its own systems."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Annotated, Literal, Self, TypeAlias, TypeVar

from pydantic import AnyUrl, Field, model_validator

from schemas.clinical import QualityMark
from schemas.event import Identifier, Phone, Text, Value
from schemas.handoff import Addressee, Formality, Milestone, Owed, Zone
from schemas.triage import Bilingual, Centre, Evidence, TriageLevel
from services.kit.address import is_loopback

Seconds = Annotated[float, Field(ge=0)]
#: The same for every level, or by level; of a level that is not named there is none.
ByLevel = Seconds | Mapping[TriageLevel, Seconds]
T = TypeVar("T")
#: A moment that a clock of the green channel begins or ends with.
Step = Literal["at_patient", "first_ecg", "boarded", "arrived"] | Milestone

#: How a system of a hospital is told.
Channel: TypeAlias = Literal["hl7", "fhir", "webhook"]
#: What an address begins with: enciphered, and in clear, which is for this machine alone.
_SCHEMES: Mapping[Channel, tuple[str, str]] = {
    "hl7": ("mllps", "mllp"),
    "fhir": ("https", "http"),
    "webhook": ("https", "http"),
}


class Rung(Value):
    """One step of a ladder: who hears of it, so long after the step before."""

    to: Addressee
    after_s: Seconds = 0


class Term(Value):
    """By when something is owed: so long after it was asked for, or so long before the patient
    arrives, whichever is later."""

    name: Bilingual
    within_s: ByLevel | None = None
    before_arrival_s: ByLevel | None = None
    ladder: Annotated[tuple[Rung, ...], Field(min_length=1)]
    #: It is asked for again when the patient comes so much sooner than was known.
    again_if_sooner_by_s: Seconds | None = None
    source: Annotated[Text, Field(min_length=1)]
    evidence: Evidence

    def due(
        self, since: datetime, level: TriageLevel, arrives_at: datetime | None
    ) -> datetime | None:
        """When it is due; never, where nothing is said of this level."""
        within, before = _of(self.within_s, level), _of(self.before_arrival_s, level)
        times = [since + within] if within is not None else []
        if before is not None and arrives_at is not None:
            times.append(arrives_at - before)
        return max(times, default=None)

    def asks(self, level: TriageLevel) -> bool:
        """Whether anything is said of this level."""
        said = _of(self.within_s, level), _of(self.before_arrival_s, level)
        return said != (None, None)

    def rungs(self, due_at: datetime) -> Sequence[datetime]:
        """When each step of the ladder is taken."""
        found, at = [], due_at
        for rung in self.ladder:
            at += timedelta(seconds=rung.after_s)
            found.append(at)
        return found


def _of(given: ByLevel | None, level: TriageLevel) -> timedelta | None:
    seconds = given.get(level) if isinstance(given, Mapping) else given
    return None if seconds is None else timedelta(seconds=seconds)


class GreenClock(Value):
    """From one moment of a patient's way to another, and how long that may take."""

    name: Bilingual
    begins: Step
    ends: Step
    within_s: Annotated[float, Field(gt=0)]
    #: Of whom: of those whom another hospital or clinic sends on, or of those who come directly.
    of: Literal["direct", "transfer"] | None = None
    source: Annotated[Text, Field(min_length=1)]
    evidence: Evidence


class EmergencyBeds(Value):
    """How many emergency beds each department keeps."""

    kept: Annotated[int, Field(ge=1)]
    source: Annotated[Text, Field(min_length=1)]
    evidence: Evidence


class BedRules(Value):
    """When a report is too old, how long advice to send elsewhere stands at most, and for whom the
    emergency beds are kept."""

    known_for_s: Annotated[float, Field(gt=0)]
    divert_for_s: Annotated[float, Field(gt=0)]
    kept_for: frozenset[TriageLevel]
    source: Annotated[Text, Field(min_length=1)]
    evidence: Evidence
    emergency: EmergencyBeds

    @property
    def known_for(self) -> timedelta:
        """How long what was reported is known."""
        return timedelta(seconds=self.known_for_s)

    @property
    def divert_for(self) -> timedelta:
        """How long advice to send elsewhere stands at most."""
        return timedelta(seconds=self.divert_for_s)


class ArrivalRules(Value):
    """How long an arrival that was said by mistake may be taken back."""

    revocable_for_s: Annotated[float, Field(ge=0)]
    source: Annotated[Text, Field(min_length=1)]
    evidence: Evidence


class VitalsRules(Value):
    """After how long a monitor that spoke, and does not, is told as silent."""

    silent_after_s: Annotated[float, Field(gt=0)]
    source: Annotated[Text, Field(min_length=1)]
    evidence: Evidence


class Recognising(Value):
    """Under which marks an examination that was made elsewhere is relied on."""

    marks: frozenset[QualityMark]
    source: Annotated[Text, Field(min_length=1)]
    evidence: Evidence


class Interface(Value):
    """A way into a system of a hospital. It names where a secret lies and never holds one."""

    channel: Channel
    address: AnyUrl
    #: An environment variable, or a file by its whole path: the key that signs a webhook, or the
    #: bearer of a FHIR server.
    secret: Annotated[str, Field(pattern=r"^([A-Z][A-Z0-9_]*|/.+)$")] | None = None
    #: Who vouches for the hospital's certificate, where the system's list does not.
    ca_file: Annotated[str, Field(pattern=r"^/.+$")] | None = None

    @model_validator(mode="after")
    def _check(self) -> Interface:
        enciphered, clear = _SCHEMES[self.channel]
        if self.address.scheme not in (enciphered, clear):
            raise ValueError(f"an address of {self.channel} begins with {enciphered}://")
        if self.address.scheme == clear and not is_loopback(self.host):
            raise ValueError(f"in clear to this machine alone: write {enciphered}://")
        if self.channel == "hl7" and not (self.address.host and self.address.port):
            raise ValueError(f"an address is {enciphered}://HOST:PORT")
        if self.secret is None and self.channel == "webhook":
            raise ValueError("a webhook is signed: name where its secret lies")
        if self.secret is not None and self.channel == "hl7":
            raise ValueError("HL7 over MLLP has no place for a secret")
        if self.address.username or self.address.password:
            raise ValueError("an address holds no secret: name where it lies")
        return self

    @property
    def host(self) -> str:
        """Name or number, without the brackets of IPv6."""
        return (self.address.host or "").strip("[]")

    @property
    def is_enciphered(self) -> bool:
        """Whether it is spoken to by TLS."""
        return self.address.scheme == _SCHEMES[self.channel][0]


class Facility(Value):
    """What one facility keeps. What it does not say, all do."""

    name: Bilingual | None = None
    terms: Mapping[Owed, Term] = {}
    #: The departments that one key calls, by centre.
    teams: Mapping[Centre, tuple[Identifier, ...]] = {}
    #: Where each level is received.
    zones: Mapping[TriageLevel, Zone] = {}
    #: What is done after the patient is treated.
    formalities: tuple[Formality, ...] | None = None
    #: The clocks of the green channel, by centre.
    clocks: Mapping[Centre, Mapping[Identifier, GreenClock]] = {}
    beds: BedRules | None = None
    arrival: ArrivalRules | None = None
    vitals: VitalsRules | None = None
    recognises: Recognising | None = None
    interfaces: tuple[Interface, ...] = ()
    #: What is telephoned when nobody there answers; of a department, never of a person.
    phone: Phone | None = None

    @model_validator(mode="after")
    def _check(self) -> Facility:
        channels = [each.channel for each in self.interfaces]
        if len(set(channels)) < len(channels):
            raise ValueError("a facility has one interface of a channel")
        return self

    def over(self, others: Self) -> Self:
        """The same with what all keep, where this one says nothing."""
        return self.but(
            terms={**others.terms, **self.terms},
            teams={**others.teams, **self.teams},
            zones={**others.zones, **self.zones},
            clocks={**others.clocks, **self.clocks},
            formalities=others.formalities if self.formalities is None else self.formalities,
            beds=self.beds or others.beds,
            arrival=self.arrival or others.arrival,
            vitals=self.vitals or others.vitals,
            recognises=self.recognises or others.recognises,
        )

    @property
    def marks(self) -> frozenset[str]:
        """Under which an examination is relied on; none where nothing is said of it."""
        return self.recognises.marks if self.recognises else frozenset()

    @property
    def revocable_for(self) -> timedelta:
        """How long an arrival may be taken back; not at all where nothing is said of it."""
        return timedelta(seconds=self.arrival.revocable_for_s if self.arrival else 0)

    @property
    def silent_after(self) -> timedelta | None:
        """After how long a monitor is silent; none where nothing is said of it."""
        return timedelta(seconds=self.vitals.silent_after_s) if self.vitals else None

    @property
    def bed_rules(self) -> BedRules:
        """What it keeps of its beds; the loader has seen to it that all keep something."""
        assert self.beds is not None  # noqa: S101
        return self.beds


class Facilities(Value):
    """What all keep, and what some of them keep otherwise."""

    all: Facility
    facilities: Mapping[Identifier, Facility] = {}

    @model_validator(mode="after")
    def _check(self) -> Facilities:
        if self.all.interfaces:
            raise ValueError("an interface belongs to one facility: name it there")
        if self.all.phone is not None:
            raise ValueError("a phone belongs to one facility: name it there")
        if self.all.name is not None:
            raise ValueError("a name belongs to one facility: name it there")
        return self

    def of(self, facility_id: str | None) -> Facility:
        """What this one keeps."""
        own = self.facilities.get(facility_id or "")
        return self.all if own is None else own.over(self.all)

    def interfaces(self, facility_id: str) -> Sequence[Interface]:
        """The ways into the systems of this one."""
        own = self.facilities.get(facility_id)
        return () if own is None else own.interfaces
