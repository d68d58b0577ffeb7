"""What happens to the beds of a facility, and to its advice to send elsewhere. No patient is
refused for a bed: who finds none is offered another department's; the bed manager is alerted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, TypeAlias

from pydantic import AwareDatetime

from schemas.capacity import BedManagerAlerted, CapacityReported
from schemas.envelope import derived_id
from schemas.event import Identifier, Text, Value
from schemas.handoff import BedReserved, Department, RedirectRequested
from schemas.repeats import Repeats, digest_of
from schemas.triage import TriageLevel
from services.bridge.facility import BedRules
from services.bridge.ward import Counted, Said, Ward
from services.kit.errors import Rejected
from services.kit.idempotency import is_repeat


class DivertAdvised(Said):
    """Better elsewhere, until then, and why."""

    until: AwareDatetime
    reason: Text


class DivertEnded(Said):
    """Not elsewhere any more."""


class Beds(Value):
    """All beds of a facility, its advice to send elsewhere, and what was last told of them."""

    facility_id: Identifier
    wards: Mapping[Department, Ward] = {}
    divert: DivertAdvised | None = None
    #: Who said last what changed.
    said_by: Identifier | None = None
    told: CapacityReported | None = None
    taken: Repeats = Repeats()

    def ward(self, department: Department) -> Ward:
        """The beds of this department; of one that never said anything nothing is known."""
        return self.wards.get(department, Ward())

    def with_(self, department: Department, ward: Ward) -> Beds:
        """The same with the beds of one department as they are now."""
        return self.but(wards={**self.wards, department: ward})

    def diverts(self, now: datetime) -> DivertAdvised | None:
        """The advice that stands: it ends by itself."""
        return self.divert if self.divert is not None and now < self.divert.until else None


Decision: TypeAlias = tuple[Beds, Sequence[BedManagerAlerted]]


def say(beds: Beds, said: Said, rules: BedRules, now: datetime) -> Decision:
    """Take in what somebody says of the beds; a repeat changes nothing. Raises ``Rejected`` 422
    where it cannot be so, 409 where there is nothing to end."""
    name = f"{type(said).__name__}/{said.event_id}"
    if is_repeat(beds.taken, name, said):
        return beds, ()
    after, told = _said(beds, said, rules, now)
    return after.but(taken=beds.taken.with_(name, digest_of(said))), told


def reserve(
    beds: Beds, event: BedReserved, level: TriageLevel, rules: BedRules, now: datetime
) -> Decision:
    """Let a bed wait for a patient, an ordinary one first. Who has one there has it already. Raises
    ``Rejected`` 409, with the departments that have one, where none is left for this level."""
    ward = beds.ward(event.department)
    if ward.held_for(event.encounter_id):
        return beds, ()
    kind = ward.kind_for(level, rules, now)
    if kind is None:
        raise _none_left(beds, level, rules, now)
    after = ward.reserved(event.encounter_id, kind, now).watched(rules, now)
    by = {"staff_id": event.staff_id, "encounter_id": event.encounter_id}
    told = _alerts(beds, event.department, after, because="used", **by)
    return beds.with_(event.department, after).but(said_by=event.staff_id), told


def release(
    beds: Beds, encounter_id: str, only: Department | None, rules: BedRules, now: datetime
) -> Beds:
    """Give back the bed that waits for this patient in a department, or wherever one does."""
    for department, ward in beds.wards.items():
        held = ward.held_for(encounter_id)
        if held is not None and only in {None, department}:
            beds = beds.with_(department, ward.without(held).watched(rules, now))
    return beds


def occupy(beds: Beds, encounter_id: str, rules: BedRules, now: datetime) -> Beds:
    """Care was handed over: what waited for the patient is theirs."""
    for department, ward in beds.wards.items():
        held = ward.held_for(encounter_id)
        if held is not None:
            beds = beds.with_(department, ward.occupied(held, rules, now))
    return beds


def want(event: RedirectRequested, now: datetime) -> BedManagerAlerted:
    """What follows from a redirect for want of a bed: that alone is no reason to go elsewhere."""
    return BedManagerAlerted(
        event_id=derived_id("bed wanted", event.facility_id, event.encounter_id, event.event_id),
        occurred_at=event.occurred_at,
        recorded_at=now,
        facility_id=event.facility_id,
        because="redirect",
        encounter_id=event.encounter_id,
        staff_id=event.staff_id,
    )


def _said(beds: Beds, said: Said, rules: BedRules, now: datetime) -> Decision:
    match said:
        case Counted():
            return _count(beds, said, rules, now)
        case DivertAdvised():
            _check_end(said.until, rules, now)
            given = said.but(occurred_at=min(said.occurred_at, now))
            return beds.but(divert=given, said_by=said.staff_id), ()
    if beds.diverts(now) is None:
        raise Rejected(409, "Not diverting", "No advice stands: it was taken back, or has ended.")
    return beds.but(divert=None, said_by=said.staff_id), ()


def _count(beds: Beds, said: Counted, rules: BedRules, now: datetime) -> Decision:
    """One of an earlier moment than the last changes nothing; one that is dated ahead is of now."""
    ward, at = beds.ward(said.department), min(said.occurred_at, now)
    before = ward.counted.staffed if ward.counted is not None else None
    staffed = before if said.staffed is None else said.staffed
    if staffed is not None and said.free + said.emergency > staffed:
        wanted = "Count only beds that have their staff: free and emergency are part of staffed"
        reported = "." if said.staffed is not None else f", {staffed} when it was last reported."
        raise Rejected(422, "More than staffed", wanted + reported)
    if ward.counted is not None and at < ward.counted.occurred_at:
        return beds, ()
    after = ward.recounted(said.but(occurred_at=at)).watched(rules, now)
    told = _alerts(beds, said.department, after, because="missing", staff_id=said.staff_id)
    return beds.with_(said.department, after).but(said_by=said.staff_id), told


def _check_end(until: datetime, rules: BedRules, now: datetime) -> None:
    if not now < until <= now + rules.divert_for:
        hours = f"{rules.divert_for / timedelta(hours=1):g} h"
        wanted = f"Choose an end that is to come, at most {hours} from now; advise anew before it."
        raise Rejected(422, "No such end", wanted)


def _none_left(beds: Beds, level: TriageLevel, rules: BedRules, now: datetime) -> Rejected:
    offered = sorted(
        department.value
        for department, ward in beds.wards.items()
        if ward.is_known(rules, now) and ward.kind_for(level, rules, now)
    )
    told = "No bed of this department is left for this patient"
    if level not in rules.kept_for:
        told += "; its last is kept for the critical and severe"
    if offered:
        return Rejected(409, "No bed left", f"{told}. One is free in: {', '.join(offered)}.")
    wanted = "No other department is known to have one: treat the patient, and ask the bed manager."
    return Rejected(409, "No bed left", f"{told}. {wanted}")


def _alerts(
    before: Beds, department: Department, after: Ward, **because: Any
) -> Sequence[BedManagerAlerted]:
    """The bed manager is alerted once, when a department has come to keep too few beds for
    emergencies."""
    since = after.lacks_since
    if since is None or before.ward(department).lacks_since is not None:
        return ()
    subject = (before.facility_id, department.value, since.isoformat())
    alerted = BedManagerAlerted(
        event_id=derived_id("emergency bed", *subject),
        occurred_at=since,
        recorded_at=since,
        facility_id=before.facility_id,
        department=department,
        **because,
    )
    return (alerted,)
