"""What dispatch is asked for by 120 software, crews and clinics."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Literal, Self

from pydantic import (
    BaseModel,
    Field,
    SerializerFunctionWrapHandler,
    field_validator,
    model_serializer,
    model_validator,
)

from schemas.encounter import REFUSED, Outcome, Patient, SignedRefusal
from schemas.event import Identifier, Moment, Phone, Text
from schemas.incident import (
    Call,
    CallClass,
    GivenPoint,
    Location,
    LocationSource,
    MapSystem,
    Point,
)
from schemas.triage import Bilingual, Centre
from schemas.unit import Equipment, Force, UnitKind, UnitStatus
from services.dispatch.coordinates import Place, to_wgs84
from services.dispatch.register import StationKind, check_enrolment
from services.kit.body import Body, Exactly


class GivenLocation(BaseModel):
    """Where the patient is said to be, in the coordinates that the sender has."""

    model_config = Body.model_config

    system: MapSystem = "WGS-84"
    latitude: Annotated[float, Field(ge=-90, le=90)]
    longitude: Annotated[float, Field(ge=-180, le=180)]
    accuracy_m: Annotated[float, Field(ge=0)] | None = None
    address: Text | None = None

    @property
    def on_earth(self) -> Location:
        """The same in WGS-84, with what was given where that was another."""
        told = Place(self.latitude, self.longitude)
        there = to_wgs84(told, self.system)
        given = GivenPoint(system=self.system, latitude=told.latitude, longitude=told.longitude)
        return Location(
            latitude=there.latitude,
            longitude=there.longitude,
            given=None if self.system == "WGS-84" else given,
            accuracy_m=self.accuracy_m,
            address=self.address,
        )

    @property
    def point(self) -> Point:
        """The place alone, in WGS-84."""
        there = self.on_earth
        return Point(latitude=there.latitude, longitude=there.longitude)


class OpenIncident(Body):
    """An accepted call."""

    external_number: Identifier | None = None
    call: Exactly[Call] = Call()
    location: GivenLocation
    classification: CallClass = "emergency"
    scheduled_at: Moment | None = None
    patients: tuple[Exactly[Patient], ...] = Field((Patient(),), min_length=1, max_length=50)

    @model_validator(mode="after")
    def _only_a_transfer_is_scheduled(self) -> Self:
        if self.scheduled_at is not None and self.classification != "non_emergency_transfer":
            raise ValueError("only a non-emergency transfer is scheduled")
        return self


class LocateIncident(Body):
    """Where the patient is, as now known."""

    location: GivenLocation
    source: LocationSource = "dispatcher"
    reason: Text | None = None


class ClassifyIncident(Body):
    """Of what class the call is, as now known."""

    classification: CallClass
    reason: Text | None = None


class CorrectCall(Body):
    """Times of the call were wrong: when it really was; null, where it never was. What is left out
    stands."""

    received_at: Moment | None = None
    answered_at: Moment | None = None
    accepted_at: Moment | None = None
    reason: Annotated[Text, Field(min_length=1)]

    @property
    def named(self) -> tuple[str, ...]:
        """The times that are named, be it as null."""
        return tuple(each for each in Call.model_fields if each in self.model_fields_set)

    @property
    def call(self) -> Call:
        """When it really was, of those that are named."""
        return Call(**{each: getattr(self, each) for each in self.named})

    @model_validator(mode="after")
    def _names_one(self) -> Self:
        if not self.named:
            raise ValueError("name one of received_at, answered_at and accepted_at")
        return self

    @model_serializer(mode="wrap")
    def _as_said(self, write: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Without a key it is known again by its content: null is not the same as left out."""
        return {each: value for each, value in write(self).items() if each in self.model_fields_set}


class MergeIncident(Body):
    """This call was about the same as another, which goes on."""

    into: Identifier


class UnmergeIncident(Body):
    """This call was another one than ``out_of`` after all."""

    out_of: Identifier
    reason: Annotated[Text, Field(min_length=1)]


class WithReason(Body):
    """An act that needs its reason."""

    reason: Annotated[Text, Field(min_length=1)]


class CallBack(Body):
    """The caller was called back."""

    answered: bool


class AddPatients(Body):
    """More patients of one call, in one act."""

    patients: tuple[Exactly[Patient], ...] = Field(min_length=1, max_length=50)


class AddPatient(Body):
    """One more patient: found on scene, or born on the way."""

    patient: Exactly[Patient] = Patient()
    mother_id: Identifier | None = None


class AssignUnit(Body):
    """A unit is told to go, from its station; that may be left out where the register knows it.
    ``replaces``: the unit in whose place it goes, which is called back by the same act, unless it
    has ended its own dispatch. ``divert``: it is taken from a less severe call. ``seen_legs``: the
    dispatches of the call that the sender knows; left out, another that they do not know is none
    of their matter."""

    unit_id: Identifier
    station: Exactly[Point] | None = None
    replaces: Identifier | None = None
    divert: bool = False
    seen_legs: tuple[Identifier, ...] | None = None

    @model_validator(mode="after")
    def _is_another(self) -> Self:
        if self.replaces == self.unit_id:
            raise ValueError("a unit goes in another one's place")
        if self.replaces is not None and self.divert:
            raise ValueError("a unit replaces another one or is diverted, not both in one act")
        return self


class Registration(BaseModel):
    """Something of the register. What is told again takes the place of what was told."""

    model_config = Body.model_config


class RegisterStation(Registration):
    """A station, or a township health centre that may become one."""

    name: Exactly[Bilingual]
    kind: StationKind
    county: Identifier
    owner: Text | None = None
    location: GivenLocation
    network_facility_id: Identifier | None = None
    enrolled_from: date | None = None
    enrolled_to: date | None = None

    @model_validator(mode="after")
    def _ends_after_it_began(self) -> Self:
        check_enrolment(self.enrolled_from, self.enrolled_to)
        return self


class RegisterHospital(Registration):
    """A hospital and its centres."""

    name: Exactly[Bilingual]
    location: GivenLocation
    centres: tuple[Centre, ...] = ()
    #: Of its emergency department, never of a person.
    phone: Phone | None = None


class RegisterUnit(Body):
    """A vehicle of a station, and what it carries."""

    station_id: Identifier
    kind: UnitKind
    force: Force = "standing"
    equipment: tuple[Equipment, ...] = ()
    call_back: Phone | None = None


class ReportReadiness(Body):
    """What the crew found; what nobody looked at is left out, and is no "enough"."""

    crew: Literal["complete", "incomplete"] | None = None
    equipment: Literal["complete", "incomplete"] | None = None
    oxygen: Literal["enough", "low"] | None = None
    fuel: Literal["enough", "low"] | None = None


class Mobilise(Body):
    """The mobile force is called up: all of it, or that of these stations."""

    reason: Annotated[Text, Field(min_length=1)]
    station_ids: tuple[Identifier, ...] = ()


class Release(Body):
    """It is called up no more: all of it, or that of these stations."""

    station_ids: tuple[Identifier, ...] = ()


class StampUnit(Body):
    """A status stamp of a unit."""

    status: UnitStatus


class StampLeg(Body):
    """A status stamp of a dispatch, also of one that is over."""

    status: UnitStatus

    @field_validator("status")
    @classmethod
    def _follows_notification(cls, status: UnitStatus) -> UnitStatus:
        if status is UnitStatus.NOTIFIED:
            raise ValueError("a dispatch begins with its notification: assign the unit")
        return status


class CorrectStamp(Body):
    """A stamp was wrong. ``corrected_to`` is when it really was; null, where it never was."""

    corrected_to: Moment | None
    reason: Annotated[Text, Field(min_length=1)]


class UpdatePatient(Body):
    """The whole patient as now known."""

    patient: Exactly[Patient]


class ByUnit(Body):
    """An act of the crew of this unit."""

    unit_id: Identifier


class RevokeBoarding(ByUnit):
    """The patient is not aboard after all, and why that was said."""

    reason: Annotated[Text, Field(min_length=1)]


class HandToUnit(ByUnit):
    """This unit hands the patient to another one."""

    to_unit_id: Identifier
    reason: Literal["breakdown", "relay", "capability"]

    @model_validator(mode="after")
    def _is_another(self) -> Self:
        if self.to_unit_id == self.unit_id:
            raise ValueError("a unit hands the patient to another one")
        return self


class AttachDevice(Body):
    """A monitor is put on the patient."""

    device_id: Identifier


class SelectDestination(Body):
    """A human chose the hospital."""

    facility_id: Identifier


class EndEncounter(Body):
    """How it ended."""

    outcome: Outcome
    refusal: Exactly[SignedRefusal] | None = None

    @field_validator("outcome")
    @classmethod
    def _ends(cls, outcome: Outcome) -> Outcome:
        if outcome is Outcome.HANDED_TO_UNIT:
            raise ValueError("the encounter goes on with the other unit: use …/handed-to-unit")
        return outcome

    @model_validator(mode="after")
    def _is_refused(self) -> Self:
        if self.refusal is not None and self.outcome not in REFUSED:
            raise ValueError(f"a refusal goes with {' or '.join(sorted(REFUSED))}")
        if self.refusal and self.refusal.signed_by == "nobody" and self.refusal.signature:
            raise ValueError("say who signed, or leave out the signature")
        return self

    @model_serializer(mode="wrap")
    def _as_it_was(self, write: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Without a key it is known again by its content: nothing signed is written as before."""
        said: dict[str, Any] = write(self)
        return said if self.refusal else {k: v for k, v in said.items() if k != "refusal"}


class OpenEncounter(Body):
    """A patient walked into a clinic, or is to go on from a hospital."""

    patient: Exactly[Patient] = Patient()
    continues: Identifier | None = None


class RequestTransfer(Body):
    """The patient has to be taken on, now. ``location``: where the vehicle is to come."""

    location: GivenLocation
    arrived_at: Moment | None = None
    to_facility_id: Identifier | None = None
    accepted_by: Identifier | None = None
    consent: Literal["given", "not_obtainable"]
    reason: Text | None = None
