"""Buttons beside satellites, expectations beside arrivals, locations beside where units stood."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from schemas.unit import StampSource, UnitStatus
from services.dispatch.leg import SURE, Dispatch, Leg, Stamp
from services.dispatch.witness import differences, expectations, locations
from tests.unit.test_unit import at

S = UnitStatus


def sent(**more: Any) -> Dispatch:
    told = {"leg_id": "L", "incident_id": "I", "unit_id": "U", "notified": at(0), **more}
    return Dispatch(**told)


def test_a_difference_is_how_much_later_the_button_was() -> None:
    dispatches = [
        sent(departed=at(100), seen_to_depart=at(90), seen_not_before=at(85)),
        sent(departed=at(80), seen_to_depart=at(90), seen_not_before=at(85)),
        sent(departed=at(95), seen_to_depart=at(90), seen_not_before=at(85)),
        sent(departed=at(100)),
        sent(seen_to_depart=at(90), seen_not_before=at(85)),
        sent(),
    ]
    found = differences(dispatches)["departed"]
    assert (found.both, found.reported_only, found.seen_only) == (3, 1, 1)
    assert (found.p10_s, found.p50_s, found.p90_s) == (-10, 5, 10)


def test_a_difference_of_nothing_is_absent() -> None:
    found = differences([sent(departed=at(100))])["on_scene"]
    assert (found.both, found.p50_s) == (0, None)


def test_what_nobody_looked_at_shortly_before_is_not_verifiable() -> None:
    longer = SURE.total_seconds() + 1
    unsure = sent(departed=at(100), seen_to_depart=at(90), seen_not_before=at(90 - longer))
    unknown = sent(departed=at(100), seen_to_depart=at(90))
    found = differences([unsure, unknown])["departed"]
    assert (found.both, found.reported_only, found.seen_only) == (0, 2, 0)


def stamped(status: UnitStatus, second: float, not_before: datetime | None) -> Leg:
    source: StampSource = "gps"
    given = Stamp(stamp_id="s", status=status, source=source, occurred_at=at(second),
                  not_before=not_before)  # fmt: skip
    return Leg(leg_id="L", incident_id="I", unit_id="U", stamps=(given,))


def test_an_arrival_counts_as_seen_when_satellites_looked_shortly_before() -> None:
    near, far = at(300 - SURE.total_seconds()), at(299 - SURE.total_seconds())
    assert stamped(S.ON_SCENE, 300, near).dispatch().seen_on_scene == at(300)
    assert stamped(S.ON_SCENE, 300, far).dispatch().seen_on_scene is None
    assert stamped(S.ON_SCENE, 300, None).dispatch().seen_on_scene is None
    assert stamped(S.DEPARTED, 300, None).dispatch().seen_to_depart == at(300)


def test_an_expectation_is_wrong_either_way_and_missing_where_nobody_saw_it_come() -> None:
    dispatches = [
        sent(expected_on_scene=at(300), seen_on_scene=at(360)),
        sent(expected_on_scene=at(300), seen_on_scene=at(270)),
        sent(expected_on_scene=at(300), on_scene=at(310)),
        sent(seen_on_scene=at(310)),
    ]
    found = expectations(dispatches)["on_scene"]
    assert (found.measured, found.missing, found.p50_s, found.p90_s) == (2, 1, 30, 60)
    assert expectations([])["at_destination"].p50_s is None


def test_how_wrong_a_location_was_is_told_by_who_said_it() -> None:
    dispatches = [
        *(sent(scene_source="caller", scene_off_m=float(off)) for off in range(1, 11)),
        sent(scene_source="device", scene_off_m=0.0),
        sent(scene_off_m=7.0),
        sent(scene_source="network"),
    ]
    found = locations(dispatches)
    assert set(found) == {"caller", "device", "unknown"}
    assert (found["caller"].measured, found["caller"].p50_m, found["caller"].p90_m) == (10, 5, 9)
    assert found["device"].p50_m == 0, "0 is a measurement"
