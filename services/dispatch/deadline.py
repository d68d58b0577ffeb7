"""By when something must have happened, and whether it has: told while it can still be mended."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple

from pydantic import AwareDatetime

from schemas.envelope import derived_id
from schemas.event import Identifier, Phone, Value
from schemas.incident import DeadlineMissed, DeadlineWarned, IncidentEvent
from schemas.triage import TriageLevel
from schemas.unit import UnitStatus
from services.dispatch.clock import Clock
from services.dispatch.encounter import Encounter
from services.dispatch.incident import Incident, Standing
from services.dispatch.indicators import COUNTED
from services.dispatch.leg import Leg, Stamp

S = UnitStatus
DEPARTURE = "dispatch_within_3min"
NOTIFICATION = "first_unit_notified_within_1min"
DESTINATION = "destination_chosen"
#: The patient is aboard, and nobody has pressed so.
BOARDING = "boarding_known_on_leaving"
#: A hospital does not answer: the bridge says what it owes.
AT_HOSPITAL = "hospital_"
LEFT_WITHOUT = "destination_known_on_leaving"
_SEVERE = frozenset({TriageLevel.CRITICAL, TriageLevel.SEVERE})
#: What is entered so much later is a record of what was, and nobody's alarm any more.
PAST = timedelta(hours=1)
#: Who has stamped nothing else has not left; who stamps that they are on scene has.
_WAITING = frozenset({S.NOTIFIED, S.ACKNOWLEDGED})


class Step(StrEnum):
    """How near the limit is."""

    WARNING = "warning"
    BREACH = "breach"


class _Due(Value):
    clock: Identifier
    step: Step
    incident_id: Identifier
    leg_id: Identifier | None = None
    unit_id: Identifier | None = None
    encounter_id: Identifier | None = None
    #: A hospital that does not answer, and what is telephoned there.
    facility_id: Identifier | None = None
    phone: Phone | None = None
    due_at: AwareDatetime


class Deadline(_Due):
    """One step of one clock of one dispatch, or of one call."""

    deadline_id: Identifier
    #: Where no unit is free, it is missed at once and not only when it is due.
    waits_for_free: bool = False

    def as_missed(self, now: datetime) -> Deadline:
        """The same where it is missed now: no later than that it was due."""
        return self.but(due_at=min(self.due_at, now), waits_for_free=False)


class Alarm(_Due):
    """A deadline that was missed, or nearly, as the dispatch board shows it."""

    alarm_id: Identifier
    raised_at: AwareDatetime
    acknowledged_at: AwareDatetime | None = None
    acknowledged_by: str | None = None


def of_leg(leg: Leg, clocks: Mapping[str, Clock], now: datetime) -> list[Deadline]:
    """By when the unit must have left. One that is on the road already need not leave."""
    if leg.notified_at is None or leg.is_rolling:
        return []
    whose = Whose(leg.incident_id, leg.leg_id, leg.unit_id)
    return list(_steps(DEPARTURE, clocks, whose, Since(leg.notified_at, now)))


def as_emergency(
    incident: Incident, legs: Iterable[Leg], clocks: Mapping[str, Clock], now: datetime
) -> list[Deadline]:
    """By when what is due must have happened, of a call that is an emergency only since now."""
    since = incident.emergency_since
    waiting = [leg for leg in legs if not leg.dispatch().is_over and _waits(leg)]
    found = [] if waiting else of_call(incident, clocks, now)
    for leg in waiting:
        whose = Whose(leg.incident_id, leg.leg_id, leg.unit_id)
        began = max(filter(None, (leg.notified_at, since)), default=None)
        if began is not None and not leg.is_rolling:
            found += _steps(DEPARTURE, clocks, whose, Since(began, now))
    return found


def of_call(incident: Incident, clocks: Mapping[str, Clock], now: datetime) -> list[Deadline]:
    """By when a first unit must have been told; at once where none is free."""
    whose = Whose(incident.incident_id)
    steps = _steps(NOTIFICATION, clocks, whose, Since(waits_since(incident), now))
    return [_or_at_once(each, clocks) for each in steps]


def of_waiting(
    incident: Incident, clocks: Mapping[str, Clock], since: Since, cause: str
) -> list[Deadline]:
    """The call waits again, or still: by when a unit must have been told; at once where its time
    has passed meanwhile, or none is free."""
    limit = clocks[NOTIFICATION].limit
    if limit is None or since.began < since.now - PAST:
        return []
    accepted = min(waits_since(incident), since.now)
    due_at = max(accepted + limit, since.start)
    again = at_once(incident.incident_id, cause, due_at)
    return [_or_at_once(again, clocks)]


def _or_at_once(deadline: Deadline, clocks: Mapping[str, Clock]) -> Deadline:
    """The same, missed sooner where no unit is free. Whether one is, is not asked here: the call
    that comes in must not wait for the answer."""
    is_wanted = clocks[deadline.clock].at_once_when_none_is_free
    return deadline.but(waits_for_free=is_wanted and deadline.step is Step.BREACH)


def waits_since(incident: Incident) -> datetime:
    """Since when it waits: since it was accepted, or opened where nobody says when that was."""
    accepted = incident.call.accepted_at or incident.opened_at
    return max(accepted, incident.emergency_since or accepted)


def at_once(incident_id: str, cause: str, at: datetime) -> Deadline:
    """The call waits: nobody need wait until the limit has passed to hear that no unit was sent.
    Each cause alarms for itself."""
    return Deadline(
        deadline_id=derived_id("held", incident_id, cause),
        clock=NOTIFICATION,
        step=Step.BREACH,
        incident_id=incident_id,
        due_at=at,
    )


def of_patient(encounter: Encounter, clocks: Mapping[str, Clock], now: datetime) -> list[Deadline]:
    """By when a hospital must have been chosen for a severe patient whom a crew has reached: the
    crew is asked, and then the dispatcher. Each level asks for itself."""
    if not _must_be_bound(encounter) or encounter.incident_id is None:
        return []
    if encounter.reached_at is None:
        return []
    whose = Whose(
        encounter.incident_id, unit_id=encounter.unit_id, encounter_id=encounter.encounter_id
    )
    subject = f"{encounter.encounter_id}/{encounter.level}"
    return list(_steps(DESTINATION, clocks, whose, Since(encounter.reached_at, now), subject))


def of_leaving(
    leg: Leg, at: datetime, clocks: Mapping[str, Clock], now: datetime
) -> list[Deadline]:
    """The unit leaves the scene: by when it must be known where to, and with whom."""
    whose = Whose(leg.incident_id, leg.leg_id, leg.unit_id)
    return [
        each
        for clock in (LEFT_WITHOUT, BOARDING)
        for each in _steps(clock, clocks, whose, Since(at, now))
    ]


class Whose(NamedTuple):
    """A call, or one dispatch for it."""

    incident_id: str
    leg_id: str | None = None
    unit_id: str | None = None
    encounter_id: str | None = None


class Since(NamedTuple):
    """When a clock began, and when we learn of it."""

    began: datetime
    now: datetime

    @property
    def start(self) -> datetime:
        """A clock that is ahead, or a slip of the pen, puts nothing off."""
        return min(self.began, self.now)


def _steps(
    name: str, clocks: Mapping[str, Clock], whose: Whose, since: Since, subject: str | None = None
) -> Iterator[Deadline]:
    clock, subject = clocks[name], subject or whose.leg_id or whose.incident_id
    for step, after in ((Step.WARNING, clock.warn_s), (Step.BREACH, clock.limit_s)):
        if after is None or since.start + timedelta(seconds=after) < since.now - PAST:
            continue
        yield Deadline(
            deadline_id=derived_id("deadline", name, subject, step),
            clock=name,
            step=step,
            due_at=since.start + timedelta(seconds=after),
            **whose._asdict(),
        )


class About(NamedTuple):
    """A call with all that was sent to it, and its patients."""

    incident: Incident
    legs: Sequence[Leg]
    encounters: Sequence[Encounter] = ()


def is_waiting(about: About) -> bool:
    """Whether a patient waits for a unit: none is sent, or none that was not lost, and no other
    unit has them."""
    is_open = about.incident.standing in (Standing.OPEN, Standing.HELD)
    if not is_open or not all(leg.was_lost for leg in about.legs):
        return False
    without = {None, *(leg.unit_id for leg in about.legs)}
    return any(each.outcome is None and each.unit_id in without for each in about.encounters)


def is_missed(deadline: Deadline | Alarm, about: About) -> bool:
    """Whether what was due has not happened, and is still waited for; ``about`` the call, or the
    one as which it goes on. Only emergencies are, but for a unit that is not heard of, wherever it
    was sent, and a hospital that does not answer."""
    its = [leg for leg in about.legs if leg.leg_id == deadline.leg_id]
    if deadline.clock == "unit_silent":
        return any(map(_is_silent, its))
    if deadline.clock.startswith(AT_HOSPITAL):
        owed = deadline.clock.removeprefix(AT_HOSPITAL)
        return any(
            each.answers.unanswered == owed and each.outcome is None
            for each in _whom(deadline, about)
        )
    return about.incident.classification == COUNTED and _is_missed(deadline, about, its)


def _is_missed(deadline: Deadline | Alarm, about: About, its: Sequence[Leg]) -> bool:
    match deadline.clock:
        case "dispatch_within_3min":
            return any(map(_waits, its))
        case "destination_chosen":
            return any(map(_must_be_bound, _whom(deadline, about)))
        case "boarding_known_on_leaving":
            return any(_goes_on(leg) and any(aboard_unsaid(leg, about.encounters)) for leg in its)
        case "destination_known_on_leaving":
            return any(_goes_on(leg) and _knows_not_whither(leg, about) for leg in its)
    if deadline.incident_id != about.incident.incident_id:
        return False  # that call does not wait any more: this one has its own deadline
    return is_waiting(about)


def aboard_unsaid(leg: Leg, patients: Iterable[Encounter]) -> Iterator[Encounter]:
    """Whom the unit was with and has left with, as far as anybody knows, without that being said.
    Whom nobody has reached may be with another unit, or at home; of whom it was
    said that they are not aboard after all, that is said."""
    for each in patients:
        is_with = each.unit_id == leg.unit_id and each.reached_at is not None
        is_unsaid = each.boarded_at is None and each.boarding_revoked is None
        if is_with and is_unsaid and each.outcome is None:
            yield each


def _whom(deadline: Deadline | Alarm, about: About) -> list[Encounter]:
    return [each for each in about.encounters if each.encounter_id == deadline.encounter_id]


def _knows_not_whither(leg: Leg, about: About) -> bool:
    """Whether a patient of the unit lacks a destination. Where nobody has said whom it has, and no
    other unit is sent, it has whoever there is: one destination is one to drive to."""
    own = [each for each in about.encounters if each.unit_id == leg.unit_id]
    others = [each for each in about.legs if each.leg_id != leg.leg_id]
    if own or any(_goes_on(each) and not each.was_lost for each in others):
        return any(map(_lacks_destination, own))
    there = [each for each in about.encounters if each.unit_id is None and each.outcome is None]
    return bool(there) and all(map(_lacks_destination, there))


def _lacks_destination(encounter: Encounter) -> bool:
    return encounter.destination is None and encounter.outcome is None


def _must_be_bound(encounter: Encounter) -> bool:
    return encounter.level in _SEVERE and _lacks_destination(encounter)


def _goes_on(leg: Leg) -> bool:
    return not leg.dispatch().is_over


def is_lost_by(leg: Leg, given: Stamp) -> bool:
    """Whether its call has lost the unit by this stamp."""
    ends = given.status is S.STOOD_DOWN or (
        given.status is S.OUT_OF_SERVICE and not leg.dispatch().is_over
    )
    return ends and leg.was_lost


def _is_silent(leg: Leg) -> bool:
    is_overdue = leg.silence is not None and leg.silence.is_overdue
    return is_overdue and not leg.dispatch().is_over


def left_at(leg: Leg) -> datetime | None:
    """When it had left, or need not leave any more, by the first who says so."""
    return min((s.occurred_at for s in leg.standing if s.status not in _WAITING), default=None)


def _waits(leg: Leg) -> bool:
    return left_at(leg) is None


def of_event(missed: DeadlineMissed) -> Deadline:
    """What was missed, as an alarm tells of it."""
    return Deadline(
        deadline_id=missed.event_id,
        clock=missed.clock,
        step=Step.BREACH,
        incident_id=missed.incident_id,
        leg_id=missed.leg_id,
        unit_id=missed.unit_id,
        encounter_id=missed.encounter_id,
        facility_id=missed.facility_id,
        phone=missed.phone,
        due_at=missed.occurred_at,
    )


def newest(alarms: Iterable[Alarm]) -> list[Alarm]:
    """Of several alarms of one kind about the same, the newest alone; the oldest of all first."""
    found: dict[tuple[str, Step, str], Alarm] = {}
    for each in sorted(alarms, key=lambda alarm: (alarm.raised_at, alarm.alarm_id)):
        subject = each.encounter_id or each.leg_id or each.incident_id
        found.pop((each.clock, each.step, subject), None)
        found[each.clock, each.step, subject] = each
    return list(found.values())


def last_steps(due: Iterable[Deadline]) -> list[Deadline]:
    """Of several steps of one clock that are due at once, after an outage, the last one alone."""
    found: dict[tuple[str, str], Deadline] = {}
    for each in sorted(due, key=lambda deadline: deadline.due_at):
        subject = each.encounter_id or each.leg_id or each.incident_id
        found[each.clock, subject] = each
    return list(found.values())


def told(deadline: Deadline, now: datetime) -> IncidentEvent:
    """The event that tells of it."""
    kind = DeadlineMissed if deadline.step is Step.BREACH else DeadlineWarned
    return kind(
        event_id=deadline.deadline_id,
        occurred_at=deadline.due_at,
        recorded_at=now,
        incident_id=deadline.incident_id,
        clock=deadline.clock,
        leg_id=deadline.leg_id,
        unit_id=deadline.unit_id,
        encounter_id=deadline.encounter_id,
    )
