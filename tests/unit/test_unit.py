"""An ambulance and its stamps: the whole table of what may follow what, and by whose word."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import product

import pytest

from schemas.event import Event
from schemas.incident import DeadlineMissed, Point
from schemas.repeats import REMEMBERED, Repeats
from schemas.unit import (
    EtaUpdated,
    StampSource,
    UnitArrived,
    UnitAssigned,
    UnitDeparted,
    UnitFellSilent,
    UnitHeardAgain,
    UnitLeftScene,
    UnitLocated,
    UnitStatus,
    UnitStatusChanged,
)
from services.dispatch.handlers import handle_movement
from services.dispatch.leg import Leg, Silence, Stamp
from services.dispatch.sighting import SILENT, see_movement
from services.dispatch.store import Fleet
from services.dispatch.unit import (
    ASSIGNABLE,
    MAY_FOLLOW,
    Assignment,
    Decision,
    Scene,
    Unit,
    assign,
    stamp,
)
from services.kit.errors import Rejected
from services.kit.work import Received

BEGIN = datetime(2026, 3, 1, 8, tzinfo=UTC)
STATION = Point(latitude=31.23, longitude=121.47)
SCENE = Scene(Point(latitude=31.25, longitude=121.50), "caller")
S = UnitStatus


def at(second: float) -> datetime:
    return BEGIN + timedelta(seconds=second)


#: What each stamp (across) does to a unit in each status (down): → it becomes the status,
#: = it is kept and the status stays, · it is refused.
TABLE = """
                available notified acknowledged departed on_scene left_scene at_destination returning stood_down out_of_service
available       ·         ·        ·            ·        ·        ·          ·              ·         ·          →
notified        →         ·        →            →        →        →          →              →         →          →
acknowledged    →         ·        →            →        →        →          →              →         →          →
departed        →         ·        =            →        →        →          →              →         →          →
on_scene        →         ·        =            =        →        →          →              →         →          →
left_scene      →         ·        =            =        =        →          →              →         →          →
at_destination  →         ·        =            =        =        =          →              →         →          →
returning       →         ·        =            =        =        =          =              ·         ·          →
stood_down      →         ·        ·            ·        ·        ·          ·              →         ·          →
out_of_service  →         ·        ·            ·        ·        ·          ·              ·         ·          ·
"""  # noqa: E501


def table() -> dict[tuple[UnitStatus, UnitStatus], str]:
    header, *rows = (line.split() for line in TABLE.strip().splitlines())
    return {
        (S(row[0]), S(given)): mark
        for row in rows
        for given, mark in zip(header, row[1:], strict=True)
    }


def order(event_id: str = "order-1", incident_id: str = "I-1", second: float = 0) -> Assignment:
    return Assignment(
        event_id=event_id,
        occurred_at=at(second),
        unit_id="U-1",
        incident_id=incident_id,
        station=STATION,
    )


def send(unit: Unit, given: Assignment, second: float) -> Decision:
    return assign(unit, given, SCENE, at(second))


def sent() -> Unit:
    return send(Unit(unit_id="U-1"), order(), 0)[0]


def stamp_of(
    status: UnitStatus, source: StampSource = "crew", second: float = 60, name: str = "stamp-1"
) -> Stamp:
    return Stamp(
        stamp_id=name,
        status=status,
        source=source,
        occurred_at=at(second),
        recorded_at=at(second + 1),
    )


def stamped(unit: Unit, *statuses: UnitStatus, source: StampSource = "crew") -> Unit:
    for number, status in enumerate(statuses, start=len(unit.taken.acts)):
        unit, _ = stamp(unit, stamp_of(status, source, name=f"stamp-{number}"))
    return unit


def told(events: Sequence[Event]) -> list[tuple[str, str, str | None]]:
    return [
        (e.status.value, e.source, e.leg_id) for e in events if isinstance(e, UnitStatusChanged)
    ]


@pytest.mark.parametrize(("status", "next_status"), [*product(S, S)])
def test_what_a_stamp_does_to_a_unit(status: UnitStatus, next_status: UnitStatus) -> None:
    leg = Leg(leg_id="I-1.U-1.1", incident_id="I-1", unit_id="U-1")
    before = Unit(unit_id="U-1", status=status, legs=1, leg=leg)
    mark = table()[status, next_status]
    assert (next_status in MAY_FOLLOW[status]) is (mark != "·")
    if mark == "·":
        with pytest.raises(Rejected, match=f"409 Not now: {next_status} cannot follow {status}"):
            stamp(before, stamp_of(next_status, name="stamp-1"))
        return
    after, events = stamp(before, stamp_of(next_status, name="stamp-1"))
    assert after.status is (next_status if mark == "→" else status)
    assert after.leg is not None
    assert after.leg.stamps == (stamp_of(next_status),)
    (changed,) = events
    assert isinstance(changed, UnitStatusChanged)
    assert (changed.status, changed.source, changed.leg_id) == (next_status, "crew", leg.leg_id)
    assert (changed.event_id, changed.occurred_at, changed.recorded_at) == (
        "stamp-1",
        at(60),
        at(61),
    )


@pytest.mark.parametrize("status", S)
def test_only_a_free_unit_is_sent(status: UnitStatus) -> None:
    assert (status in ASSIGNABLE) is (status in {S.AVAILABLE, S.RETURNING, S.STOOD_DOWN})
    unit = Unit(unit_id="U-1", status=status)
    if status in ASSIGNABLE:
        assert send(unit, order(), 1)[0].status is S.NOTIFIED
        return
    with pytest.raises(Rejected, match=f"409 Not free: The unit is {status}"):
        send(unit, order(), 1)


def test_an_order_starts_a_leg_and_is_the_moment_of_notification() -> None:
    unit, events = send(Unit(unit_id="U-1"), order(), 1)
    assigned, notified = events
    assert isinstance(assigned, UnitAssigned)
    assert isinstance(notified, UnitStatusChanged)
    assert (assigned.event_id, assigned.leg_id) == ("order-1", "I-1.U-1.1")
    assert (assigned.station, assigned.scene) == (STATION, SCENE.point)
    assert (assigned.occurred_at, assigned.recorded_at) == (at(0), at(1))
    assert told([notified]) == [("notified", "dispatcher", "I-1.U-1.1")]
    assert (notified.occurred_at, notified.recorded_at) == (at(0), at(1))
    assert unit.leg is not None
    (notified_at,) = unit.leg.stamps
    assert (notified_at.stamp_id, notified_at.source) == (notified.event_id, "dispatcher")
    assert (notified_at.status, notified_at.occurred_at) == (S.NOTIFIED, at(0))


def test_a_new_leg_has_a_number_of_its_own_and_no_stamps_of_the_one_before() -> None:
    back = stamped(sent(), S.DEPARTED, S.RETURNING)
    unit, events = send(back, order("order-2", "I-2", 600), 601)
    assert unit.leg is not None
    assert (unit.leg.leg_id, unit.leg.incident_id) == ("I-2.U-1.2", "I-2")
    assert [s.status for s in unit.leg.stamps] == [S.NOTIFIED]
    assert stamped(unit, S.DEPARTED).status is S.DEPARTED
    first = send(Unit(unit_id="U-1"), order(), 0)[1]
    assert not {e.event_id for e in events} & {e.event_id for e in first}


def test_a_leg_of_a_unit_with_a_long_name_has_a_name_that_fits() -> None:
    long = Unit(unit_id="U" * 64)
    given = order().model_copy(update={"unit_id": long.unit_id})
    legs = [send(long.model_copy(update={"legs": n}), given, 1)[0].leg for n in range(2)]
    names = [leg.leg_id for leg in legs if leg is not None]
    assert len(set(names)) == 2
    assert all(len(name) <= 64 for name in names)


def test_an_order_or_a_stamp_that_is_sent_again_changes_nothing() -> None:
    unit = sent()
    assert send(unit, order(), 5) == (unit, ())
    departed, _ = stamp(unit, stamp_of(S.DEPARTED, name="stamp-1"))
    assert stamp(departed, stamp_of(S.DEPARTED, name="stamp-1")) == (departed, ())
    assert send(departed, order(), 62) == (departed, ())


def test_the_word_of_the_crew_and_that_of_gps_stand_side_by_side() -> None:
    unit = stamped(sent(), S.DEPARTED)
    unit, events = stamp(unit, stamp_of(S.DEPARTED, "gps", 70, name="gps-1"))
    assert told(events) == [("departed", "gps", "I-1.U-1.1")]
    assert unit.leg is not None
    stamps = [(s.status, s.source, s.occurred_at) for s in unit.leg.stamps[1:]]
    assert stamps == [(S.DEPARTED, "crew", at(60)), (S.DEPARTED, "gps", at(70))]


@pytest.mark.parametrize(
    "status", [S.ACKNOWLEDGED, S.DEPARTED, S.ON_SCENE, S.LEFT_SCENE, S.AT_DESTINATION]
)
def test_one_source_gives_a_stamp_of_the_mission_once(status: UnitStatus) -> None:
    unit = stamped(sent(), status)
    with pytest.raises(Rejected, match=f"409 Stamped before: crew has stamped {status} before"):
        stamp(unit, stamp_of(status, name="another"))


def test_late_stamps_do_not_turn_the_status_back() -> None:
    unit = stamped(sent(), S.AT_DESTINATION, S.ACKNOWLEDGED, S.ON_SCENE, S.RETURNING, S.LEFT_SCENE)
    assert unit.status is S.RETURNING
    assert unit.leg is not None
    assert {S.ACKNOWLEDGED, S.ON_SCENE, S.LEFT_SCENE} <= {s.status for s in unit.leg.stamps}


def test_a_unit_may_go_out_of_service_and_come_back_again_and_again() -> None:
    unit = stamped(sent(), S.AVAILABLE)
    for _ in range(3):
        unit = stamped(unit, S.OUT_OF_SERVICE, S.AVAILABLE)
    assert send(unit, order("order-2"), 900)[0].status is S.NOTIFIED


def test_a_unit_that_was_never_sent_can_be_out_of_service() -> None:
    unit, events = stamp(Unit(unit_id="U-1"), stamp_of(S.OUT_OF_SERVICE))
    assert unit.leg is None
    assert told(events) == [("out_of_service", "crew", None)]


def seen(second: float = 50, leg_id: str = "I-1.U-1.1") -> UnitDeparted:
    return UnitDeparted(
        event_id="departed-1", occurred_at=at(second), unit_id="U-1", leg_id=leg_id, distance_m=120
    )


def see(unit: Unit, given: UnitDeparted, second: float = 55) -> tuple[Unit, Sequence[Event]]:
    after, leg, events = see_movement(unit, unit.leg, given, at(second))
    assert leg == after.leg
    return after, events


def test_gps_stamps_a_departure_once() -> None:
    unit, events = see(sent(), seen())
    assert told(events) == [("departed", "gps", "I-1.U-1.1")]
    assert [e.event_id for e in events] == ["departed-1"]
    assert see(unit, seen(), 85) == (unit, ())
    other = seen().model_copy(update={"event_id": "departed-2"})
    assert see(unit, other, 85) == (unit, ())


def test_gps_may_be_later_than_the_crew_and_does_not_turn_the_status_back() -> None:
    unit, events = see(stamped(sent(), S.DEPARTED, S.ON_SCENE), seen(), 500)
    assert unit.status is S.ON_SCENE
    assert told(events) == [("departed", "gps", "I-1.U-1.1")]


def test_what_gps_saw_counts_also_when_it_is_heard_of_after_the_leg() -> None:
    free = stamped(sent(), S.DEPARTED, S.AVAILABLE)
    unit, events = see(free, seen())
    assert unit.status is S.AVAILABLE
    assert told(events) == [("departed", "gps", "I-1.U-1.1")]
    elsewhere, _ = send(free, order("order-2", "I-2", 600), 600)
    after, leg, events = see_movement(elsewhere, free.leg, seen(), at(700))
    assert (after.status, after.leg) == (S.NOTIFIED, elsewhere.leg)
    assert leg is not None
    assert leg.stamped(S.DEPARTED, "gps")
    assert told(events) == [("departed", "gps", "I-1.U-1.1")]


@pytest.mark.parametrize(
    "unit",
    [
        pytest.param(Unit(unit_id="U-1"), id="never sent"),
        pytest.param(
            stamp(sent(), stamp_of(S.STOOD_DOWN, second=40, name="back"))[0], id="stood down"
        ),
    ],
)
def test_gps_stamps_no_unit_that_is_not_on_a_leg(unit: Unit) -> None:
    assert see(unit, seen()) == (unit, ())


def test_a_key_that_stood_for_another_stamp_or_order_is_refused() -> None:
    unit, _ = stamp(sent(), stamp_of(S.DEPARTED))
    with pytest.raises(Rejected, match="409 Key used before"):
        stamp(unit, stamp_of(S.ON_SCENE, name="stamp-1"))
    other = order().model_copy(update={"incident_id": "I-2"})
    with pytest.raises(Rejected, match="409 Key used before"):
        send(unit, other, 90)


def test_gps_of_another_leg_stamps_nothing() -> None:
    fleet = Fleet(unit=sent(), legs={})
    received = Received("U-1", seen(leg_id="I-0.U-1.0"), at(55), record=None)
    assert handle_movement(fleet, received) == (fleet, ())
    assert handle_movement(None, received) == (None, ())


OF_LEG = {"occurred_at": at(50), "unit_id": "U-1", "leg_id": "I-1.U-1.1"}


def heard(fleet: Fleet, event: Event, second: float = 55) -> tuple[Fleet, Sequence[Event]]:
    after, events = handle_movement(fleet, Received("U-1", event, at(second), record=None))
    assert after is not None
    return after, events


def arrival(place: str, name: str = "m-1", second: float = 50) -> UnitArrived:
    told = {"event_id": name, "place": place, "distance_m": 12, "occurred_at": at(second)}
    return UnitArrived.model_validate({**OF_LEG, **told})


def test_gps_stamps_arrivals_and_that_the_scene_was_left() -> None:
    fleet = Fleet(unit=sent(), legs={})
    steps = (
        arrival("scene"),
        UnitLeftScene.model_validate({**OF_LEG, "event_id": "m-2", "distance_m": 420.5}),
        arrival("destination", "m-3"),
    )
    said: list[tuple[str, str, str | None]] = []
    for event in steps:
        fleet, events = heard(fleet, event)
        said += told(events)
        assert heard(fleet, event) == (fleet, ())
    assert [status for status, _, _ in said] == ["on_scene", "left_scene", "at_destination"]
    assert {source for _, source, _ in said} == {"gps"}
    assert fleet.unit.status is S.AT_DESTINATION
    assert fleet.unit.leg is not None
    assert fleet.unit.leg.scene_off_m == 420.5
    assert fleet.unit.leg.scene_source == "caller"


def test_a_departure_that_gps_saw_has_what_it_saw_before() -> None:
    event = seen().model_copy(update={"at_rest_at": at(44)})
    fleet, _ = heard(Fleet(unit=sent(), legs={}), event)
    assert fleet.unit.leg is not None
    assert fleet.unit.leg.dispatch().seen_not_before == at(44)


def eta(place: str, second: float, arrives: float) -> EtaUpdated:
    told = {"event_id": f"eta-{second}", "place": place, "occurred_at": at(second),
            "arrives_at": at(arrives), "distance_m": 900}  # fmt: skip
    return EtaUpdated.model_validate({**OF_LEG, **told})


def test_what_was_expected_first_stays_beside_what_is_expected_now() -> None:
    fleet = Fleet(unit=sent(), legs={})
    for event in (eta("scene", 60, 300), eta("scene", 90, 420), eta("destination", 800, 1_500)):
        fleet, events = heard(fleet, event)
        assert not events
    leg = fleet.unit.leg
    assert leg is not None
    assert (leg.expected_on_scene, leg.expected_at_destination) == (at(300), at(1_500))
    assert leg.eta == eta("destination", 800, 1_500)
    assert heard(fleet, eta("scene", 90, 420)) == (fleet, ())


def silent(second: float, overdue: bool, name: str = "q") -> UnitFellSilent:
    told = {"event_id": f"{name}-{second}", "occurred_at": at(second), "last_seen_at": at(10)}
    return UnitFellSilent.model_validate({**OF_LEG, **told, "is_overdue": overdue})


def test_a_silent_unit_alarms_once_until_it_is_heard_again() -> None:
    fleet, events = heard(Fleet(unit=sent(), legs={}), silent(70, overdue=False))
    assert events == ()
    assert fleet.unit.leg is not None
    assert fleet.unit.leg.silence == Silence(since=at(10), is_overdue=False)
    fleet, (missed,) = heard(fleet, silent(190, overdue=True))
    assert isinstance(missed, DeadlineMissed)
    assert (missed.clock, missed.incident_id, missed.unit_id) == (SILENT, "I-1", "U-1")
    assert heard(fleet, silent(190, overdue=True, name="r")) == (fleet, ())
    back = UnitHeardAgain.model_validate({**OF_LEG, "event_id": "h-1"})
    fleet, events = heard(fleet, back)
    assert fleet.unit.leg is not None
    assert (fleet.unit.leg.silence, events) == (None, ())
    assert heard(fleet, back) == (fleet, ())


def test_nobody_is_called_about_a_unit_that_is_free_again() -> None:
    free = Fleet(unit=stamped(sent(), S.DEPARTED, S.AVAILABLE), legs={})
    assert heard(free, silent(190, overdue=True)) == (free, ())


def test_the_newest_place_of_a_unit_is_kept() -> None:
    def located(second: float) -> UnitLocated:
        return UnitLocated(
            event_id=f"l-{second}", occurred_at=at(second), unit_id="U-1", point=STATION, moves=True
        )

    fleet, events = heard(Fleet(unit=Unit(unit_id="U-1"), legs={}), located(60))
    assert (fleet.unit.located, events) == (located(60), ())
    assert heard(fleet, located(50)) == (fleet, ())
    nobody = Received("U-9", located(60), at(61), record=None)
    assert handle_movement(None, nobody) == (None, ())


def test_repeats_are_remembered_for_the_last_acts() -> None:
    repeats = Repeats()
    for number in range(REMEMBERED + 1):
        repeats = repeats.with_(f"e-{number}")
    known = [n for n in range(REMEMBERED + 1) if repeats.digest(f"e-{n}") is not None]
    assert known == list(range(1, REMEMBERED + 1))
