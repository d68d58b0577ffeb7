"""Who takes part, since when and in what share; and whether a unit is ready."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from schemas.capacity import Beds, CapacityReported
from schemas.handoff import Department
from schemas.incident import Point
from schemas.triage import Bilingual
from schemas.unit import ReadinessReported, UnitMobilised, UnitRegistered, UnitReleased
from services.dispatch.register import (
    STALE,
    Hospital,
    Station,
    enrolment,
    hear_capacity,
    is_mobile,
    readiness,
    take,
)
from services.dispatch.requests import RegisterStation
from services.dispatch.unit import Unit
from services.kit.errors import Rejected
from tests.unit.test_unit import at

NAME = Bilingual(zh="站", en="station")
HERE = Point(latitude=31.23, longitude=121.47)
DAY = date(2026, 3, 1)


def station(number: int, county: str = "C-1", **more: Any) -> Station:
    told = {"kind": "township", "name": NAME, "point": HERE, "county": county, **more}
    return Station.model_validate({"station_id": f"S-{number}", **told})


def test_a_station_takes_part_from_its_first_day_to_its_last() -> None:
    one = station(1, enrolled_from=DAY, enrolled_to=DAY + timedelta(days=2))
    found = [one.is_enrolled(DAY + timedelta(days=n)) for n in range(-1, 4)]
    assert found == [False, True, True, True, False]
    assert station(1, enrolled_from=DAY).is_enrolled(date(2099, 1, 1))
    assert not station(1).is_enrolled(DAY)


@pytest.mark.parametrize(
    "wrong",
    [
        {"enrolled_to": DAY},
        {"enrolled_from": DAY, "enrolled_to": DAY - timedelta(days=1)},
    ],
)
def test_who_ends_before_it_began_is_refused(wrong: dict[str, Any]) -> None:
    told = {"name": NAME, "kind": "township", "county": "C-1", "location": HERE.model_dump()}
    with pytest.raises(ValidationError, match="enrolled_to"):
        station(1, **wrong)
    with pytest.raises(ValidationError, match="enrolled_to"):
        RegisterStation.model_validate({**told, **wrong})


def test_the_share_is_of_township_health_centres_county_by_county() -> None:
    known = [
        station(1, enrolled_from=DAY),
        station(2),
        station(3, enrolled_from=DAY + timedelta(days=1)),
        station(4, kind="county_centre", enrolled_from=DAY),
        station(5, "C-2", kind="county_centre", enrolled_from=DAY),
    ]
    one, other = enrolment(known, DAY)
    assert (one.county, one.enrolled, one.of, one.share) == ("C-1", 1, 3, 0.333333)
    assert (other.county, other.of, other.share) == ("C-2", 0, None), "a share of nothing is absent"


def capacity(second: float) -> CapacityReported:
    return CapacityReported(
        event_id=f"c-{second}", occurred_at=at(second), facility_id="F-1", staff_id="s",
        beds=(Beds(department=Department.ICU, free=1),),
    )  # fmt: skip


def test_of_what_a_hospital_has_free_the_newest_stands() -> None:
    hospital = Hospital(facility_id="F-1", name=NAME, point=HERE)
    after = hear_capacity(hospital, capacity(60))
    assert after is not None
    assert after.capacity == capacity(60)
    assert hear_capacity(after, capacity(30)) == after
    assert hear_capacity(None, capacity(60)) is None


# -- readiness -------------------------------------------------------------------------------------

WHOLE = {"crew": "complete", "equipment": "complete", "oxygen": "enough", "fuel": "enough"}


def report(told: dict[str, str], second: float = 0) -> ReadinessReported:
    about = {"event_id": f"r-{second}", "occurred_at": at(second), "unit_id": "U-1"}
    return ReadinessReported.model_validate({**about, **told})


def reported(told: dict[str, str], second: float = 0) -> Unit:
    return take(Unit(unit_id="U-1"), report(told, second))[0]


def test_a_unit_of_which_nobody_has_said_anything_is_not_known_to_be_ready() -> None:
    state = readiness(Unit(unit_id="U-1"), at(0))
    assert (state.is_known, state.is_ready, state.reported_at) == (False, True, None)


def test_that_all_is_there_is_known_for_a_shift() -> None:
    unit = reported(WHOLE)
    assert readiness(unit, at(STALE.total_seconds())).is_known
    assert not readiness(unit, at(STALE.total_seconds() + 1)).is_known


@pytest.mark.parametrize("unknown", WHOLE)
def test_what_nobody_looked_at_is_not_enough(unknown: str) -> None:
    told = {name: value for name, value in WHOLE.items() if name != unknown}
    state = readiness(reported(told), at(1))
    assert (state.is_known, state.is_ready) == (False, True)


@pytest.mark.parametrize(
    ("field", "value"),
    [("crew", "incomplete"), ("equipment", "incomplete"), ("oxygen", "low"), ("fuel", "low")],
)
def test_what_is_missing_is_missing_until_somebody_says_otherwise(field: str, value: str) -> None:
    unit = reported({**WHOLE, field: value})
    state = readiness(unit, at(10 * STALE.total_seconds()))
    assert (state.is_known, state.is_ready, state.lacks) == (True, False, (field,))
    mended = take(unit, report(WHOLE, 60))[0]
    assert readiness(mended, at(61)).is_ready


def test_an_older_report_does_not_take_the_place_of_a_newer_one() -> None:
    unit = reported({**WHOLE, "oxygen": "low"}, 60)
    old = report(WHOLE, 30)
    after, events = take(unit, old)
    assert after.readiness == unit.readiness
    assert list(events) == [old], "it is told all the same"
    assert take(after, old) == (after, ())


# -- the mobile force ------------------------------------------------------------------------------


def registered(force: str) -> Unit:
    told = {"event_id": "reg", "occurred_at": at(0), "unit_id": "U-1", "station_id": "S-1",
            "kind": "monitoring", "force": force}  # fmt: skip
    return take(Unit(unit_id="U-1"), UnitRegistered.model_validate(told))[0]


CALLED = UnitMobilised(event_id="m", occurred_at=at(10), unit_id="U-1", reason="fire")


def test_the_mobile_force_is_called_up_and_released() -> None:
    unit = registered("mobile")
    assert is_mobile(unit)
    assert unit.mobilised is None
    called, events = take(unit, CALLED)
    assert (called.mobilised, list(events)) == (CALLED, [CALLED])
    home = UnitReleased(event_id="n", occurred_at=at(99), unit_id="U-1")
    assert take(called, home)[0].mobilised is None


def test_a_standing_unit_is_not_called_up() -> None:
    assert not is_mobile(registered("standing"))
    with pytest.raises(Rejected, match="409 Standing"):
        take(registered("standing"), CALLED)
