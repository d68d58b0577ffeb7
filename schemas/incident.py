"""One call for help."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from schemas.event import Event, Identifier, Moment, Phone, Text, Value

CallClass = Literal["emergency", "non_emergency_transfer", "standby", "drill"]
#: Who or what said where the patient is.
LocationSource = Literal["caller", "network", "device", "dispatcher", "crew"]
#: What began it: a call for help, or a clinic that needs its patient taken on.
IncidentOrigin = Literal["call", "transfer_request"]


class Point(Value):
    """A place on the earth, WGS-84 degrees."""

    latitude: Annotated[float, Field(ge=-90, le=90)]
    longitude: Annotated[float, Field(ge=-180, le=180)]


#: Which coordinates a map has: those of the earth, or shifted ones of Chinese maps.
MapSystem = Literal["WGS-84", "GCJ-02", "BD-09"]


class GivenPoint(Value):
    """A place in the coordinates in which it was given."""

    system: MapSystem
    latitude: Annotated[float, Field(ge=-90, le=90)]
    longitude: Annotated[float, Field(ge=-180, le=180)]


class Location(Point):
    """Where the patient is said to be, and how sure that is."""

    given: GivenPoint | None = Field(
        default=None, description="As it was read off a map, where that is not WGS-84."
    )
    accuracy_m: Annotated[float, Field(ge=0)] | None = None
    address: Text | None = None


class Call(Value):
    """The stamps of the telephone call; any of them may be missing."""

    received_at: Moment | None = None
    answered_at: Moment | None = None
    accepted_at: Moment | None = None


class IncidentEvent(Event):
    """An event of one incident."""

    incident_id: Identifier


class IncidentOpened(IncidentEvent):
    """A call was accepted; one placeholder encounter stands for each presumed patient."""

    origin: IncidentOrigin = "call"
    external_number: Identifier | None = Field(
        default=None, description="Case number of the 120 software, kept as the string it is."
    )
    call: Call
    location: Location
    classification: CallClass
    scheduled_at: Moment | None = Field(
        default=None, description="Of a transfer that is no emergency: when the vehicle is wanted."
    )
    encounter_ids: tuple[Identifier, ...] = Field(min_length=1)


class IncidentLocated(IncidentEvent):
    """Where the patient is became better known. The locations before stay in the log."""

    location: Location
    source: LocationSource
    reason: Text | None = Field(default=None, description="Why the one before is left.")


class IncidentClassified(IncidentEvent):
    """The call is of another class than was thought."""

    classification: CallClass
    reason: Text | None = None


class CallCorrected(IncidentEvent):
    """A time of the call was wrong, or never was. What was said before stays in the log."""

    call: Call = Field(description="The whole call as it now stands.")
    was: Call
    reason: Text
    corrected_by: Identifier


class IncidentHeld(IncidentEvent):
    """The call waits: no unit is free, or more has to be known."""

    reason: Text


class IncidentResumed(IncidentEvent):
    """A call that was held, given up or thought a nuisance is worked on again."""

    reason: Text | None = None


class IncidentAbandoned(IncidentEvent):
    """The caller was lost before enough was known."""


class IncidentDismissed(IncidentEvent):
    """The call was a nuisance: nobody needs help."""

    reason: Text


class CallerCalledBack(IncidentEvent):
    """The caller was called back, and answered or did not."""

    answered: bool


class DeadlineEvent(IncidentEvent):
    """An event of one clock of an incident."""

    clock: Identifier = Field(description="Which clock, as the indicators name it.")
    leg_id: Identifier | None = Field(
        default=None, description="The dispatch, where the clock is one's; else the call's."
    )
    unit_id: Identifier | None = None
    encounter_id: Identifier | None = Field(
        default=None, description="The patient, where the clock is one's."
    )
    facility_id: Identifier | None = Field(
        default=None, description="The hospital, where it is one that does not answer."
    )
    phone: Phone | None = Field(
        default=None, description="What is telephoned there, where its site has named it."
    )


class DeadlineWarned(DeadlineEvent):
    """A limit comes near, and what is due has not happened; it can still be mended."""


class DeadlineMissed(DeadlineEvent):
    """A limit has passed, and what was due has not happened."""


class IncidentMerged(IncidentEvent):
    """Another call was about the same: this incident goes on as ``into``."""

    into: Identifier


class IncidentUnmerged(IncidentEvent):
    """It was another call after all. Its patients are expected again, under new numbers."""

    out_of: Identifier
    reason: Text


class IncidentClosed(IncidentEvent):
    """Each of its encounters has an outcome, and nobody works on it any more."""
