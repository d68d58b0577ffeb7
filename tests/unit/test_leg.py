"""A dispatch of a unit: stamps that come late, and stamps that were wrong."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from schemas.unit import (
    StampCorrected,
    StampSource,
    UnitLocated,
    UnitStatus,
    UnitStatusChanged,
)
from services.dispatch.leg import REPORTED, VERIFIED, Correction, Leg, Stamp
from services.dispatch.unit import Unit, assign, call_back, correct, enter, stamp
from services.kit.errors import Rejected
from tests.unit.test_unit import SCENE, at, order, send, sent, stamp_of, stamped

S = UnitStatus


def correction(stamp_id: str, to: datetime | None, second: float = 900) -> Correction:
    return Correction(
        stamp_id=stamp_id,
        occurred_at=to,
        reason="the button was pressed in the yard",
        corrected_by="lead-1",
        recorded_at=at(second),
    )


def over() -> tuple[Unit, Leg]:
    """A unit that is on its second dispatch, and its first one."""
    free = stamped(sent(), S.ACKNOWLEDGED, S.ON_SCENE, S.AVAILABLE)
    unit, _ = send(free, order("order-2", "I-2", 600), 600)
    assert free.leg is not None
    return unit, free.leg


def test_a_stamp_of_a_dispatch_that_is_over_is_kept_with_it() -> None:
    unit, leg = over()
    late = stamp_of(S.DEPARTED, second=100, name="late")
    after, changed, (told,) = enter(unit, leg, late)
    assert (after.status, after.leg) == (S.NOTIFIED, unit.leg)
    assert changed.stamps == (*leg.stamps, late)
    assert isinstance(told, UnitStatusChanged)
    assert (told.leg_id, told.status, told.occurred_at) == (leg.leg_id, S.DEPARTED, at(100))
    assert enter(after, changed, late) == (after, changed, ())
    with pytest.raises(Rejected, match="409 Stamped before"):
        enter(after, changed, stamp_of(S.DEPARTED, second=110, name="later"))


def test_a_stamp_of_the_dispatch_that_goes_on_moves_the_unit() -> None:
    unit = sent()
    assert unit.leg is not None
    after, leg, _ = enter(unit, unit.leg, stamp_of(S.DEPARTED))
    assert (after.status, after.leg) == (S.DEPARTED, leg)
    assert after == stamp(unit, stamp_of(S.DEPARTED))[0]


def test_a_departure_may_be_entered_after_the_unit_is_free() -> None:
    """Of the unit it is refused: what is free does not leave. Of its dispatch it counts."""
    free = stamped(sent(), S.ON_SCENE, S.AVAILABLE)
    with pytest.raises(Rejected, match="409 Not now"):
        stamp(free, stamp_of(S.DEPARTED, second=90, name="late"))
    assert free.leg is not None
    after, leg, _ = enter(free, free.leg, stamp_of(S.DEPARTED, second=90, name="late"))
    assert (after.status, leg.at(S.DEPARTED, REPORTED)) == (S.AVAILABLE, at(90))


def test_a_correction_stands_beside_the_stamp_and_the_clock_follows_it() -> None:
    unit = stamped(sent(), S.DEPARTED)
    assert unit.leg is not None
    given = unit.leg.stamps[1]
    wanted = correction(given.stamp_id, at(200))
    after, leg, (told,) = correct(unit, unit.leg, wanted, "c-1")
    assert leg.stamps == unit.leg.stamps, "nothing is overwritten"
    assert leg.at(S.DEPARTED, REPORTED) == at(200)
    assert after.leg == leg
    assert isinstance(told, StampCorrected)
    assert (told.was, told.corrected_to, told.reason) == (given.occurred_at, at(200), wanted.reason)
    assert correct(after, leg, wanted, "c-1") == (after, leg, ())
    with pytest.raises(Rejected, match="409 Key used before"):
        correct(after, leg, correction(given.stamp_id, at(201)), "c-1")


def test_the_last_correction_of_a_stamp_holds() -> None:
    unit = stamped(sent(), S.DEPARTED)
    assert unit.leg is not None
    leg = unit.leg
    for number, to in enumerate((at(200), None, at(130)), start=1):
        unit, leg, _ = correct(unit, leg, correction(leg.stamps[1].stamp_id, to), f"c-{number}")
        assert leg.at(S.DEPARTED, REPORTED) == to


def test_a_stamp_that_was_taken_back_may_be_given_again() -> None:
    unit = stamped(sent(), S.DEPARTED)
    assert unit.leg is not None
    unit, leg, _ = correct(unit, unit.leg, correction(unit.leg.stamps[1].stamp_id, None), "c-1")
    assert leg.at(S.DEPARTED, REPORTED) is None
    _, leg, events = enter(unit, leg, stamp_of(S.DEPARTED, second=170, name="again"))
    assert leg.at(S.DEPARTED, REPORTED) == at(170)
    assert len(events) == 1


def test_nobody_mends_what_satellites_saw_or_what_is_not_there() -> None:
    unit, _ = stamp(sent(), stamp_of(S.DEPARTED, "gps", name="gps-1"))
    assert unit.leg is not None
    with pytest.raises(Rejected, match="409 Verified"):
        correct(unit, unit.leg, correction("gps-1", at(10)), "c-1")
    with pytest.raises(Rejected, match="404 Unknown stamp"):
        correct(unit, unit.leg, correction("none", at(10)), "c-1")


def test_a_correction_of_an_earlier_dispatch_leaves_the_unit_as_it_is() -> None:
    unit, leg = over()
    after, changed, _ = correct(unit, leg, correction(leg.stamps[0].stamp_id, at(-30)), "c-1")
    assert (after.status, after.leg) == (unit.status, unit.leg)
    assert changed.notified_at == at(-30)


def test_who_reported_and_who_verified_are_told_apart() -> None:
    unit = stamped(sent(), S.DEPARTED)
    unit, _ = stamp(unit, stamp_of(S.DEPARTED, "gps", 75, "gps-1"))
    assert unit.leg is not None
    assert (unit.leg.at(S.DEPARTED, REPORTED), unit.leg.at(S.DEPARTED, VERIFIED)) == (
        at(60),
        at(75),
    )
    dispatch = unit.leg.dispatch()
    assert (dispatch.notified, dispatch.departed) == (at(0), at(60))
    assert dispatch.seen_to_depart == at(75)


# -- replaced, and sent while on the road ----------------------------------------------------------


def other(unit_id: str = "U-2", **more: Any) -> Any:
    return order("order-2", second=120).model_copy(update={"unit_id": unit_id, **more})


def test_a_unit_that_goes_in_anothers_place_names_it_and_the_other_comes_back() -> None:
    first, given = sent(), other(replaces="U-1")
    second, (assigned, _) = assign(Unit(unit_id="U-2"), given, SCENE, at(121), first)
    assert second.leg is not None
    assert first.leg is not None
    assert second.leg.replaces == getattr(assigned, "replaces") == first.leg.leg_id  # noqa: B009
    back, (told,) = call_back(first, given, at(121))
    assert back.status is S.STOOD_DOWN
    assert isinstance(told, UnitStatusChanged)
    assert (told.leg_id, told.source, told.occurred_at) == (first.leg.leg_id, "dispatcher", at(120))
    assert call_back(back, given, at(122)) == (back, ())


def test_a_unit_that_broke_down_is_replaced_and_not_called_back() -> None:
    broken = stamped(sent(), S.DEPARTED, S.OUT_OF_SERVICE)
    second, _ = assign(Unit(unit_id="U-2"), other(replaces="U-1"), SCENE, at(121), broken)
    assert second.leg is not None
    assert second.leg.replaces == "I-1.U-1.1"
    assert call_back(broken, other(replaces="U-1"), at(121)) == (broken, ())


def test_only_a_unit_that_was_sent_to_the_call_is_replaced() -> None:
    for replaced in (None, Unit(unit_id="U-1"), send(Unit(unit_id="U-1"), order("o", "I-9"), 0)[0]):
        with pytest.raises(Rejected, match="409 Not sent"):
            assign(Unit(unit_id="U-2"), other(replaces="U-1"), SCENE, at(121), replaced)


def test_an_order_sent_again_after_the_other_has_moved_on_is_still_a_repeat() -> None:
    second, _ = assign(Unit(unit_id="U-2"), other(replaces="U-1"), SCENE, at(121), sent())
    elsewhere, _ = send(stamped(sent(), S.AVAILABLE), order("o", "I-9", 700), 700)
    assert assign(second, other(replaces="U-1"), SCENE, at(800), elsewhere) == (second, ())


def test_an_order_sent_again_after_the_scene_became_better_known_is_still_a_repeat() -> None:
    there = SCENE._replace(point=SCENE.point.but(latitude=31.3))
    assert assign(sent(), order(), there, at(90)) == (sent(), ())


def driving(second: float, *, moves: bool = True) -> Unit:
    """A free unit as satellites saw it then."""
    where = UnitLocated(
        event_id="x", occurred_at=at(second), unit_id="U-1", point=SCENE.point, moves=moves
    )
    return Unit(unit_id="U-1", located=where)


@pytest.mark.parametrize(
    ("unit", "rolling"),
    [
        (Unit(unit_id="U-1"), False),
        (stamped(sent(), S.DEPARTED, S.AVAILABLE), False),
        (stamped(sent(), S.DEPARTED, S.RETURNING), True),
        (stamped(sent(), S.DEPARTED, S.STOOD_DOWN), True),
        (stamped(sent(), S.STOOD_DOWN), False),
        (driving(600), True),
        (driving(540), True),
        (driving(539), False),
        (driving(601), False),
        (driving(590, moves=False), False),
    ],
    ids=[
        "new",
        "free",
        "returning",
        "called back on the road",
        "called back in the yard",
        "drives home",
        "drove a minute before",
        "drove long before",
        "has left since it was told",
        "stands",
    ],
)
def test_a_unit_on_the_road_when_it_is_told_is_marked(unit: Unit, rolling: bool) -> None:
    after, (assigned, _) = send(unit, order("order-2", "I-2", 600), 600)
    assert after.leg is not None
    assert after.leg.is_rolling is getattr(assigned, "rolling") is rolling  # noqa: B009


def test_a_dispatch_is_restated_by_what_its_three_minutes_rest_on_alone() -> None:
    def given(status: UnitStatus, second: float, source: StampSource = "crew") -> Stamp:
        return Stamp(stamp_id=f"{status}.{source}", status=status, source=source,
                     occurred_at=at(0), recorded_at=at(second))  # fmt: skip

    leg = Leg(leg_id="L", incident_id="I", unit_id="U", stamps=(given(S.NOTIFIED, 5),))

    def learned(*stamps: Stamp, corrected: str | None = None) -> datetime | None:
        corrections = (correction(corrected, at(1)),) if corrected else ()
        known = leg.but(stamps=(*leg.stamps, *stamps), corrections=corrections)
        return known.dispatch().learned_at

    assert leg.but(stamps=()).dispatch().learned_at is None
    assert learned() == at(5)
    assert learned(given(S.AVAILABLE, 60), corrected="available.crew") == at(5)
    assert learned(given(S.DEPARTED, 60, "gps")) == at(5)
    assert learned(given(S.STOOD_DOWN, 60)) == at(60)
    departed = given(S.DEPARTED, 50)
    assert learned(departed) == at(50)
    assert learned(departed, given(S.STOOD_DOWN, 60)) == at(50), "it had left before"
    assert learned(departed, corrected="departed.crew") == learned(corrected="notified.crew")
    assert learned(corrected="notified.crew") == at(900)
    seen = leg.but(stamps=(*leg.stamps, given(S.DEPARTED, 60, "gps"))).dispatch()
    for until, told in ((59, True), (60, False)):
        assert seen.verified(at(until)).is_restated is told
        assert not seen.reading(seen.departed, at(until)).is_restated
