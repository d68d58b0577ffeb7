"""What the board shows of clocks, and what a crew is shown of its dispatch."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from schemas.encounter import Patient
from schemas.handoff import Owed
from schemas.incident import Call, Point
from schemas.triage import Bilingual
from schemas.unit import (
    EtaUpdated,
    ReadinessReported,
    UnitLocated,
    UnitMobilised,
    UnitRegistered,
    UnitStatus,
)
from services.dispatch import loader
from services.dispatch.clock import Fate, fate
from services.dispatch.deadline import DEPARTURE, NOTIFICATION, About
from services.dispatch.encounter import Answers, Encounter
from services.dispatch.incident import Incident, Standing
from services.dispatch.leg import Correction, Leg, Silence, Stamp
from services.dispatch.overview import (
    PHONE_KEEPS,
    Board,
    Bound,
    board_call,
    board_unit,
    countdowns,
    current_leg,
    destinations,
    mission,
    with_phones,
)
from services.dispatch.register import Hospital
from services.dispatch.unit import Unit
from tests.unit.test_incident import FIRST
from tests.unit.test_unit import at

S = UnitStatus
CLOCKS = loader.clocks()
CALL = FIRST.but(incident_id="I-1", call=Call(), opened_at=at(0))
HERE = {"latitude": 34.2, "longitude": 117.3}


def stamp(status: S, second: float, source: str = "crew") -> Stamp:
    told = {"stamp_id": f"{status}-{source}", "status": status, "source": source}
    return Stamp.model_validate({**told, "occurred_at": at(second)})


def leg(*stamps: Stamp, unit: str = "U-1", **more: Any) -> Leg:
    told = stamp(S.NOTIFIED, 20, "dispatcher")
    name = f"I-1.{unit}.1"
    return Leg(leg_id=name, incident_id="I-1", unit_id=unit, stamps=(told, *stamps), **more)


Shown = dict[tuple[str, str | None], tuple[datetime, datetime, datetime | None, datetime | None]]


def clocks(call: Incident, *legs: Leg, by: Any = CLOCKS) -> Shown:
    return {
        (each.clock, each.leg_id): (each.began_at, each.due_at, each.warn_at, each.ended_at)
        for each in countdowns(About(call, legs, [patient("E-1")]), by)
    }


def test_a_call_to_which_nobody_is_sent_waits_since_it_was_accepted_or_opened() -> None:
    assert clocks(CALL) == {(NOTIFICATION, None): (at(0), at(60), None, None)}
    accepted = CALL.but(call=Call(accepted_at=at(-10)))
    assert clocks(accepted) == {(NOTIFICATION, None): (at(-10), at(50), None, None)}


def test_a_unit_that_was_told_ends_the_clock_of_its_call_and_begins_its_own() -> None:
    assert clocks(CALL, leg(stamp(S.ACKNOWLEDGED, 30))) == {
        (NOTIFICATION, None): (at(0), at(60), None, at(20)),
        (DEPARTURE, "I-1.U-1.1"): (at(20), at(200), at(140), None),
    }


@pytest.mark.parametrize(
    "given",
    [
        stamp(S.DEPARTED, 90), stamp(S.DEPARTED, 90, "gps"), stamp(S.ON_SCENE, 90),
        stamp(S.STOOD_DOWN, 90, "dispatcher"),
    ],
    ids=lambda given: f"{given.status}-{given.source}",
)  # fmt: skip
def test_the_clock_of_a_unit_ends_by_whoever_says_first_that_it_need_not_leave_any_more(
    given: Stamp,
) -> None:
    found = clocks(CALL, leg(given, stamp(S.AT_DESTINATION, 900)))
    assert found[DEPARTURE, "I-1.U-1.1"][-1] == at(90)


def test_a_stamp_that_was_taken_back_ends_nothing() -> None:
    departed = stamp(S.DEPARTED, 90)
    never = Correction(
        stamp_id=departed.stamp_id, reason="x", corrected_by="d-1", recorded_at=at(99)
    )
    found = clocks(CALL, leg(departed, corrections=(never,)))
    assert found[DEPARTURE, "I-1.U-1.1"][-1] is None


@pytest.mark.parametrize(
    ("said", "seen", "stood", "how"),
    [
        (25, 30, 26, "confirmed"), (25, 30, None, "confirmed"), (110, 30, 26, "confirmed"),
        (20, 448, 440, "contradicted"), (210, 195, 190, "contradicted"),
        (20, 448, None, "unsure"), (190, 210, 185, "unsure"), (20, 210, 60, "contradicted"),
        (None, 30, 26, None), (25, None, None, None),
    ],
)  # fmt: skip
def test_a_departure_is_confirmed_as_its_indicator_counts_it(
    said: float | None, seen: float | None, stood: float | None, how: str | None
) -> None:
    stamps = [] if said is None else [stamp(S.DEPARTED, said)]
    if seen is not None:
        not_before = None if stood is None else at(stood)
        stamps.append(stamp(S.DEPARTED, seen, "gps").but(not_before=not_before))
    left = leg(*stamps)
    shown = [each.witnessed for each in countdowns(About(CALL, (left,), [patient("E-1")]), CLOCKS)]
    assert shown == [None, how]
    sent, limit = left.dispatch(), CLOCKS[DEPARTURE].limit
    assert limit is not None
    verified = fate(sent.verified(), limit)
    if how == "confirmed":
        assert verified is fate(sent.reading(sent.departed), limit)
    if how == "unsure":
        assert verified is Fate.MISSING


def test_a_call_whose_units_were_all_lost_waits_again_and_one_that_has_another_does_not() -> None:
    lost = leg(stamp(S.STOOD_DOWN, 50, "dispatcher"))
    assert clocks(CALL, lost)[NOTIFICATION, None] == (at(0), at(60), None, None)
    assert clocks(CALL, lost, leg(unit="U-2"))[NOTIFICATION, None][-1] == at(20)
    closed = CALL.but(standing=Standing.CLOSED)
    assert clocks(closed, lost)[NOTIFICATION, None][-1] == at(20), "it waits for nobody"


@pytest.mark.parametrize("standing", Standing)
def test_the_clock_of_a_call_runs_while_it_waits(standing: Standing) -> None:
    waits = standing in {Standing.OPEN, Standing.HELD}
    assert bool(clocks(CALL.but(standing=standing))) is waits


@pytest.mark.parametrize("classification", ["non_emergency_transfer", "standby", "drill"])
def test_only_emergencies_have_clocks(classification: str) -> None:
    assert clocks(CALL.but(classification=classification), leg()) == {}


def test_who_was_on_the_road_need_not_leave() -> None:
    assert clocks(CALL, leg(is_rolling=True)).keys() == {(NOTIFICATION, None)}


def test_of_a_call_that_became_an_emergency_the_clocks_begin_then() -> None:
    call = CALL.but(emergency_since=at(100))
    assert clocks(call, leg()) == {
        (NOTIFICATION, None): (at(100), at(160), None, at(20)),
        (DEPARTURE, "I-1.U-1.1"): (at(100), at(280), at(220), None),
    }
    gone = leg(stamp(S.DEPARTED, 90))
    assert clocks(call, gone).keys() == {(NOTIFICATION, None)}, "it was on the road already"


def test_the_limits_are_those_of_the_site() -> None:
    without = CLOCKS[NOTIFICATION].but(limit_s=None)
    other = CLOCKS[DEPARTURE].but(limit_s=90.0, warn_s=None)
    site = {**CLOCKS, NOTIFICATION: without, DEPARTURE: other}
    assert clocks(CALL, leg(), by=site) == {(DEPARTURE, "I-1.U-1.1"): (at(20), at(110), None, None)}


def test_a_call_is_shown_without_what_it_was_and_its_dispatches_in_order() -> None:
    late = leg(unit="U-0").but(stamps=(stamp(S.NOTIFIED, 40, "dispatcher"),))
    never = leg(unit="U-9").but(stamps=())
    shown = board_call(About(CALL, [late, leg(), never], [patient("E-1")]), CLOCKS)
    board = Board(incidents=(shown,), units=(), alarms=(), same_event=None).model_dump(mode="json")
    (call,) = board["incidents"]
    assert call.keys() == Incident.model_fields.keys() - {
        "taken", "earlier_calls", "earlier_locations",
    } | {"legs", "patients", "clocks"}  # fmt: skip
    assert [each["unit_id"] for each in call["legs"]] == ["U-9", "U-1", "U-0"]
    assert [each["encounter_id"] for each in call["patients"]] == ["E-1"]


# -- units -----------------------------------------------------------------------------------------


def patient(name: str, unit: str | None = None) -> Encounter:
    return Encounter(
        encounter_id=name, incident_id="I-1", patient=Patient(), opened_at=at(0), unit_id=unit
    )


def unit_on(run: Leg | None) -> Unit:
    told: dict[str, Any] = {"event_id": "e", "occurred_at": at(1), "unit_id": "U-1"}
    return Unit(
        unit_id="U-1",
        leg=run,
        located=UnitLocated(point=HERE, moves=True, **told),
        registered=UnitRegistered(
            station_id="S-1", kind="special", call_back="+8651685000120", **told
        ),
        readiness=ReadinessReported(oxygen="low", **told),
    )


def test_a_unit_is_shown_with_what_it_is_on_and_free_without() -> None:
    eta = EtaUpdated.model_validate({
        "event_id": "e", "occurred_at": at(30), "unit_id": "U-1", "leg_id": "I-1.U-1.1",
        "place": "scene", "arrives_at": at(300), "distance_m": 900,
    })  # fmt: skip
    silence = Silence(since=at(60), is_overdue=False)
    run = leg(eta=eta, silence=silence)
    shown = board_unit(unit_on(run)).model_dump(exclude={"readiness"})
    assert shown == {
        "unit_id": "U-1", "status": S.AVAILABLE, "kind": "special", "station_id": "S-1",
        "call_back": "+8651685000120", "force": "standing", "mobilised_at": None,
        "located": {"point": HERE, "moves": True, "occurred_at": at(1)},
        "leg_id": "I-1.U-1.1", "incident_id": "I-1",
        "eta": {"place": "scene", "arrives_at": at(300), "occurred_at": at(30)},
        "silence": silence.model_dump(),
    }  # fmt: skip
    over = run.but(stamps=(*run.stamps, stamp(S.AVAILABLE, 900)))
    free = board_unit(unit_on(over))
    assert (free.leg_id, free.incident_id, free.eta, free.silence) == (None,) * 4
    unknown = board_unit(Unit(unit_id="U-1"))
    assert (unknown.located, unknown.kind, unknown.call_back, unknown.force) == (None,) * 4
    called_up = UnitMobilised(event_id="e", occurred_at=at(5), unit_id="U-1", reason="x")
    assert board_unit(unit_on(None).but(mobilised=called_up)).mobilised_at == at(5)


@pytest.mark.parametrize("ends", [S.AVAILABLE, S.STOOD_DOWN])
def test_a_crew_is_shown_its_dispatch_until_a_while_after_it_has_ended(ends: S) -> None:
    run, after = leg(), timedelta(seconds=1)
    assert current_leg(unit_on(None), at(0)) is None
    assert current_leg(unit_on(run), at(90_000)) == run, "it has not ended"
    over = run.but(stamps=(*run.stamps, stamp(ends, 900)))
    assert current_leg(unit_on(over), at(900) + PHONE_KEEPS - after) == over
    assert current_leg(unit_on(over), at(900) + PHONE_KEEPS) is None


def test_a_crew_is_shown_its_own_patients_and_those_whom_nobody_has() -> None:
    patients = [patient("E-3"), patient("E-2", "U-2"), patient("E-1", "U-1")]
    others = [Unit(unit_id=name) for name in ("U-3", "U-2")]
    told = mission(unit_on(leg()), leg(), CALL, patients, others)
    assert [each.encounter_id for each in told.patients] == ["E-1", "E-3"]
    assert [each.unit_id for each in told.other_units] == ["U-2", "U-3"]
    assert told.incident is not None
    assert told.incident.incident_id == "I-1"
    assert mission(unit_on(None), None, None, [], []).incident is None


def test_a_phone_numbers_patients_as_dispatch_does_and_those_of_a_call_before_come_last() -> None:
    call = CALL.but(encounter_ids=("E-9", "E-10"))
    patients = [patient(name, "U-1") for name in ("E-0", "E-10", "E-9")]
    told = mission(unit_on(leg()), leg(), call, patients, [])
    assert [each.encounter_id for each in told.patients] == ["E-9", "E-10", "E-0"]


def test_a_crew_is_told_where_the_register_has_the_hospitals_of_its_own_patients() -> None:
    bound = [patient("E-1").but(destination="H-1"), patient("E-2").but(destination="H-9")]
    known = [
        Hospital(facility_id=name, name=Bilingual(zh="院", en="H"), point=Point(**HERE))
        for name in ("H-2", "H-1")
    ]
    assert destinations([*bound, patient("E-3")], known) == (
        Bound(facility_id="H-1", point=Point(**HERE)),
    )


def test_who_does_not_answer_is_telephoned_by_their_own_number_else_by_the_register_s() -> None:
    def waiting(name: str, **answers: Any) -> Encounter:
        return patient(name).but(destination="H-1", answers=Answers(**answers))

    said = {"unanswered": Owed.ACKNOWLEDGED}
    silent = [waiting("E-1", **said), waiting("E-2", **said, phone="120"), waiting("E-3")]
    told = with_phones(silent, {"H-1": "0516 8500 0120"})
    assert [each.answers.phone for each in told] == ["0516 8500 0120", "120", None]
    assert with_phones(silent, {"H-2": "0516 8500 0120"}) == silent
