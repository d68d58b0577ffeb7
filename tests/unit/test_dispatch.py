"""A patient as dispatch knows them: every act is recorded once, and refused after the outcome."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from schemas import handoff
from schemas.encounter import (
    BoardingRevoked,
    DestinationSelected,
    DeviceAttached,
    DeviceDetached,
    EncounterEnded,
    EncounterEvent,
    EncounterUpdated,
    Outcome,
    Patient,
    PatientBoarded,
    PatientHandedToUnit,
    PatientReached,
    RevokedBoarding,
)
from schemas.handoff import (
    AcceptanceWithdrawn,
    Accepted,
    Acknowledged,
    Admission,
    AdmissionCancelled,
    AdmissionOpened,
    BedReserved,
    CareTransferred,
    DirectToConfirmed,
    DirectToRevoked,
    HandoffEvent,
    MilestoneReached,
    RedirectRequested,
    RedirectWithdrawn,
)
from schemas.incident import DeadlineMissed
from schemas.repeats import Repeats, digest_of, name_of
from schemas.triage import TriageDecided, TriageLevel
from services.dispatch import encounter as encounters
from services.dispatch.encounter import (
    Answers,
    Encounter,
    Opening,
    encounter_id_of,
    is_repeated,
    open_encounter,
    record,
)
from services.dispatch.requests import EndEncounter, HandToUnit
from services.kit.errors import Rejected

BEGIN = datetime(2026, 3, 1, 8, tzinfo=UTC)


def at(second: float) -> datetime:
    return BEGIN + timedelta(seconds=second)


def opening(**more: Any) -> Opening:
    given = {"encounter_id": "E-1", "occurred_at": at(0), "patient": Patient()}
    return Opening.model_validate({**given, **more})


def patient() -> Encounter:
    return open_encounter(opening(incident_id="I-1"), at(1))[0]


def act(kind: type[EncounterEvent], name: str = "act-1", second: float = 60, **more: Any) -> Any:
    common = {"event_id": name, "encounter_id": "E-1", "occurred_at": at(second)}
    return kind.model_validate({**common, **more})


ACTS = [
    act(EncounterUpdated, patient=Patient(sex="female")),
    act(PatientReached, unit_id="U-1"),
    act(DeviceAttached, device_id="M-1"),
    act(DestinationSelected, facility_id="H-1", selected_by="crew-1"),
    act(PatientBoarded, unit_id="U-1"),
    act(PatientHandedToUnit, unit_id="U-1", to_unit_id="U-2", reason="breakdown"),
    act(EncounterEnded, outcome=Outcome.REFUSED_TRANSPORT),
]
DETACHED = act(DeviceDetached, "act-2", device_id="M-1")


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        (ACTS[0], {"patient": Patient(sex="female")}),
        (ACTS[1], {"reached_at": at(60), "unit_id": "U-1", "units": ("U-1",)}),
        (ACTS[2], {"devices": ("M-1",)}),
        (ACTS[3], {"destination": "H-1"}),
        (ACTS[4], {"boarded_at": at(60), "unit_id": "U-1", "units": ("U-1",)}),
        (ACTS[5], {"unit_id": "U-2", "units": ("U-1", "U-2")}),
        (ACTS[6], {"outcome": Outcome.REFUSED_TRANSPORT, "ended_at": at(60)}),
    ],
    ids=[type(event).__name__ for event in ACTS],
)
def test_an_act_changes_what_it_is_about_and_is_told_as_it_is(
    event: EncounterEvent, expected: dict[str, Any]
) -> None:
    after, events = record(patient(), event)
    taken = Repeats(acts=(*patient().taken.acts, (name_of(event), digest_of(event))))
    assert after == patient().model_copy(update={**expected, "taken": taken})
    assert list(events) == [event]
    assert record(after, event) == (after, ())


def test_a_key_that_stood_for_another_act_is_refused_and_of_another_kind_is_its_own() -> None:
    after, _ = record(patient(), act(PatientReached, unit_id="U-1"))
    with pytest.raises(Rejected, match="409 Key used before"):
        record(after, act(PatientReached, unit_id="U-2"))
    attached = act(DeviceAttached, device_id="M-1")
    assert list(record(after, attached)[1]) == [attached]


@pytest.mark.parametrize("event", [*ACTS, DETACHED], ids=lambda event: type(event).__name__)
def test_nothing_is_recorded_after_the_outcome(event: EncounterEvent) -> None:
    ended, _ = record(patient(), act(EncounterEnded, "end", outcome=Outcome.NO_PATIENT))
    with pytest.raises(Rejected, match="409 Already ended"):
        record(ended, event)
    assert record(ended, act(EncounterEnded, "end", outcome=Outcome.NO_PATIENT)) == (ended, ())


def test_a_patient_boards_once() -> None:
    aboard, _ = record(patient(), act(PatientBoarded, unit_id="U-1"))
    with pytest.raises(Rejected, match="409 Already aboard"):
        record(aboard, act(PatientBoarded, "act-2", 90, unit_id="U-2"))
    assert aboard.boarded_at == at(60)


def test_who_is_not_aboard_after_all_may_board_yet() -> None:
    aboard, _ = record(patient(), act(PatientBoarded, unit_id="U-1"))
    slip = act(BoardingRevoked, "act-2", 90, unit_id="U-1", reason="a slip")
    with pytest.raises(Rejected, match="409 Not aboard"):
        record(patient(), slip)
    with pytest.raises(Rejected, match="409 Another unit"):
        record(aboard, slip.but(unit_id="U-2"))
    back, events = record(aboard, slip)
    assert list(events) == [slip]
    assert (back.boarded_at, back.unit_id) == (None, "U-1")
    assert back.boarding_revoked == RevokedBoarding(at=at(90), reason="a slip")
    assert record(back, slip) == (back, ())
    assert record(back, act(PatientBoarded, unit_id="U-1")) == (back, ()), "the first, once more"
    again, _ = record(back, act(PatientBoarded, "act-3", 120, unit_id="U-1"))
    assert (again.boarded_at, again.boarding_revoked) == (at(120), None)


def test_a_destination_may_be_chosen_anew() -> None:
    bound, _ = record(patient(), act(DestinationSelected, facility_id="H-1", selected_by="crew-1"))
    again = act(DestinationSelected, "act-2", facility_id="H-2", selected_by="crew-1")
    bound, events = record(bound, again)
    assert bound.destination == "H-2"
    assert list(events) == [again]


def test_devices_are_put_on_and_taken_off_one_by_one() -> None:
    both, _ = record(patient(), act(DeviceAttached, "a", device_id="M-1"))
    both, _ = record(both, act(DeviceAttached, "b", device_id="M-2"))
    both, _ = record(both, act(DeviceAttached, "c", device_id="M-1"))
    assert both.devices == ("M-1", "M-2")
    one, _ = record(both, act(DeviceDetached, "d", device_id="M-1"))
    assert one.devices == ("M-2",)
    with pytest.raises(Rejected, match="409 Not attached"):
        record(one, act(DeviceDetached, "e", device_id="M-1"))
    assert record(one, act(EncounterEnded, "f", outcome=Outcome.TRANSPORTED))[0].devices == ()


def decision(number: int, worst: TriageLevel) -> TriageDecided:
    event: TriageDecided = act(
        TriageDecided, f"d-{number}", number=number, changed=True, worst=worst, current=worst,
        trend="same", reasons=(), inputs=(), missing=(), invalid=(), questions=(),
        centres=(), folded=(),
    )  # fmt: skip
    return event


def test_the_level_of_a_patient_is_the_worst_by_the_last_decision_up_and_down() -> None:
    """Triage never lowers it by itself; a clinician does, and then the next decision says so."""
    known: Encounter | None = patient()
    for number, level in enumerate((*TriageLevel, TriageLevel.CRITICAL), start=1):
        known, events = encounters.hear(known, decision(number, level), at(60))
        assert known is not None
        assert known.but(triage=None) == patient().model_copy(update={"level": level})
        assert events == ()
    again, _ = encounters.hear(known, decision(9, TriageLevel.CRITICAL), at(60))
    assert again is known, "what is as it was need not be stored"


def test_the_number_and_the_wristband_of_an_admission_are_kept_until_it_is_cancelled() -> None:
    numbers = {"admission_number": "GC-20260301-0001", "wristband": "WB-20260301-0001"}
    admission = Admission(**numbers, admitted_at=at(60))
    opened = act(AdmissionOpened, admission=admission)
    known, events = encounters.hear(patient(), opened, at(61))
    assert known == patient().model_copy(update=numbers)
    assert events == ()
    cancelled = act(AdmissionCancelled, admission=admission, because=Outcome.NO_PATIENT)
    assert encounters.hear(known, cancelled, at(62)) == (patient(), ())


def test_care_handed_over_ends_the_encounter_once() -> None:
    over = act(CareTransferred, facility_id="H-1", staff_id="n-1", handed_over_by="crew-1")
    known, events = encounters.hear(patient(), over, at(61))
    assert known is not None
    assert known.outcome is Outcome.TRANSPORTED
    (ended,) = events
    assert isinstance(ended, EncounterEnded)
    assert (ended.outcome, ended.occurred_at, ended.recorded_at) == (
        Outcome.TRANSPORTED,
        at(60),
        at(61),
    )
    assert encounters.hear(known, over, at(62)) == (known, ())


def test_care_handed_over_after_the_outcome_changes_nothing() -> None:
    """Who died on the way is handed over too; the outcome was said before."""
    died, _ = record(patient(), act(EncounterEnded, outcome=Outcome.DIED_EN_ROUTE))
    over = act(CareTransferred, facility_id="H-1", staff_id="n-1", handed_over_by="crew-1")
    assert encounters.hear(died, over, at(62)) == (died, ())


def test_what_is_about_nobody_changes_nothing() -> None:
    seen_by = act(Acknowledged, facility_id="H-1", staff_id="n-1")
    over = act(CareTransferred, facility_id="H-1", staff_id="n-1", handed_over_by="crew-1")
    for event in (seen_by, over, decision(1, TriageLevel.CRITICAL)):
        assert encounters.hear(None, event, at(61)) == (None, ())


# -- how a patient is first heard of ---------------------------------------------------------------


@pytest.mark.parametrize(
    "how",
    [
        {"incident_id": "I-1"},
        {"incident_id": "I-1", "origin": "scene"},
        {"incident_id": "I-1", "origin": "birth", "mother_id": "E-0"},
        {"facility_id": "C-1", "origin": "clinic", "continues": "E-0"},
    ],
    ids=lambda how: str(how.get("origin", "call")),
)
def test_how_a_patient_was_first_heard_of_is_told_and_kept(how: dict[str, Any]) -> None:
    encounter, opened = open_encounter(opening(**how), at(1))
    for name in ("origin", "incident_id", "facility_id", "mother_id", "continues"):
        expected = how.get(name, "call" if name == "origin" else None)
        assert (getattr(encounter, name), getattr(opened, name)) == (expected, expected)
    assert (opened.encounter_id, opened.occurred_at, opened.recorded_at) == ("E-1", at(0), at(1))
    assert encounter.opened_at == at(0)


def test_the_same_opening_again_is_a_repeat_and_another_one_is_refused() -> None:
    assert is_repeated(patient(), opening(incident_id="I-1"))
    with pytest.raises(Rejected, match="409 Key used before"):
        is_repeated(patient(), opening(incident_id="I-1", patient=Patient(sex="male")))


def test_the_same_words_name_the_same_patient_and_say_nothing() -> None:
    name = encounter_id_of("F-001", "walk-in-7")
    assert name == encounter_id_of("F-001", "walk-in-7")
    assert len({name, encounter_id_of("F-002", "walk-in-7"), encounter_id_of("F-001", "8")}) == 3
    assert re.fullmatch("E-[0-9a-f]{16}", name)


# -- from unit to unit -----------------------------------------------------------------------------


def handed(name: str, unit: str, to: str) -> Any:
    return act(PatientHandedToUnit, name, 120, unit_id=unit, to_unit_id=to, reason="relay")


def test_a_patient_goes_from_unit_to_unit_and_boarded_once() -> None:
    aboard, _ = record(patient(), act(PatientBoarded, unit_id="U-1"))
    second, _ = record(aboard, handed("a", "U-1", "U-2"))
    third, events = record(second, handed("b", "U-2", "U-3"))
    assert (third.unit_id, third.boarded_at) == ("U-3", at(60))
    assert list(events) == [handed("b", "U-2", "U-3")]
    assert record(third, handed("a", "U-1", "U-2")) == (third, ())
    with pytest.raises(Rejected, match="409 Already aboard"):
        record(third, act(PatientBoarded, "again", 180, unit_id="U-3"))


def test_a_unit_that_does_not_have_the_patient_hands_nobody_on() -> None:
    second, _ = record(patient(), handed("a", "U-1", "U-2"))
    with pytest.raises(Rejected, match=r"409 Another unit: The patient is with U-2\."):
        record(second, handed("b", "U-1", "U-3"))
    with pytest.raises(Rejected, match="409 Key used before"):
        record(second, handed("a", "U-1", "U-3"))


def test_a_unit_hands_the_patient_to_another_one() -> None:
    body = {"occurred_at": at(0), "unit_id": "U-1", "reason": "relay"}
    assert HandToUnit.model_validate({**body, "to_unit_id": "U-2"}).to_unit_id == "U-2"
    with pytest.raises(ValidationError, match="to another one"):
        HandToUnit.model_validate({**body, "to_unit_id": "U-1"})


def test_handing_to_a_unit_is_no_end_of_the_encounter() -> None:
    for outcome in Outcome:
        body = {"occurred_at": at(0), "outcome": outcome}
        if outcome is Outcome.HANDED_TO_UNIT:
            with pytest.raises(ValidationError, match="handed-to-unit"):
                EndEncounter.model_validate(body)
        else:
            assert EndEncounter.model_validate(body).outcome is outcome


# -- what the facility answers ---------------------------------------------------------------------


def said(kind: type[HandoffEvent], facility: str = "H-1", **more: Any) -> Any:
    return act(kind, f"{kind.__name__}-{facility}", facility_id=facility, staff_id="n-1", **more)


def bound(facility: str, known: Encounter | None = None) -> Encounter:
    chosen = act(DestinationSelected, f"to-{facility}", facility_id=facility, selected_by="d-1")
    return record(known or patient(), chosen)[0]


CONFIRMED = said(DirectToConfirmed, direct_to="cath_lab", phone="555-0142", gate="北门")
REDIRECT = said(RedirectRequested, reason="no_bed", alternative_facility_id="H-2")


@pytest.mark.parametrize(
    ("event", "answers"),
    [
        (said(Acknowledged), Answers(acknowledged_at=at(60))),
        (said(Accepted), Answers(accepted_at=at(60))),
        (CONFIRMED, Answers(direct_to=CONFIRMED)),
        (REDIRECT, Answers(redirect=REDIRECT)),
        (said(RedirectWithdrawn), Answers()),
        (said(AcceptanceWithdrawn, reason="x"), Answers()),
        (said(DirectToRevoked, direct_to="cath_lab"), Answers()),
        (said(BedReserved, department="ccu"), Answers()),
        (said(MilestoneReached, milestone="wire"), Answers()),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, HandoffEvent) else "",
)
def test_what_the_facility_answers_is_kept_for_crew_and_dispatch(
    event: HandoffEvent, answers: Answers
) -> None:
    known, events = encounters.hear(bound("H-1"), event, at(61))
    assert known == bound("H-1").model_copy(update={"answers": answers})
    assert events == ()
    assert encounters.hear(known, event, at(62)) == (known, ())


#: Whether it is said by somebody who deals with the patient there.
ANSWERS: list[tuple[type[HandoffEvent], dict[str, Any], bool]] = [
    (handoff.Acknowledged, {}, True),
    (handoff.Accepted, {}, True),
    (handoff.AcceptanceWithdrawn, {"reason": "x"}, True),
    (handoff.RedirectRequested, {"reason": "no_bed"}, True),
    (handoff.RedirectWithdrawn, {}, True),
    (handoff.CentreActivated, {"centre": "stroke", "activation": "alert"}, True),
    (handoff.ActivationWithdrawn, {"centre": "stroke", "reason": "x"}, True),
    (handoff.DepartmentAnswered, {"department": "imaging", "answer": "coming"}, True),
    (handoff.DirectToConfirmed, {"direct_to": "cath_lab"}, True),
    (handoff.DirectToRevoked, {"direct_to": "cath_lab"}, True),
    (handoff.BedReserved, {"department": "ccu"}, True),
    (handoff.BedReleased, {"department": "ccu"}, True),
    (handoff.PatientArrived, {}, True),
    (handoff.ArrivalRevoked, {"reason": "x"}, True),
    (handoff.DeathDeclared, {}, True),
    (handoff.MilestoneReached, {"milestone": "first_doctor"}, True),
    (handoff.MilestoneRevoked, {"milestone": "first_doctor"}, True),
    (handoff.HandoverSigned, {"side": "received"}, True),
    (handoff.CareTransferred, {"handed_over_by": "c-1"}, True),
    (handoff.OutcomeReported, {"outcome": "admitted"}, True),
    (handoff.HandoverSigned, {"side": "gave"}, False),
    (handoff.HandoverSigned, {"side": "gave", "reason": "x"}, False),
    (handoff.IdentityBound, {"reference": "P-1"}, False),
    (handoff.IdentityMerged, {"reference": "P-1", "merged": "P-2"}, False),
    (handoff.IdentitySplit, {"reference": "P-1", "reason": "x"}, False),
    (handoff.FormalityCompleted, {"formality": "registration"}, False),
    (handoff.AddendumWritten, {"text": "x"}, False),
]


def asked_about(owed: handoff.Owed) -> Encounter:
    told: Any = {"step": 3, "due_at": at(50), "owed": owed, "to": "dispatch", "phone": "555-0142"}
    late = act(handoff.Escalated, "late", facility_id="H-1", **told)
    known, (missed,) = encounters.hear(bound("H-1"), late, at(51))
    assert known is not None
    assert isinstance(missed, DeadlineMissed)
    assert known.answers.unanswered is owed
    return known


@pytest.mark.parametrize(
    ("kind", "more", "ends"), ANSWERS, ids=lambda value: getattr(value, "__name__", None)
)
def test_dispatch_is_asked_to_telephone_until_somebody_of_the_hospital_has_answered(
    kind: type[HandoffEvent], more: dict[str, Any], ends: bool
) -> None:
    known = asked_about(handoff.Owed.ACKNOWLEDGED)
    heard, _ = encounters.hear(known, said(kind, **more), at(61))
    assert heard is not None
    is_over = heard.outcome is not None
    silent = (handoff.Owed.ACKNOWLEDGED, "555-0142")
    left = (heard.answers.unanswered, heard.answers.phone)
    assert left == ((None, None) if ends and not is_over else silent)
    assert is_over == (kind is CareTransferred)


def test_of_every_act_it_is_decided_whether_it_is_an_answer_of_the_hospital() -> None:
    assert {kind for kind, *_ in ANSWERS} == set(HandoffEvent.__subclasses__())


@pytest.mark.parametrize("owed", handoff.Owed)
def test_what_the_bridge_tells_by_itself_is_no_answer_but_for_a_board_that_is_lit_again(
    owed: handoff.Owed,
) -> None:
    known = asked_about(owed)
    version: Any = {"facility_id": "H-1", "version": 2}
    opened: Any = {"admission": Admission(admission_number="GC-20260301-0001", admitted_at=at(9))}
    told = [
        act(handoff.RecordDelivered, "come", **version),
        act(handoff.AdmissionOpened, "in", facility_id="H-1", **opened),
        act(handoff.AdmissionConfirmed, "said", facility_id="H-1", **opened),
    ]
    for event in told:
        heard, _ = encounters.hear(known, event, at(61))
        assert heard is not None
        assert heard.answers.unanswered is owed
    lit, _ = encounters.hear(known, act(handoff.RecordDisplayed, "lit", **version), at(61))
    assert lit is not None
    assert (lit.answers.unanswered is None) == (owed is handoff.Owed.DISPLAYED)


def answered(known: Encounter, *events: HandoffEvent) -> Encounter:
    for event in events:
        heard, _ = encounters.hear(known, event, at(61))
        assert heard is not None
        known = heard
    return known


def test_a_way_that_is_revoked_is_shown_no_more_and_the_other_answers_stay() -> None:
    known = answered(bound("H-1"), said(Acknowledged), CONFIRMED, REDIRECT)
    known = answered(known, said(DirectToRevoked, direct_to="cath_lab"))
    gone = Answers(acknowledged_at=at(60), direct_to_revoked_at=at(60))
    assert known.answers == gone.but(redirect=REDIRECT)
    assert answered(known, said(RedirectWithdrawn)).answers == gone
    known = answered(known, said(Accepted), said(AcceptanceWithdrawn, reason="点错了患者"))
    assert known.answers.accepted_at is None
    assert known.answers.acceptance_withdrawn_at == at(60)


def test_what_was_taken_back_is_told_until_it_is_said_anew() -> None:
    back = (said(DirectToRevoked, direct_to="cath_lab"), said(AcceptanceWithdrawn, reason="x"))
    known = answered(bound("H-1"), CONFIRMED, said(Accepted), *back)
    taken = Answers(direct_to_revoked_at=at(60), acceptance_withdrawn_at=at(60))
    assert known.answers == taken
    assert answered(known, *back).answers == taken, "heard again it is no news"
    anew = answered(known, CONFIRMED, said(Accepted)).answers
    assert anew == Answers(direct_to=CONFIRMED, accepted_at=at(60))
    assert answered(bound("H-1"), *back).answers == Answers(), "nothing was there to take back"


def test_the_answers_are_forgotten_when_another_destination_is_chosen_and_only_then() -> None:
    known = answered(bound("H-1"), said(Acknowledged), said(Accepted), CONFIRMED, REDIRECT)
    same = act(DestinationSelected, "same", facility_id="H-1", selected_by="d-1")
    assert record(known, same)[0].answers == known.answers
    assert bound("H-2", known).answers == Answers()


@pytest.mark.parametrize(
    "event", [said(Acknowledged), said(Accepted), CONFIRMED, REDIRECT],
    ids=lambda event: type(event).__name__,
)  # fmt: skip
def test_a_facility_that_is_not_the_destination_is_not_listened_to(event: HandoffEvent) -> None:
    for known in (patient(), bound("H-2"), bound("H-2", bound("H-1"))):
        assert encounters.hear(known, event, at(61)) == (known, ())
