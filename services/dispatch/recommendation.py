"""Which units and which hospital fit a call, each with what speaks for it and against it.

Nothing here decides: a human chooses, and who chose is recorded.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from enum import StrEnum
from math import inf
from typing import NamedTuple
from zoneinfo import ZoneInfo

from pydantic import AwareDatetime

from schemas.capacity import CapacityReported
from schemas.event import Identifier, Value
from schemas.incident import Point
from schemas.triage import Bilingual, Centre, TriageLevel
from schemas.unit import Equipment, UnitKind
from services.dispatch.fleet import Fleet
from services.dispatch.register import Hospital, Station, is_mobile, readiness
from services.dispatch.road import Roads
from services.dispatch.severity import ORDER, is_worse
from services.dispatch.unit import ASSIGNABLE, DIVERTIBLE, Unit


class Why(StrEnum):
    """What speaks for or against a unit or a hospital."""

    NEAREST = "nearest"
    EQUIPPED = "equipped"
    READY = "ready"
    READINESS_UNKNOWN = "readiness_unknown"
    NOT_REGISTERED = "not_registered"
    LACKS_EQUIPMENT = "lacks_equipment"
    PLACE_UNKNOWN = "place_unknown"
    AT_STATION = "at_station"
    TAKEN_FROM_LESS_SEVERE = "taken_from_less_severe"
    NETWORK = "network"
    CAPABLE = "capable"
    LACKS_CENTRE = "lacks_centre"
    WISHED = "wished"
    DIVERTS = "diverts"
    FULL = "full"
    HAS_BEDS = "has_beds"
    BEDS_UNKNOWN = "beds_unknown"
    OTHERS_WAIT = "others_wait"


TEXTS = {
    Why.NEAREST: Bilingual(zh="最快到达", en="there first"),
    Why.EQUIPPED: Bilingual(zh="所需设备齐备", en="has what the call needs"),
    Why.READY: Bilingual(
        zh="人员、设备、氧气、油量齐备", en="crew, equipment, oxygen and fuel complete"
    ),
    Why.READINESS_UNKNOWN: Bilingual(zh="备勤状态未知", en="nobody knows whether it is ready"),
    Why.NOT_REGISTERED: Bilingual(zh="未登记", en="not registered"),
    Why.LACKS_EQUIPMENT: Bilingual(zh="缺少所需设备", en="lacks what the call needs"),
    Why.PLACE_UNKNOWN: Bilingual(zh="位置未知", en="nobody knows where it is"),
    Why.AT_STATION: Bilingual(zh="位置按所属站点计", en="taken to be at its station"),
    Why.TAKEN_FROM_LESS_SEVERE: Bilingual(
        zh="从病情较轻的任务改派，尚未到达患者", en="taken from a less severe call, not there yet"
    ),
    Why.NETWORK: Bilingual(zh="本站网络医院", en="the network hospital of the station"),
    Why.CAPABLE: Bilingual(zh="具备所需中心", en="has the centres that are needed"),
    Why.LACKS_CENTRE: Bilingual(zh="不具备所需中心", en="lacks a centre that is needed"),
    Why.WISHED: Bilingual(zh="患者意愿", en="the patient wishes it"),
    Why.DIVERTS: Bilingual(zh="医院建议分流", en="it advises to go elsewhere"),
    Why.FULL: Bilingual(zh="无空床", en="says it has no free bed"),
    Why.HAS_BEDS: Bilingual(zh="有空床", en="says it has free beds"),
    Why.BEDS_UNKNOWN: Bilingual(zh="床位未知", en="its beds are not known"),
    Why.OTHERS_WAIT: Bilingual(
        zh="同级或更重的患者正在候诊", en="patients as severe or more wait there for a doctor"
    ),
}


class Argument(Value):
    """One thing that speaks for or against."""

    why: Why
    text: Bilingual
    names: tuple[Identifier, ...] = ()
    as_of: AwareDatetime | None = None


class UnitAdvice(Value):
    """A unit that may be sent. ``diverts``: the call that it would be taken from."""

    unit_id: Identifier
    eta_s: float | None = None
    pro: tuple[Argument, ...] = ()
    con: tuple[Argument, ...] = ()
    diverts: Identifier | None = None


class HospitalAdvice(Value):
    """A hospital that the patient may be brought to."""

    facility_id: Identifier
    eta_s: float
    pro: tuple[Argument, ...] = ()
    con: tuple[Argument, ...] = ()


class Task(NamedTuple):
    """The call that an unit is on, and whether a crew is at a patient of it."""

    incident_id: str
    severity: TriageLevel
    is_reached: bool


class Candidate(NamedTuple):
    """A unit that might go: with its station, and the call that it is on."""

    unit: Unit
    station: Station | None = None
    task: Task | None = None


class Site(NamedTuple):
    """What the site has decided and knows."""

    fleet: Fleet
    roads: Roads
    zone: ZoneInfo


class Call(NamedTuple):
    """What is asked for: where, how severe, and what it needs aboard."""

    point: Point
    severity: TriageLevel
    needs: frozenset[Equipment] = frozenset()


def may_go(unit: Unit, now: datetime) -> bool:
    """Whether a unit may be sent at all: free, ready as far as known, and called up if it is of
    the mobile force."""
    if unit.status not in ASSIGNABLE or not readiness(unit, now).is_ready:
        return False
    return not is_mobile(unit) or unit.mobilised is not None


def units(
    call: Call, candidates: Iterable[Candidate], site: Site, now: datetime
) -> list[UnitAdvice]:
    """The free units that fit, the best first. Where there is none, those that may be taken from
    less severe calls: who has what is needed, then of the least severe."""
    known = list(candidates)
    free = [each for each in known if may_go(each.unit, now)]
    if free:
        found = [_advice(each, call, site, now) for each in free]
        if (first := _soonest(each.eta_s for each in found)) >= 0:
            found[first] = found[first].but(pro=_nearest(found[first].pro))
        return sorted(found, key=_rank)
    taken = [each for each in known if _is_divertible(each, call, now)]
    severe = {c.unit.unit_id: ORDER.index(c.task.severity) for c in taken if c.task}

    def rank(advice: UnitAdvice) -> tuple[int, int, float, str]:
        lacks, eta_s, unit_id = _rank(advice)
        return lacks, -severe[unit_id], eta_s, unit_id

    return sorted((_advice(c, call, site, now) for c in taken), key=rank)


def _is_divertible(candidate: Candidate, call: Call, now: datetime) -> bool:
    unit, task = candidate.unit, candidate.task
    if task is None or task.is_reached or unit.status not in DIVERTIBLE:
        return False
    return is_worse(call.severity, task.severity) and readiness(unit, now).is_ready


def _rank(advice: UnitAdvice) -> tuple[int, float, str]:
    """Who has what is needed goes before who is sooner there; whose place is unknown, last."""
    lacks = sum(len(each.names) for each in advice.con if each.why is Why.LACKS_EQUIPMENT)
    return lacks, inf if advice.eta_s is None else advice.eta_s, advice.unit_id


def _soonest(times: Iterable[float | None]) -> int:
    """Which of these is there first; -1 where nobody knows of any."""
    known = [inf if seconds is None else seconds for seconds in times]
    return known.index(min(known)) if min(known, default=inf) < inf else -1


def _nearest(pro: tuple[Argument, ...]) -> tuple[Argument, ...]:
    return (argument(Why.NEAREST), *pro)


def _advice(candidate: Candidate, call: Call, site: Site, now: datetime) -> UnitAdvice:
    unit, task = candidate.unit, candidate.task
    place, is_guess = place_of(candidate, site, now)
    pro, con = _equipment(unit, call.needs)
    state = readiness(unit, now)
    if unit.registered is None:
        con.append(argument(Why.NOT_REGISTERED))
    if state.is_known:
        pro.append(argument(Why.READY, as_of=state.reported_at))
    else:
        con.append(argument(Why.READINESS_UNKNOWN, as_of=state.reported_at))
    if place is None:
        con.append(argument(Why.PLACE_UNKNOWN))
    elif is_guess:
        con.append(argument(Why.AT_STATION))
    diverts = task.incident_id if task is not None and unit.status in DIVERTIBLE else None
    if diverts is not None and task is not None:
        con.append(argument(Why.TAKEN_FROM_LESS_SEVERE, (task.severity.value,)))
    eta = None if place is None else site.roads.takes(place, call.point, now, site.zone)
    return UnitAdvice(
        unit_id=unit.unit_id,
        eta_s=None if eta is None else round(eta.total_seconds(), 1),
        pro=tuple(pro),
        con=tuple(con),
        diverts=diverts,
    )


def _equipment(unit: Unit, needs: frozenset[Equipment]) -> tuple[list[Argument], list[Argument]]:
    if not needs:
        return [], []
    aboard = unit.registered.equipment if unit.registered else ()
    lacks = sorted(needs - set(aboard))
    if lacks:
        return [], [argument(Why.LACKS_EQUIPMENT, lacks)]
    return [argument(Why.EQUIPPED, sorted(needs))], []


def place_of(candidate: Candidate, site: Site, now: datetime) -> tuple[Point | None, bool]:
    """Where a unit is, and whether that is a guess: who stands is where it was last seen, who was
    seen to drive is known for some minutes; else it is taken to be at its station."""
    located = candidate.unit.located
    known_for = site.fleet.place_known_for
    if located is not None and (not located.moves or now - located.occurred_at <= known_for):
        return located.point, False
    return (candidate.station.point if candidate.station else None), True


def argument(why: Why, names: Iterable[str] = (), as_of: datetime | None = None) -> Argument:
    """What speaks for or against, in words."""
    return Argument(why=why, text=TEXTS[why], names=tuple(names), as_of=as_of)


# -- hospitals ---------------------------------------------------------------------------------


class Patient(NamedTuple):
    """Who is to be brought somewhere: from where, how severe, and what the patient needs."""

    point: Point
    severity: TriageLevel
    centres: frozenset[Centre] = frozenset()
    wishes: str | None = None
    network: str | None = None


def hospitals(
    patient: Patient, known: Iterable[Hospital], site: Site, now: datetime
) -> list[HospitalAdvice]:
    """The hospitals, the best first: those with the centres that are needed; of these not those
    that advise to go elsewhere; the network's; then the nearest. What the patient wishes goes
    before the network where the case is not severe."""
    advised = [_hospital(patient, each, site, now) for each in known]
    if (first := _soonest(each.eta_s for each in advised)) >= 0:
        advised[first] = advised[first].but(pro=_nearest(advised[first].pro))
    is_severe = not is_worse(TriageLevel.NOT_YET, patient.severity)

    def rank(advice: HospitalAdvice) -> tuple[bool | float | str, ...]:
        against = {each.why for each in advice.con}
        wished = advice.facility_id == patient.wishes and not is_severe
        in_network = advice.facility_id == patient.network
        return (
            Why.LACKS_CENTRE in against,
            Why.DIVERTS in against,
            not wished,
            not in_network,
            advice.eta_s,
            advice.facility_id,
        )

    return sorted(advised, key=rank)


def _hospital(patient: Patient, hospital: Hospital, site: Site, now: datetime) -> HospitalAdvice:
    pro, con = [], []
    if patient.centres:
        lacks = sorted(patient.centres - set(hospital.centres))
        needed = sorted(patient.centres)
        if lacks:
            con.append(argument(Why.LACKS_CENTRE, lacks))
        else:
            pro.append(argument(Why.CAPABLE, needed))
    if hospital.facility_id == patient.network:
        pro.append(argument(Why.NETWORK))
    if hospital.facility_id == patient.wishes:
        pro.append(argument(Why.WISHED))
    told = hospital.capacity
    known_for = site.fleet.capacity_known_for
    is_known = told is not None and now - told.occurred_at <= known_for
    if told is not None and _diverts(told, is_known, now):
        con.append(argument(Why.DIVERTS, as_of=told.occurred_at))
    beds = _beds(patient, told, known_for, now)
    (pro if beds.why is Why.HAS_BEDS else con).append(beds)
    if told is not None and is_known:
        others = [w.level for w in told.waiting or () if not is_worse(patient.severity, w.level)]
        if others:
            con.append(argument(Why.OTHERS_WAIT, others, told.occurred_at))
    eta = site.roads.takes(patient.point, hospital.point, now, site.zone)
    return HospitalAdvice(
        facility_id=hospital.facility_id,
        eta_s=round(eta.total_seconds(), 1),
        pro=tuple(pro),
        con=tuple(con),
    )


def _diverts(told: CapacityReported, is_known: bool, now: datetime) -> bool:
    """Whether its advice to go elsewhere stands: until it ends by itself; where that was not said,
    as long as what it has free is known."""
    return told.divert and (is_known if told.divert_until is None else now < told.divert_until)


def _beds(
    patient: Patient, told: CapacityReported | None, known_for: timedelta, now: datetime
) -> Argument:
    """What it has free for this patient. What was counted too long ago is unknown, whatever it
    said; what is kept for emergencies is for the severe."""
    if told is None:
        return argument(Why.BEDS_UNKNOWN)
    counted = [(each, each.reported_at or told.occurred_at) for each in told.beds]
    known = [(beds, at) for beds, at in counted if now - at <= known_for]
    if not known:
        return argument(Why.BEDS_UNKNOWN, as_of=max((at for _, at in counted), default=None))
    is_severe = is_worse(patient.severity, TriageLevel.NOT_YET)
    free = [(b.department.value, at) for b, at in known if b.free or (is_severe and b.emergency)]
    if not free:
        return argument(Why.FULL, as_of=min(at for _, at in known))
    return argument(Why.HAS_BEDS, [name for name, _ in free], min(at for _, at in free))


# -- the reserve -------------------------------------------------------------------------------


def is_for_emergencies(unit: Unit) -> bool:
    """Whether it counts in the reserve: built for more than transport. One that nobody has
    registered counts: nobody knows better."""
    return unit.registered is None or unit.registered.kind is not UnitKind.TRANSPORT


def leaves_reserve(
    chosen: Candidate, candidates: Iterable[Candidate], site: Site, now: datetime
) -> bool:
    """Whether enough units stay free for emergencies in its county, when this one is gone."""
    if not is_for_emergencies(chosen.unit):
        return True
    county = chosen.station.county if chosen.station else None
    left = sum(
        may_go(each.unit, now)
        and is_for_emergencies(each.unit)
        and each.unit.unit_id != chosen.unit.unit_id
        and (each.station.county if each.station else None) == county
        for each in candidates
    )
    return left >= site.fleet.reserve.of(county)
