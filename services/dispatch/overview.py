"""What screens read of dispatch: the board all that goes on, a crew the dispatch that it is on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

from pydantic import AwareDatetime, Field
from pydantic.json_schema import SkipJsonSchema

from schemas.encounter import Outcome, Patient, RevokedBoarding
from schemas.event import Identifier, Phone, Value
from schemas.incident import CallClass, Location, LocationSource, Point
from schemas.repeats import Repeats
from schemas.triage import Centre, TriageLevel
from schemas.unit import Force, Place, ReadinessReported, UnitKind, UnitStatus
from services.dispatch.clock import Clock, Reading
from services.dispatch.deadline import (
    DEPARTURE,
    NOTIFICATION,
    About,
    Alarm,
    is_waiting,
    left_at,
    waits_since,
)
from services.dispatch.encounter import Answers, Encounter
from services.dispatch.fleet import SameEvent
from services.dispatch.incident import EarlierCall, Incident, Located, Standing
from services.dispatch.indicators import COUNTED
from services.dispatch.leg import REPORTED, VERIFIED, Leg, Silence
from services.dispatch.register import Hospital
from services.dispatch.unit import Unit
from services.dispatch.witness import Witnessed, witnessed

#: So long a call that has ended stays on the board; and a dispatch on the phone of its crew.
BOARD_KEEPS, PHONE_KEEPS = timedelta(minutes=10), timedelta(minutes=30)
#: So long at most one that was merged stays there while the call as which it goes on is open.
MERGED_KEEPS = timedelta(days=1)


class Countdown(Value):
    """A clock of a call, or of one dispatch for it, that runs or has ended."""

    clock: Identifier
    leg_id: Identifier | None = None
    began_at: AwareDatetime
    due_at: AwareDatetime
    warn_at: AwareDatetime | None = None
    ended_at: AwareDatetime | None = None
    #: Of a departure that was reported and that satellites saw: whether they show it as its
    #: indicator counts it.
    witnessed: Witnessed | None = None


class BoardPatient(Value):
    """A patient as the board shows them."""

    encounter_id: Identifier
    patient: Patient
    level: TriageLevel
    centres: tuple[Centre, ...]
    unit_id: Identifier | None
    destination: Identifier | None
    reached_at: AwareDatetime | None
    boarded_at: AwareDatetime | None
    boarding_revoked: RevokedBoarding | None
    admission_number: str | None
    answers: Answers
    outcome: Outcome | None


class BoardCall(Incident):
    """A call as it stands, without what it was before, and all that belongs to it."""

    earlier_calls: SkipJsonSchema[tuple[EarlierCall, ...]] = Field(default=(), exclude=True)
    earlier_locations: SkipJsonSchema[tuple[Located, ...]] = Field(default=(), exclude=True)
    taken: SkipJsonSchema[Repeats] = Field(default=Repeats(), exclude=True)
    legs: tuple[Leg, ...]
    patients: tuple[BoardPatient, ...]
    clocks: tuple[Countdown, ...]


class Position(Value):
    """Where a unit was seen, and when."""

    point: Point
    moves: bool
    occurred_at: AwareDatetime


class Expectation(Value):
    """When a unit will be where it drives to, as of when that was told."""

    place: Place
    arrives_at: AwareDatetime
    occurred_at: AwareDatetime


class CrewUnit(Value):
    """A unit as its own crew needs it."""

    unit_id: Identifier
    status: UnitStatus
    kind: UnitKind | None
    station_id: Identifier | None
    readiness: ReadinessReported | None


class BoardUnit(CrewUnit):
    """A unit as the board shows it, with the dispatch that it is on, and how its crew is called."""

    call_back: Phone | None
    force: Force | None
    #: Since when it is called up, if it is of the mobile force.
    mobilised_at: AwareDatetime | None
    located: Position | None
    leg_id: Identifier | None
    incident_id: Identifier | None
    eta: Expectation | None
    silence: Silence | None


class Board(Value):
    """All that goes on."""

    incidents: tuple[BoardCall, ...]
    units: tuple[BoardUnit, ...]
    alarms: tuple[Alarm, ...]
    #: What calls are offered for merging; none where the site has not said.
    same_event: SameEvent | None


class Overview(Board):
    """All that goes on, as of one moment."""

    as_of: AwareDatetime


def board_call(about: About, clocks: Mapping[str, Clock]) -> BoardCall:
    """A call as the board shows it."""
    opened_at = about.incident.opened_at
    legs = sorted(about.legs, key=lambda leg: (leg.notified_at or opened_at, leg.leg_id))
    return BoardCall.made(
        **about.incident.__dict__,
        legs=tuple(legs),
        patients=tuple(map(_patient, about.encounters)),
        clocks=tuple(countdowns(about._replace(legs=legs), clocks)),
    )


def _patient(encounter: Encounter) -> BoardPatient:
    return BoardPatient.made(**{n: getattr(encounter, n) for n in BoardPatient.model_fields})


def countdowns(about: About, clocks: Mapping[str, Clock]) -> Iterable[Countdown]:
    """The clocks of a call until a first unit was told, and of each unit until it has left. Only
    emergencies have them; who was on the road already need not leave."""
    call, legs = about.incident, about.legs
    if call.classification != COUNTED:
        return
    told_at = min(filter(None, (leg.notified_at for leg in legs)), default=None)
    waits = is_waiting(about)
    if waits or told_at is not None:
        ended_at = None if waits else told_at
        yield from _countdown(NOTIFICATION, clocks, waits_since(call), ended_at)
    for leg in legs:
        began_at = _began_at(leg, call.emergency_since)
        if began_at is not None:
            yield from _countdown(DEPARTURE, clocks, began_at, left_at(leg), leg)


def _began_at(leg: Leg, emergency_since: datetime | None) -> datetime | None:
    """When a unit was told that stood still."""
    if emergency_since is None:  # of most; to know a dispatch whole costs ten times as much
        return None if leg.is_rolling else leg.notified_at
    sent = leg.dispatch().as_emergency_since(emergency_since)
    return None if sent.is_rolling else sent.notified


def _countdown(
    name: str,
    clocks: Mapping[str, Clock],
    began_at: datetime,
    ended_at: datetime | None,
    leg: Leg | None = None,
) -> Iterable[Countdown]:
    """None, where the site has set no limit."""
    clock = clocks[name]
    if clock.limit is None:
        return
    warned = None if clock.warn_s is None else began_at + timedelta(seconds=clock.warn_s)
    yield Countdown.made(
        clock=name,
        leg_id=leg and leg.leg_id,
        began_at=began_at,
        due_at=began_at + clock.limit,
        warn_at=warned,
        ended_at=ended_at,
        witnessed=leg and _witnessed(leg, began_at, clock.limit),
    )


def _witnessed(leg: Leg, began_at: datetime, limit: timedelta) -> Witnessed | None:
    """How satellites stand to a reported departure; none where one of the two says nothing."""
    said, seen = (leg.at(UnitStatus.DEPARTED, sources) for sources in (REPORTED, VERIFIED))
    if said is None or seen is None:
        return None
    shown = Reading(began_at, seen, is_between=True, not_before=leg.seen_not_before)
    return witnessed(Reading(began_at, said), shown, limit)


def crew_unit(unit: Unit) -> CrewUnit:
    """A unit as its crew needs it. Where it is they know."""
    return CrewUnit.made(**_of(unit))


def board_unit(unit: Unit) -> BoardUnit:
    """A unit as the board shows it."""
    seen = unit.located
    leg = unit.leg if unit.leg is not None and ended_at(unit.leg) is None else None
    eta = leg.eta if leg else None
    return BoardUnit.made(
        **_of(unit),
        call_back=unit.registered.call_back if unit.registered else None,
        force=unit.registered.force if unit.registered else None,
        mobilised_at=unit.mobilised.occurred_at if unit.mobilised else None,
        located=seen
        and Position.made(point=seen.point, moves=seen.moves, occurred_at=seen.occurred_at),
        leg_id=leg.leg_id if leg else None,
        incident_id=leg.incident_id if leg else None,
        eta=eta
        and Expectation.made(
            place=eta.place, arrives_at=eta.arrives_at, occurred_at=eta.occurred_at
        ),
        silence=leg.silence if leg else None,
    )


def _of(unit: Unit) -> dict[str, object]:
    return {
        "unit_id": unit.unit_id,
        "status": unit.status,
        "kind": unit.registered.kind if unit.registered else None,
        "station_id": unit.registered.station_id if unit.registered else None,
        "readiness": unit.readiness,
    }


def ended_at(leg: Leg) -> datetime | None:
    """When the unit was free again, if it is."""
    free = (leg.at(status, REPORTED) for status in (UnitStatus.AVAILABLE, UnitStatus.STOOD_DOWN))
    return min(filter(None, free), default=None)


# -- the dispatch that a crew is on ----------------------------------------------------------------


class MissionCall(Value):
    """A call as the crew needs it: where the patient is, and of what class it is."""

    incident_id: Identifier
    location: Location
    location_source: LocationSource
    classification: CallClass
    standing: Standing
    scheduled_at: AwareDatetime | None


class OtherUnit(Value):
    """Who else is sent to the call."""

    unit_id: Identifier
    status: UnitStatus


class Bound(Value):
    """Where a hospital is that a patient of the mission is bound for."""

    facility_id: Identifier
    point: Point


class Mission(Value):
    """The dispatch that a unit is on, or was on until a while ago, and its patients."""

    unit: CrewUnit
    leg: Leg | None = None
    incident: MissionCall | None = None
    patients: tuple[Encounter, ...] = ()
    other_units: tuple[OtherUnit, ...] = ()
    #: Of the register; a hospital that nobody has registered is left out.
    destinations: tuple[Bound, ...] = ()


def current_leg(unit: Unit, now: datetime) -> Leg | None:
    """The dispatch that its crew is shown."""
    if unit.leg is None:
        return None
    ended = ended_at(unit.leg)
    return unit.leg if ended is None or now - ended < PHONE_KEEPS else None


def with_phones(patients: Iterable[Encounter], phones: Mapping[str, str]) -> list[Encounter]:
    """Whose hospital does not answer, and has not said what it is telephoned by, has the number of
    the register."""

    def told(one: Encounter) -> Encounter:
        phone = phones.get(one.destination or "")
        if one.answers.unanswered is None or one.answers.phone or phone is None:
            return one
        return one.but(answers=one.answers.but(phone=phone))

    return [told(each) for each in patients]


def destinations(patients: Iterable[Encounter], hospitals: Iterable[Hospital]) -> tuple[Bound, ...]:
    """Where they are that a patient is bound for: for whoever drives there."""
    named = {each.destination for each in patients}
    known = {each.facility_id: each.point for each in hospitals if each.facility_id in named}
    return tuple(Bound(facility_id=name, point=known[name]) for name in sorted(known))


def mission(
    unit: Unit,
    leg: Leg | None,
    call: Incident | None,
    patients: Iterable[Encounter],
    others: Iterable[Unit],
) -> Mission:
    """What a crew is shown. Of the call's ``patients`` those are left out whom another unit has;
    they come in the order of the call, so that a phone numbers them as a dispatcher does, and
    before those of a call before it."""
    place = {name: n for n, name in enumerate(call.encounter_ids)} if call else {}
    theirs = [each for each in patients if each.unit_id in (None, unit.unit_id)]
    return Mission(
        unit=crew_unit(unit),
        leg=leg,
        incident=call
        and MissionCall.made(**{n: getattr(call, n) for n in MissionCall.model_fields}),
        patients=tuple(
            sorted(
                theirs,
                key=lambda each: (
                    place.get(each.encounter_id, len(place)),
                    each.opened_at,
                    each.encounter_id,
                ),
            )
        ),
        other_units=tuple(
            OtherUnit(unit_id=each.unit_id, status=each.status)
            for each in sorted(others, key=lambda other: other.unit_id)
        ),
    )
