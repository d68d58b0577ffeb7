"""A call: opened once, better known later, merged with another, closed when all is over."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from schemas.encounter import (
    EmergencyTransferRequested,
    EncounterEnded,
    EncounterOpened,
    Outcome,
    Patient,
    PatientBoarded,
    PatientReached,
)
from schemas.incident import (
    Call,
    CallCorrected,
    CallerCalledBack,
    IncidentAbandoned,
    IncidentClassified,
    IncidentClosed,
    IncidentDismissed,
    IncidentEvent,
    IncidentHeld,
    IncidentLocated,
    IncidentMerged,
    IncidentOpened,
    IncidentResumed,
    IncidentUnmerged,
    Location,
)
from services.dispatch.encounter import Encounter, Opening, open_encounter, record
from services.dispatch.incident import (
    MAY_BECOME,
    CallCorrection,
    EarlierCall,
    Incident,
    Intake,
    Located,
    Standing,
    add_patients,
    close,
    correct,
    correct_call,
    incident_id_of,
    is_repeated,
    merge,
    must_go_on,
    open_incident,
    stand,
    take_up,
    unmerge,
)
from services.dispatch.transfer import Transfer, request_transfer
from services.kit.errors import Rejected

BEGIN = datetime(2026, 3, 1, 8, tzinfo=UTC)
ELSEWHERE = Location(latitude=31.27, longitude=121.48, accuracy_m=8)


def at(second: float) -> datetime:
    return BEGIN + timedelta(seconds=second)


def intake(event_id: str = "call-1", patients: int = 2, **more: Any) -> Intake:
    given = {
        "event_id": event_id,
        "occurred_at": at(0),
        "external_number": "0012-A",
        "call": Call(accepted_at=at(-5)),
        "location": Location(latitude=31.25, longitude=121.5, address="somewhere"),
        "classification": "emergency",
        "patients": (Patient(),) * patients,
    }
    return Intake.model_validate({**given, **more})


def opened(
    event_id: str = "call-1", patients: int = 2, **more: Any
) -> tuple[Incident, list[Encounter]]:
    incident, encounters, _ = open_incident(intake(event_id, patients, **more), at(1))
    return incident, list(encounters)


def classified(incident: Incident, classification: str, second: float) -> Incident:
    name = f"act-{second}"
    event = about(incident, IncidentClassified, name, second, classification=classification)
    return correct(incident, event)[0]


def about(
    incident: Incident, kind: type[IncidentEvent], name: str = "act-1", second: float = 60,
    **more: Any,
) -> Any:  # fmt: skip
    common = {"event_id": name, "incident_id": incident.incident_id, "occurred_at": at(second)}
    return kind.model_validate({**common, **more})


# -- opened ----------------------------------------------------------------------------------------


def test_a_call_opens_one_incident_and_one_encounter_for_each_presumed_patient() -> None:
    incident, patients, events = open_incident(intake(), at(1))
    first, *others = events
    assert isinstance(first, IncidentOpened)
    assert (first.origin, first.external_number) == ("call", "0012-A")
    assert (first.occurred_at, first.recorded_at) == (at(0), at(1))
    assert first.encounter_ids == incident.encounter_ids
    told = [other for other in others if isinstance(other, EncounterOpened)]
    assert [p.encounter_id for p in patients] == [o.encounter_id for o in told]
    assert len(set(incident.encounter_ids)) == len(told) == len(others) == 2
    assert {(o.incident_id, o.origin) for o in told} == {(incident.incident_id, "call")}


def test_the_same_call_sent_again_is_the_same_incident_with_the_same_events() -> None:
    once, again = open_incident(intake(), at(1)), open_incident(intake(), at(1))
    assert once == again
    assert incident_id_of("call-1") == once[0].incident_id
    assert incident_id_of("call-2") != once[0].incident_id
    assert is_repeated(once[0], intake())
    with pytest.raises(Rejected, match="409 Key used before"):
        is_repeated(once[0], intake(classification="drill"))


def test_no_two_calls_share_an_encounter_or_an_event() -> None:
    one, other = (open_incident(intake(name), at(1)) for name in ("call-1", "call-2"))
    assert not set(one[0].encounter_ids) & set(other[0].encounter_ids)
    assert not {e.event_id for e in one[2]} & {e.event_id for e in other[2]}


def test_ids_hold_nothing_of_the_call() -> None:
    incident, _ = opened("0012-A")
    assert re.fullmatch("I-[0-9a-f]{16}", incident.incident_id)
    assert "0012" not in "".join((incident.incident_id, *incident.encounter_ids))
    assert incident.encounter_ids == (
        f"E-{incident.incident_id[2:]}-1",
        f"E-{incident.incident_id[2:]}-2",
    )


# -- better known ----------------------------------------------------------------------------------

LOCATED = about(
    opened()[0], IncidentLocated, location=ELSEWHERE, source="crew", reason="north gate"
)
CLASSIFIED = about(opened()[0], IncidentClassified, classification="drill")


@pytest.mark.parametrize(
    ("event", "update"),
    [
        (
            LOCATED,
            {
                "location": ELSEWHERE,
                "location_source": "crew",
                "earlier_locations": (
                    Located(
                        location=intake().location,
                        source="caller",
                        until=at(60),
                        reason="north gate",
                    ),
                ),
            },
        ),
        (CLASSIFIED, {"classification": "drill", "opened_as": "emergency"}),
    ],
    ids=["located", "classified"],
)
def test_what_is_better_known_stands_and_is_told_as_it_is(
    event: IncidentEvent, update: dict[str, Any]
) -> None:
    incident, _ = opened()
    after, events = correct(incident, event)
    assert after == incident.model_copy(update={**update, "taken": after.taken})
    assert list(events) == [event]
    assert correct(after, event) == (after, ())
    later = event.model_copy(update={"event_id": "act-2", "occurred_at": at(90)})
    assert list(correct(after, later)[1]) == [later], "and may be corrected again"


@pytest.mark.parametrize("event", [LOCATED, CLASSIFIED], ids=["located", "classified"])
def test_a_key_that_stood_for_another_correction_is_refused(event: IncidentEvent) -> None:
    after, _ = correct(opened()[0], event)
    with pytest.raises(Rejected, match="409 Key used before"):
        correct(after, event.model_copy(update={"occurred_at": at(61)}))


def test_what_becomes_an_emergency_is_one_since_then() -> None:
    after = classified(opened(classification="standby")[0], "emergency", 90)
    assert (after.emergency_since, after.opened_as) == (at(90), "standby")
    for later in (("emergency", 95), ("drill", 96), ("emergency", 99)):
        after = classified(after, *later)
        assert (after.emergency_since, after.opened_as) == (at(90), "standby")


def test_no_clock_of_an_emergency_is_begun_anew_by_calling_it_something_else_for_a_while() -> None:
    drill = classified(opened()[0], "drill", 60)
    after = classified(drill, "emergency", 90)
    assert [(each.emergency_since, each.opened_as) for each in (drill, after)] == [
        (None, "emergency")
    ] * 2


def test_when_it_was_told_that_it_is_an_emergency_or_none_any_more() -> None:
    told_at = []
    incident, _ = opened()
    for number, wanted in enumerate(("emergency", "drill", "standby", "emergency"), start=1):
        told = {"event_id": f"act-{number}", "classification": wanted, "recorded_at": at(number)}
        incident, _ = correct(incident, CLASSIFIED.model_copy(update=told))
        told_at.append(incident.reclassified_at)
    assert told_at == [None, at(2), at(2), at(4)]


def test_before_anybody_corrects_it_the_location_is_the_callers() -> None:
    assert opened()[0].location_source == "caller"


def corrected(name: str = "act-1", second: float = 600, **times: datetime | None) -> CallCorrection:
    return CallCorrection(
        event_id=name,
        occurred_at=at(second),
        named=tuple(times),
        call=Call.model_validate(times),
        reason="by the recording",
        corrected_by="lead-2",
    )


def test_what_a_call_is_corrected_to_stands_and_what_stood_before_is_kept_beside_it() -> None:
    incident, _ = opened(call=Call(received_at=at(-20), accepted_at=at(-5)))
    after, (event,) = correct_call(incident, corrected(accepted_at=at(-9)), at(601))
    assert after.call == Call(received_at=at(-20), accepted_at=at(-9))
    before = EarlierCall(
        call=incident.call, until=at(600), reason="by the recording", corrected_by="lead-2"
    )
    assert after.earlier_calls == (before,)
    assert after == incident.but(
        call=after.call, earlier_calls=after.earlier_calls, taken=after.taken
    )
    assert isinstance(event, CallCorrected)
    assert (event.call, event.was) == (after.call, incident.call)
    assert (event.reason, event.corrected_by) == ("by the recording", "lead-2")
    assert (event.occurred_at, event.recorded_at) == (at(600), at(601))
    again, _ = correct_call(after, corrected("act-2", 700, received_at=None), at(701))
    assert again.call == Call(accepted_at=at(-9)), "it never rang: the other times stand"
    assert [each.call for each in again.earlier_calls] == [incident.call, after.call]


def test_a_corrected_call_is_stored_and_read_as_it_is() -> None:
    after, _ = correct_call(opened()[0], corrected(accepted_at=None, answered_at=at(-9)), at(601))
    assert Incident.model_validate_json(after.model_dump_json(exclude_defaults=True)) == after


def test_a_correction_of_a_call_that_comes_again_changes_nothing_and_another_is_refused() -> None:
    after, _ = correct_call(opened()[0], corrected(received_at=None), at(601))
    after, _ = correct_call(after, corrected("act-2", answered_at=at(-8)), at(602))
    assert correct_call(after, corrected(received_at=None), at(603)) == (after, ())
    with pytest.raises(Rejected, match="409 Key used before"):
        correct_call(after, corrected(answered_at=None), at(603))


def test_the_times_of_a_call_are_corrected_also_when_it_is_over_and_of_the_one_that_it_became() -> (
    None
):
    over = opened()[0].but(closed_at=at(500))
    assert correct_call(over, corrected(accepted_at=at(-9)), at(601))[0].call.accepted_at == at(-9)
    with pytest.raises(Rejected, match="409 Merged"):
        correct_call(over.but(merged_into="I-2"), corrected(accepted_at=at(-9)), at(601))


# -- merged ----------------------------------------------------------------------------------------


def merging(one: Incident, into: Incident, name: str = "merge-1") -> IncidentMerged:
    event: IncidentMerged = about(one, IncidentMerged, name, into=into.incident_id)
    return event


def merged(
    one: Incident, into: Incident, patients: Sequence[Encounter], name: str = "merge-1"
) -> Incident:
    return merge(one, into, patients, merging(one, into, name))[0]


def acted(encounter: Encounter, kind: Any, **more: Any) -> Encounter:
    common = {"encounter_id": encounter.encounter_id, "occurred_at": at(30)}
    return record(encounter, kind(event_id=f"{kind.__name__}", **common, **more))[0]


FIRST, PATIENTS = opened("call-1")
SECOND, OTHERS = opened("call-2", patients=1)


def test_a_second_call_goes_on_as_the_first_and_its_placeholders_end_as_merged() -> None:
    event = merging(FIRST, SECOND)
    after, ended, events = merge(FIRST, SECOND, PATIENTS, event)
    assert after.merged_into == SECOND.incident_id
    assert [e.outcome for e in ended] == [Outcome.MERGED] * 2
    assert events[0] == event
    ends = [e for e in events[1:] if isinstance(e, EncounterEnded)]
    assert [(e.encounter_id, e.outcome, e.occurred_at) for e in ends] == [
        (p.encounter_id, Outcome.MERGED, at(60)) for p in PATIENTS
    ]
    assert len(ends) == len(events) - 1
    assert merge(after, SECOND, ended, event) == (after, (), ())


def test_a_merge_sent_again_after_the_other_was_merged_too_is_still_a_repeat() -> None:
    event = merging(FIRST, SECOND)
    after, ended, _ = merge(FIRST, SECOND, PATIENTS, event)
    third, _ = opened("call-3")
    gone = merged(SECOND, third, OTHERS, "merge-2")
    assert merge(after, gone, ended, event) == (after, (), ())


def test_a_patient_whose_encounter_is_over_keeps_the_outcome_it_had() -> None:
    over = acted(PATIENTS[0], EncounterEnded, outcome=Outcome.NO_PATIENT)
    _, ended, events = merge(FIRST, SECOND, [over, PATIENTS[1]], merging(FIRST, SECOND))
    assert [e.encounter_id for e in ended] == [PATIENTS[1].encounter_id]
    assert len(events) == 2


@pytest.mark.parametrize(
    "somebody",
    [
        pytest.param(acted(PATIENTS[1], PatientReached, unit_id="U-1"), id="reached"),
        pytest.param(acted(PATIENTS[1], PatientBoarded, unit_id="U-1"), id="aboard"),
        pytest.param(PATIENTS[1].model_copy(update={"origin": "scene"}), id="found on scene"),
        pytest.param(PATIENTS[1].model_copy(update={"origin": "birth"}), id="born"),
        pytest.param(PATIENTS[1].model_copy(update={"origin": "clinic"}), id="in a clinic"),
    ],
)
def test_a_call_with_a_patient_somebody_is_with_is_merged_into_no_other(
    somebody: Encounter,
) -> None:
    with pytest.raises(Rejected, match=r"409 Reached: .* Merge the other call into this one\."):
        merge(FIRST, SECOND, [PATIENTS[0], somebody], merging(FIRST, SECOND))
    assert merged(SECOND, FIRST, OTHERS).merged_into == FIRST.incident_id


def test_a_call_is_not_merged_into_itself() -> None:
    with pytest.raises(Rejected, match="409 Itself"):
        merged(FIRST, FIRST, PATIENTS)


def test_a_key_that_stood_for_another_merge_is_refused() -> None:
    third, _ = opened("call-3")
    with pytest.raises(Rejected, match="409 Key used before"):
        merged(merged(FIRST, SECOND, PATIENTS), third, [])


def test_merges_follow_each_other_and_never_lead_to_a_call_that_has_gone() -> None:
    third, _ = opened("call-3")
    gone = merged(FIRST, SECOND, PATIENTS)
    assert merged(SECOND, third, OTHERS).merged_into == third.incident_id
    with pytest.raises(Rejected, match=f"409 Merged: This call goes on as {SECOND.incident_id}:"):
        merged(third, gone, [])
    with pytest.raises(Rejected, match="409 Merged"):
        merged(gone, third, [], "merge-2")


# -- closed ----------------------------------------------------------------------------------------

OVER = [acted(p, EncounterEnded, outcome=Outcome.REFUSED_TRANSPORT) for p in PATIENTS]


def closed(name: str = "close-1") -> IncidentClosed:
    event: IncidentClosed = about(FIRST, IncidentClosed, name)
    return event


def test_a_call_is_closed_when_each_of_its_patients_has_an_outcome() -> None:
    after, ended, events = close(FIRST, OVER, closed())
    assert (after.closed_at, after.standing) == (at(60), Standing.CLOSED)
    assert (list(ended), list(events)) == ([], [closed()])
    assert close(after, OVER, closed()) == (after, (), ())
    with pytest.raises(Rejected, match="409 Key used before"):
        close(after, OVER, closed().model_copy(update={"occurred_at": at(61)}))


def test_a_call_with_a_patient_without_an_outcome_is_not_over() -> None:
    with pytest.raises(Rejected, match="409 Not over"):
        close(FIRST, [OVER[0], PATIENTS[1]], closed())


@pytest.mark.parametrize("way", ["closed", "merged"])
def test_nothing_more_is_done_about_a_call_that_is_over(way: str) -> None:
    over = close(FIRST, OVER, closed())[0] if way == "closed" else merged(FIRST, SECOND, PATIENTS)
    acts: list[Callable[[], object]] = [
        lambda: correct(over, LOCATED),
        lambda: correct(over, CLASSIFIED),
        lambda: merge(over, SECOND, [], merging(over, SECOND, "act-9")),
        lambda: merge(SECOND, over, OTHERS, merging(SECOND, over)),
        lambda: close(over, OVER, closed("act-9")),
        lambda: add_patients(over, [one_more()], at(90)),
        lambda: must_go_on(over),
    ]
    for refused in acts:
        with pytest.raises(Rejected, match=f"409 {way.capitalize()}"):
            refused()
    must_go_on(SECOND)


# -- how a call stands -----------------------------------------------------------------------------

#: What a call (down) may become (across).
STANDS = """
            open held abandoned nuisance merged closed
open        ·    x    x         x        x      x
held        x    ·    x         x        x      x
abandoned   x    ·    ·         x        x      x
nuisance    x    ·    ·         ·        ·      x
merged      x    ·    ·         ·        ·      ·
closed      ·    ·    ·         ·        ·      ·
"""


def stands() -> dict[tuple[Standing, Standing], bool]:
    header, *rows = (line.split() for line in STANDS.strip().splitlines())
    return {
        (Standing(row[0]), Standing(to)): mark == "x"
        for row in rows
        for to, mark in zip(header, row[1:], strict=True)
    }


ACTS: dict[Standing, IncidentEvent] = {
    Standing.OPEN: about(FIRST, IncidentResumed, "again"),
    Standing.HELD: about(FIRST, IncidentHeld, "hold", reason="no unit is free"),
    Standing.ABANDONED: about(FIRST, IncidentAbandoned, "lost"),
    Standing.NUISANCE: about(FIRST, IncidentDismissed, "no", reason="a child plays"),
}


@pytest.mark.parametrize("stood", Standing)
@pytest.mark.parametrize("wanted", ACTS)
def test_a_call_becomes_what_the_table_says_and_nothing_else(
    stood: Standing, wanted: Standing
) -> None:
    before, event = FIRST.model_copy(update={"standing": stood}), ACTS[wanted]
    if stood in (Standing.MERGED, Standing.CLOSED):  # by acts of their own, if at all
        over = {"merged_into": "I-2"} if stood is Standing.MERGED else {"closed_at": at(50)}
        with pytest.raises(Rejected, match=r"409 (Merged|Closed)"):
            stand(before.model_copy(update=over), event)
        return
    if not stands()[stood, wanted]:
        with pytest.raises(Rejected, match=f"409 Not now: A call that is {stood} cannot become"):
            stand(before, event)
        return
    after, events = stand(before, event)
    assert (after.standing, after.standing_since, list(events)) == (wanted, at(60), [event])
    assert stand(after, event) == (after, ())


def test_the_table_is_the_one_that_is_kept() -> None:
    assert {(a, b): b in MAY_BECOME[a] for a in Standing for b in Standing} == stands()


def standing(wanted: Standing) -> Incident:
    return stand(FIRST, ACTS[wanted])[0]


@pytest.mark.parametrize("stood", [Standing.HELD, Standing.ABANDONED])
def test_who_is_sent_to_a_call_that_waits_makes_it_an_open_one(stood: Standing) -> None:
    after, (resumed,) = take_up(standing(stood), "order-1", at(90), at(91))
    assert isinstance(resumed, IncidentResumed)
    assert (after.standing, resumed.occurred_at, resumed.recorded_at) == ("open", at(90), at(91))
    assert take_up(after, "order-1", at(90), at(91)) == (after, ())


def test_nobody_is_sent_to_a_nuisance_or_to_a_call_that_is_over() -> None:
    assert take_up(FIRST, "order-1", at(90), at(91)) == (FIRST, ())
    with pytest.raises(Rejected, match=r"409 Nuisance: .* Resume it first"):
        take_up(standing(Standing.NUISANCE), "order-1", at(90), at(91))
    with pytest.raises(Rejected, match="409 Closed"):
        take_up(close(FIRST, OVER, closed())[0], "order-1", at(90), at(91))


@pytest.mark.parametrize("stood", [Standing.ABANDONED, Standing.NUISANCE])
def test_with_a_call_that_was_nothing_its_placeholders_end(stood: Standing) -> None:
    after, ended, events = close(standing(stood), PATIENTS, closed())
    assert after.standing is Standing.CLOSED
    assert [e.outcome for e in ended] == [Outcome.NO_PATIENT] * 2
    assert [type(e) for e in events] == [EncounterEnded, EncounterEnded, IncidentClosed]
    reached = [PATIENTS[0], acted(PATIENTS[1], PatientReached, unit_id="U-1")]
    with pytest.raises(Rejected, match="409 Not over"):
        close(standing(stood), reached, closed())


def test_that_the_caller_was_called_back_is_told_and_changes_nothing_else() -> None:
    event = about(FIRST, CallerCalledBack, answered=False)
    lost = standing(Standing.ABANDONED)
    after, events = correct(lost, event)
    assert (after.but(taken=lost.taken), list(events)) == (lost, [event])


def unmerged(one: Incident, name: str = "un-1", out_of: str | None = None) -> IncidentUnmerged:
    event: IncidentUnmerged = about(
        one, IncidentUnmerged, name, 120, out_of=out_of or SECOND.incident_id, reason="two crashes"
    )
    return event


def test_what_was_merged_by_mistake_is_a_call_again_and_its_patients_are_expected() -> None:
    gone, ended, _ = merge(FIRST, SECOND, PATIENTS, merging(FIRST, SECOND))
    after, again, events = unmerge(gone, ended, unmerged(FIRST), at(121))
    assert (after.standing, after.merged_into) == (Standing.OPEN, None)
    assert [e.continues for e in again] == list(FIRST.encounter_ids)
    assert after.encounter_ids == (*FIRST.encounter_ids, *(e.encounter_id for e in again))
    assert [e.patient for e in again] == [p.patient for p in PATIENTS]
    told = [e for e in events if isinstance(e, EncounterOpened)]
    assert [e.encounter_id for e in told] == [e.encounter_id for e in again]
    assert unmerge(after, [*ended, *again], unmerged(FIRST), at(122)) == (after, (), ())
    must_go_on(after)


def test_a_patient_is_expected_once_however_often_the_call_is_merged() -> None:
    gone, ended, _ = merge(FIRST, SECOND, PATIENTS, merging(FIRST, SECOND))
    after, again, _ = unmerge(gone, ended, unmerged(FIRST), at(121))
    gone, ended_again, _ = merge(after, SECOND, again, merging(FIRST, SECOND, "merge-2"))
    _, third, _ = unmerge(gone, [*ended, *ended_again], unmerged(FIRST, "un-2"), at(122))
    assert [e.continues for e in third] == [e.encounter_id for e in again]


def test_a_call_is_taken_out_of_the_one_it_went_into_and_of_no_other() -> None:
    with pytest.raises(Rejected, match="409 Not merged"):
        unmerge(FIRST, PATIENTS, unmerged(FIRST), at(121))
    with pytest.raises(Rejected, match="409 Not merged"):
        unmerge(merged(FIRST, SECOND, PATIENTS), [], unmerged(FIRST, out_of="I-3"), at(121))


def test_so_many_patients_are_found_in_one_act() -> None:
    openings = [one_more(encounter_id=f"E-{n}") for n in range(12)]
    after, found, events = add_patients(FIRST, openings, at(61))
    assert after.encounter_ids[2:] == tuple(f"E-{n}" for n in range(12))
    assert len(found) == len({e.event_id for e in events}) == 12
    assert add_patients(after, openings, at(62)) == (after, (), ())


# -- one more patient ------------------------------------------------------------------------------


def one_more(**more: Any) -> Opening:
    given = {
        "encounter_id": "E-more",
        "occurred_at": at(60),
        "patient": Patient(sex="female"),
        "origin": "scene",
        "incident_id": FIRST.incident_id,
    }
    return Opening.model_validate({**given, **more})


@pytest.mark.parametrize(
    "how", [{}, {"origin": "birth", "mother_id": PATIENTS[0].encounter_id}], ids=["found", "born"]
)
def test_one_more_patient_stands_beside_the_others(how: dict[str, Any]) -> None:
    after, (encounter,), (told,) = add_patients(FIRST, [one_more(**how)], at(61))
    assert after.encounter_ids == (*FIRST.encounter_ids, "E-more")
    assert isinstance(told, EncounterOpened)
    assert (told.origin, told.mother_id) == (how.get("origin", "scene"), how.get("mother_id"))
    assert encounter.incident_id == told.incident_id == FIRST.incident_id
    assert add_patients(after, [one_more(**how)], at(62)) == (after, (), ())


def test_the_same_key_for_another_patient_is_refused() -> None:
    after, _, _ = add_patients(FIRST, [one_more()], at(61))
    with pytest.raises(Rejected, match="409 Key used before"):
        add_patients(after, [one_more(patient=Patient(sex="male"))], at(62))


def test_the_same_key_for_more_patients_than_before_is_refused() -> None:
    openings = [one_more(encounter_id=f"E-{n}") for n in range(3)]
    after, _, _ = add_patients(FIRST, openings[:2], at(61))
    with pytest.raises(Rejected, match="409 Key used before"):
        add_patients(after, openings, at(62))


# -- a clinic's patient that has to be taken on ----------------------------------------------------


def walked_in(name: str = "E-clinic") -> Encounter:
    opening = Opening(
        encounter_id=name,
        occurred_at=at(0),
        patient=Patient(sex="female", complaint="stroke"),
        origin="clinic",
        facility_id="C-001",
    )
    return open_encounter(opening, at(1))[0]


def asked(event_id: str = "ask-1", **more: Any) -> Transfer:
    given = {
        "event_id": event_id,
        "occurred_at": at(300),
        "from_facility_id": "C-001",
        "requested_by": "doctor-3",
        "location": ELSEWHERE,
        "arrived_at": at(-600),
        "to_facility_id": "F-002",
        "accepted_by": "doctor-9",
        "consent": "given",
        "reason": "CT is not there",
    }
    return Transfer.model_validate({**given, **more})


def test_a_transfer_request_opens_an_incident_at_the_clinic_as_a_call_would() -> None:
    before = walked_in()
    after, incident, (opening, requested) = request_transfer(before, asked(), at(301))
    assert incident is not None
    assert after.incident_id == incident.incident_id
    assert incident.encounter_ids == (before.encounter_id,)
    assert (incident.origin, incident.classification) == ("transfer_request", "emergency")
    assert (incident.location, incident.call.accepted_at) == (ELSEWHERE, at(300))
    assert isinstance(opening, IncidentOpened)
    assert opening.incident_id == incident.incident_id
    assert isinstance(requested, EmergencyTransferRequested)
    told = requested.model_dump(exclude={"recorded_at", "incident_id", "encounter_id"})
    assert told == asked().model_dump(exclude={"location"})
    assert requested.incident_id == incident.incident_id
    assert requested.recorded_at == at(301)


def test_a_request_that_is_sent_again_opens_nothing() -> None:
    after, _, _ = request_transfer(walked_in(), asked(), at(301))
    assert request_transfer(after, asked(), at(302)) == (after, None, [])
    over = acted(after, EncounterEnded, outcome=Outcome.LEFT_BY_OTHER_MEANS)
    assert request_transfer(over, asked(), at(303)) == (over, None, [])
    with pytest.raises(Rejected, match="409 Key used before"):
        request_transfer(after, asked(consent="not_obtainable"), at(302))


def test_a_patient_belongs_to_one_call() -> None:
    after, incident, _ = request_transfer(walked_in(), asked(), at(301))
    assert incident is not None
    with pytest.raises(Rejected, match=f"409 Asked before: .*{incident.incident_id}"):
        request_transfer(after, asked("ask-2"), at(302))
    with pytest.raises(Rejected, match=f"409 Asked before: .*{FIRST.incident_id}"):
        request_transfer(PATIENTS[0], asked(), at(302))


def test_for_a_patient_whose_encounter_is_over_nobody_comes() -> None:
    over = acted(walked_in(), EncounterEnded, outcome=Outcome.LEFT_BY_OTHER_MEANS)
    with pytest.raises(Rejected, match="409 Already ended"):
        request_transfer(over, asked(), at(301))


def test_the_same_key_of_another_clinic_or_of_a_call_is_another_incident() -> None:
    """Senders number for themselves."""
    names = {incident_id_of("ask-1")}
    for patient in ("E-clinic", "E-other"):
        _, incident, _ = request_transfer(walked_in(patient), asked(), at(301))
        assert incident is not None
        names.add(incident.incident_id)
    assert len(names) == 3
