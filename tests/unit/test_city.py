"""The city is the same for the same seed, and its roads lead somewhere."""

from __future__ import annotations

from itertools import islice, pairwise
from random import Random

import pytest

from schemas.triage import Centre
from simulator import story
from simulator.city import City, Mission, Place, Station, load, metres, point_along, waits
from simulator.story import Story, every


def city() -> City:
    return load()


def test_two_centres_two_townships_three_hospitals_two_clinics() -> None:
    assert [s.kind for s in city().stations] == ["county_centre"] * 2 + ["township"] * 2
    assert [f.id for f in city().facilities] == ["F-001", "F-002", "F-003"]
    assert [c.id for c in city().clinics] == ["T-001", "T-002"]


def test_every_place_lies_within_the_bounds() -> None:
    bounds = city().bounds
    points = [p.point for p in (*city().stations, *city().facilities, *city().clinics)]
    for latitude, longitude in [*points, *(p for road in city().roads for p in road.points)]:
        assert bounds["south"] < latitude < bounds["north"]
        assert bounds["west"] < longitude < bounds["east"]


def test_the_roads_are_one_net() -> None:
    reached = {next(iter(city().junctions))}
    frontier = set(reached)
    while frontier:
        frontier = {there for here in frontier for there in city().junctions[here]} - reached
        reached |= frontier
    assert reached == set(city().junctions)


def test_vehicles_are_shared_out_over_the_stations() -> None:
    vehicles = city().vehicles(10)
    assert len({v.unit_id for v in vehicles}) == len({v.device_id for v in vehicles}) == 10
    assert [v.station.id for v in vehicles[:5]] == ["S-01", "S-02", "S-03", "S-04", "S-01"]


def test_every_monitor_of_every_vehicle_has_a_name_of_its_own() -> None:
    vehicles = city().vehicles(10)
    assert [vehicles[0].monitor(number) for number in (1, 2)] == ["M-0001", "M-0001-2"]
    assert len({v.monitor(number) for v in vehicles for number in (1, 2)}) == 20


TRIFLE = story.load("cold_and_fever")
STATIONS = pytest.mark.parametrize("station", city().stations, ids=lambda s: s.id)


@STATIONS
def test_a_mission_names_the_scene_and_the_two_hospitals_that_are_nearest_to_it(
    station: Station,
) -> None:
    for seed in range(20):
        mission = city().mission(Random(seed), station, TRIFLE)
        assert mission.address.endswith("号")
        assert 500 < metres(station.point, mission.scene) < 7_000
        near, other, far = (metres(place.point, mission.scene) for place in ordered(mission))
        assert near <= other <= far


def ordered(mission: Mission) -> list[Place]:
    """The hospitals: the nearest, the other, and the one that nobody is taken to."""
    (far,) = set(city().facilities) - {mission.near, mission.other}
    return [mission.near, mission.other, far]


@STATIONS
def test_the_roads_lead_from_the_station_by_the_scene_to_the_hospital(station: Station) -> None:
    for seed in range(20):
        mission = city().mission(Random(seed), station, TRIFLE)
        to_scene = city().path(station.point, mission.scene)
        to_hospital = city().path(mission.scene, mission.near.point)
        assert to_scene[0] == station.point
        assert to_scene[-1] == to_hospital[0] == mission.scene
        assert to_hospital[-1] == mission.near.point


@STATIONS
def test_who_walked_in_is_fetched_at_the_clinic_that_is_nearest(station: Station) -> None:
    mission = city().mission(Random(7), station, story.load("township_walk_in"))
    assert (mission.scene, mission.address) == (mission.clinic.point, mission.clinic.name.zh)
    away = {metres(place.point, station.point): place for place in city().clinics}
    assert mission.clinic == away[min(away)] == city().mission(Random(8), station, TRIFLE).clinic


@STATIONS
@pytest.mark.parametrize("told", every(), ids=lambda told: told.story)
def test_a_patient_is_brought_to_the_nearest_hospital_with_the_centres_that_are_needed(
    station: Station, told: Story
) -> None:
    mission = city().mission(Random(3), station, told)
    needed = {c for person in told.patients.values() for c in person.centres}
    fit = [f for f in city().facilities if needed - {Centre.EMERGENCY} <= set(f.centres)]
    away = {metres(place.point, mission.scene): place for place in fit}
    assert mission.near is away[min(away)]
    assert mission.other is not mission.near


def test_every_centre_is_somewhere() -> None:
    assert {c for f in city().facilities for c in f.centres} == set(Centre) - {Centre.EMERGENCY}


def test_the_same_seed_makes_the_same_mission() -> None:
    station = city().stations[0]
    one, two = (city().mission(Random(7), station, TRIFLE) for _ in range(2))
    assert one == two != city().mission(Random(8), station, TRIFLE)


def test_a_path_keeps_to_the_roads() -> None:
    path = city().path(city().stations[0].point, city().facilities[1].point)
    for here, there in pairwise(path[1:-1]):
        assert there in city().junctions[here]


def test_positions_move_evenly_along_the_path() -> None:
    path = ((34.0, 117.0), (34.0, 117.1), (34.1, 117.1))
    assert point_along(path, 0) == path[0]
    assert point_along(path, 1) == path[-1]
    steps = [point_along(path, part / 10) for part in range(11)]
    lengths = [metres(a, b) for a, b in pairwise(steps)]
    assert max(lengths) < 1.5 * min(lengths)


def test_metres_are_metres() -> None:
    assert metres((34.0, 117.0), (34.01, 117.0)) == pytest.approx(1113, abs=2)
    assert metres((34.0, 117.0), (34.0, 117.01)) == pytest.approx(923, abs=2)


def test_the_first_call_comes_at_once_and_the_others_by_chance() -> None:
    gaps = list(islice(waits(Random(7), 60), 500))
    assert gaps[0] == 1
    assert sum(gaps) / len(gaps) == pytest.approx(60, rel=0.15)
    assert list(waits(Random(7), 0)) == []
