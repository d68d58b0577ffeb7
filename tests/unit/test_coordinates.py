"""Coordinates of Chinese maps: against a public implementation, and there and back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as some

from schemas.incident import Location, MapSystem, Point
from services.dispatch.coordinates import Place, from_wgs84, to_wgs84
from services.dispatch.movement import metres
from services.dispatch.requests import GivenLocation

#: Degrees in a tenth of a millimetre.
TINY = 1e-9
CITIES = {
    "徐州": Place(34.2044, 117.2859),
    "北京": Place(39.9042, 116.4074),
    "上海": Place(31.2304, 121.4737),
    "乌鲁木齐": Place(43.8256, 87.6168),
    "三亚": Place(18.2528, 109.5119),
    "漠河": Place(53.4843, 122.3719),
}
#: Places as the package coord-convert 0.2.1 (MIT) turns them: WGS-84, GCJ-02, BD-09, degrees north
#: and east.
PUBLISHED = [
    (34.2044, 117.2859, 34.203111821, 117.291656612, 34.208793900, 117.298252699),
    (39.9042, 116.4074, 39.905603343, 116.413642254, 39.911865336, 116.420046330),
    (31.2304, 121.4737, 31.228457738, 121.478223059, 31.234310594, 121.484781469),
    (43.8256, 87.6168, 43.826805393, 87.619649949, 43.832949795, 87.626099771),
    (18.2528, 109.5119, 18.251094792, 109.515984295, 18.256876554, 109.522531792),
    (53.4843, 122.3719, 53.486363789, 122.379464373, 53.492530505, 122.385870076),
    (35.1391, 75.9009, 35.137647721, 75.903589042, 35.143416282, 75.910175885),
    (41.8203, 78.8615, 41.821335547, 78.863464546, 41.827414281, 78.869921212),
    (28.9057, 112.3628, 28.902784268, 112.368550999, 28.908502035, 112.375107399),
    (40.4969, 91.6755, 40.497573007, 91.676926989, 40.503845509, 91.683309384),
    (32.8764, 88.7835, 32.874006012, 88.785802023, 32.880199952, 88.792223631),
    (45.8027, 106.1556, 45.804334667, 106.160882971, 45.810180766, 106.167428542),
    (51.4894, 125.2115, 51.491021799, 125.219358833, 51.496650502, 125.226023310),
    (32.3877, 96.1035, 32.385454982, 96.104314132, 32.391646991, 96.110734864),
    (31.6251, 103.6018, 31.622717320, 103.603837530, 31.628510491, 103.610397695),
    (21.5489, 117.5796, 21.546196507, 117.584155232, 21.552433518, 117.590605320),
    (43.2071, 121.4894, 43.209509173, 121.495177411, 43.215159447, 121.501811928),
    (30.9587, 110.1398, 30.956516308, 110.144907508, 30.962747845, 110.151338666),
    (32.5376, 105.5486, 32.535204803, 105.552160533, 32.540954407, 105.558752671),
    (27.8486, 98.9884, 27.845096744, 98.989064137, 27.851347772, 98.995499003),
]
SYSTEMS: tuple[MapSystem, ...] = ("WGS-84", "GCJ-02", "BD-09")
IN_CHINA = some.builds(Place, some.floats(18, 54), some.floats(73.5, 135))


def apart(one: Place, other: Place) -> float:
    a, b = (Point(latitude=each.latitude, longitude=each.longitude) for each in (one, other))
    return metres(a, b)


@pytest.mark.parametrize("row", PUBLISHED)
def test_maps_are_shifted_as_a_public_implementation_shifts_them(row: tuple[float, ...]) -> None:
    place, gcj02, bd09 = Place(*row[:2]), Place(*row[2:4]), Place(*row[4:])
    for system, theirs in (("GCJ-02", gcj02), ("BD-09", bd09)):
        ours = from_wgs84(place, system)  # type: ignore[arg-type]
        assert ours.latitude == pytest.approx(theirs.latitude, abs=TINY)
        assert ours.longitude == pytest.approx(theirs.longitude, abs=TINY)
        assert apart(to_wgs84(theirs, system), place) < 0.002  # type: ignore[arg-type]


@given(IN_CHINA, some.sampled_from(SYSTEMS))
def test_there_and_back_is_a_millimetre_at_most(place: Place, system: MapSystem) -> None:
    assert apart(to_wgs84(from_wgs84(place, system), system), place) < 0.002


@pytest.mark.parametrize("city", CITIES.values(), ids=CITIES)
def test_a_map_is_some_hundred_metres_wide_of_the_earth(city: Place) -> None:
    """The shift that sends an ambulance to the next street when nobody says which map it was."""
    assert 100 < apart(from_wgs84(city, "GCJ-02"), city) < 800
    assert 600 < apart(from_wgs84(city, "BD-09"), from_wgs84(city, "GCJ-02")) < 1200


@pytest.mark.parametrize(
    "abroad",
    [Place(40.81, -96.68), Place(0.5, 100.0), Place(60.0, 100.0), Place(-33.9, 151.2)],
)
def test_beyond_china_gcj02_shifts_nothing(abroad: Place) -> None:
    assert from_wgs84(abroad, "GCJ-02") == to_wgs84(abroad, "GCJ-02") == abroad


@pytest.mark.parametrize("system", SYSTEMS)
def test_a_location_is_kept_in_wgs84_and_as_it_was_given(system: MapSystem) -> None:
    city = CITIES["徐州"]
    told = from_wgs84(city, system)
    given_there = GivenLocation(
        system=system,
        latitude=told.latitude,
        longitude=told.longitude,
        accuracy_m=8,
        address="北门",
    )
    location = given_there.on_earth
    assert isinstance(location, Location)
    assert apart(Place(location.latitude, location.longitude), city) < 0.002
    assert (location.accuracy_m, location.address) == (8, "北门")
    if system == "WGS-84":
        assert location.given is None
    else:
        assert location.given is not None
        assert (location.given.system, location.given.latitude) == (system, told.latitude)
