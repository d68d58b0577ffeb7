"""What a facility does about its patient, in any order, until care is handed over."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some
from pydantic import ValidationError

from schemas.clinical import FindingRecorded, LevelOverridden
from schemas.encounter import DestinationSelected, EncounterEnded, Outcome, PatientBoarded
from schemas.envelope import topic_of
from schemas.event import Event
from schemas.handoff import (
    AcceptanceWithdrawn,
    Accepted,
    Acknowledged,
    ActivationWithdrawn,
    AddendumWritten,
    AdmissionCancelled,
    ArrivalRevoked,
    BedReleased,
    BedReserved,
    CareTransferred,
    CentreActivated,
    CentreEvent,
    DeathDeclared,
    DepartmentAnswered,
    DirectToConfirmed,
    DirectToRevoked,
    FormalityCompleted,
    HandoffEvent,
    HandoverSigned,
    IdentityBound,
    IdentityMerged,
    IdentitySplit,
    MilestoneReached,
    MilestoneRevoked,
    OutcomeReported,
    PatientArrived,
    PreArrivalNotified,
    RedirectRequested,
    RedirectWithdrawn,
)
from schemas.repeats import Repeats, digest_of, name_of
from schemas.triage import Activation, Centre, DirectTo, TriageLevel
from services.bridge import loader
from services.bridge.acts import MOST, SEES, act
from services.bridge.case import (
    Case,
    Handoff,
    Known,
    LastAcknowledged,
    NotAccepted,
    Recognition,
    Running,
    Withdrawn,
)
from services.bridge.handoff import hear
from services.bridge.item import Item, item_of
from services.bridge.person import is_of_a_person
from services.bridge.promise import keep
from services.bridge.receipt import Receipt, receive
from services.bridge.record import record_of
from services.bridge.requests import (
    ActivatedCentre,
    DirectWay,
    OverriddenLevel,
    ReachedMilestone,
    Redirection,
    ReportedOutcome,
)
from services.bridge.stage import MAY_COME, Stage, stage_of
from services.kit.errors import Rejected

FACILITIES = loader.facilities()
BEGIN = datetime(2026, 3, 1, 8, tzinfo=UTC)


def at(second: float) -> datetime:
    return BEGIN + timedelta(seconds=second)


def made(kind: type[Event], name: str, second: float = 0, **more: Any) -> Any:
    common = {"event_id": name, "encounter_id": "E-1", "occurred_at": at(second)}
    return kind.model_validate({**common, **more})


def bound(facility: str = "H-1", case: Case | None = None) -> Case:
    """A patient on the way to this facility, which was told so."""
    chosen = made(DestinationSelected, f"to-{facility}", facility_id=facility, selected_by="d-1")
    return hear(case, "E-1", chosen, at(0))[0]


def after(*events: Any, case: Case | None = None) -> Case:
    case = case or bound()
    for event in events:
        case, _ = act(case, event, at(301))
    return case


#: What each act says besides who did it, and another thing that the same key could stand for.
SAYS: Mapping[type[Event], tuple[dict[str, Any], dict[str, Any]]] = {
    Acknowledged: ({}, {"staff_id": "n-2"}),
    Accepted: ({}, {"staff_id": "n-2"}),
    AcceptanceWithdrawn: ({"reason": "another patient was meant"}, {"reason": "x"}),
    RedirectRequested: (
        {"reason": "no_bed", "alternative_facility_id": "H-2", "note": "满"},
        {"reason": "other"},
    ),
    RedirectWithdrawn: ({}, {"staff_id": "n-2"}),
    CentreActivated: (
        {"centre": "chest_pain", "activation": "activate", "departments": ("cath_lab",)},
        {"activation": "alert"},
    ),
    ActivationWithdrawn: (
        {"centre": "chest_pain", "reason": "another patient was meant"},
        {"reason": "x"},
    ),
    DepartmentAnswered: (
        {"department": "cath_lab", "answer": "coming"},
        {"answer": "cannot"},
    ),
    DirectToConfirmed: (
        {"direct_to": "cath_lab", "phone": "555-0142", "gate": "北门"},
        {"direct_to": "ct"},
    ),
    BedReserved: ({"department": "ccu", "bed": "CCU-04"}, {"bed": "CCU-05"}),
    BedReleased: ({"department": "ccu"}, {"department": "icu"}),
    IdentityBound: ({"reference": "V-20260301-88", "provisional": True}, {"provisional": False}),
    IdentityMerged: ({"reference": "V-1", "merged": "V-20260301-88"}, {"merged": "V-3"}),
    IdentitySplit: (
        {"reference": "V-20260301-88", "reason": "the band was another's"},
        {"reason": "x"},
    ),
    FormalityCompleted: ({"formality": "consent"}, {"formality": "payment"}),
    DeathDeclared: ({}, {"staff_id": "n-2"}),
    LevelOverridden: (
        {"level": "severe", "reason": "looks worse", "role": "receiving_clinician"},
        {"level": "urgent"},
    ),
    PatientArrived: ({"place": "cath_lab"}, {"place": "resus"}),
    MilestoneReached: ({"milestone": "needle"}, {"milestone": "wire"}),
    HandoverSigned: (
        {"side": "gave", "reason": "the crew had to go", "not_aboard_reason": "by taxi"},
        {"side": "received"},
    ),
    AddendumWritten: ({"text": "两份心电图"}, {"text": "x"}),
    CareTransferred: ({"handed_over_by": "crew-1"}, {"handed_over_by": "crew-2"}),
    OutcomeReported: ({"outcome": "intensive_care"}, {"outcome": "died"}),
    DirectToRevoked: ({"direct_to": "cath_lab"}, {"direct_to": "ct"}),
    ArrivalRevoked: ({"reason": "another patient was meant"}, {"reason": "x"}),
    MilestoneRevoked: ({"milestone": "needle"}, {"milestone": "wire"}),
}


def doing(kind: type[Event], name: str = "", second: float = 300, **more: Any) -> Any:
    by = {"overridden_by": "n-1"} if kind is LevelOverridden else {"staff_id": "n-1"}
    given = {"facility_id": "H-1", **by, **SAYS[kind][0], **more}
    return made(kind, name or kind.__name__, second, **given)


def ready(kind: type[Event]) -> Case:
    """Bound for the facility, with what this act needs to come before it."""
    if kind is DeathDeclared:
        return died()
    before: dict[type[Event], type[Event]] = {
        DirectToRevoked: DirectToConfirmed,
        AcceptanceWithdrawn: Accepted,
        ActivationWithdrawn: CentreActivated,
        RedirectWithdrawn: RedirectRequested,
        ArrivalRevoked: PatientArrived,
        MilestoneRevoked: MilestoneReached,
        BedReleased: BedReserved,
        OutcomeReported: CareTransferred,
        AddendumWritten: CareTransferred,
        DepartmentAnswered: CentreActivated,
        IdentityMerged: IdentityBound,
        IdentitySplit: IdentityBound,
    }
    return after(doing(before[kind])) if kind in before else bound()


def died() -> Case:
    """Admitted at boarding, and dead before the hospital was reached."""
    case = bound().but(reserved="GC-20260301-0001", formalities=("identity", "payment"))
    aboard = made(PatientBoarded, "aboard", 100, unit_id="U-1")
    ended = made(EncounterEnded, "ended", 200, outcome=Outcome.DIED_EN_ROUTE)
    for event in (aboard, ended):
        case, _ = hear(case, "E-1", event, at(200))
    return case


def expected(kind: type[Event]) -> dict[str, Any]:
    """What the act leaves in the handoff."""
    stamps: dict[type[Event], dict[str, Any]] = {
        Acknowledged: {
            "acknowledged_at": at(300),
            "acknowledged_by": "n-1",
            "last_acknowledged": LastAcknowledged(at=at(300), by="n-1", version=None),
        },
        Accepted: {"accepted_at": at(300), "accepted_by": "n-1"},
        AcceptanceWithdrawn: {
            "accepted_at": None,
            "accepted_by": None,
            "not_accepted": NotAccepted(
                accepted_at=at(300), accepted_by="n-1", withdrawal=doing(AcceptanceWithdrawn)
            ),
        },
        ActivationWithdrawn: {
            "activations": (),
            "withdrawn": (
                Withdrawn(activation=doing(CentreActivated), withdrawal=doing(ActivationWithdrawn)),
            ),
        },
        RedirectRequested: {"redirect": doing(kind)},
        RedirectWithdrawn: {"redirect": None},
        CentreActivated: {"activations": (doing(kind),)},
        DirectToConfirmed: {"direct_to": doing(kind)},
        DirectToRevoked: {"direct_to": None},
        BedReserved: {"beds": (doing(kind),)},
        DepartmentAnswered: {"answers": (doing(kind),)},
        BedReleased: {"beds": ()},
        IdentityBound: {"identity": doing(kind)},
        IdentityMerged: {
            "identity": made(
                IdentityBound,
                "IdentityMerged",
                300,
                reference="V-1",
                facility_id="H-1",
                staff_id="n-1",
            ),
            "merged": ("V-20260301-88",),
        },
        IdentitySplit: {"identity": None},
        FormalityCompleted: {},
        DeathDeclared: {"death_declared_at": at(300)},
        HandoverSigned: {"signatures": (doing(kind),)},
        AddendumWritten: {"addenda": (doing(kind),)},
        LevelOverridden: {},
        PatientArrived: {"arrived_at": at(300), "arrived_in": DirectTo.CATH_LAB},
        ArrivalRevoked: {"arrived_at": None, "arrived_in": None},
        MilestoneReached: {"milestones": (doing(kind),)},
        MilestoneRevoked: {"milestones": ()},
        CareTransferred: {
            "transferred_at": at(300),
            "received_by": "n-1",
            "handed_over_by": "crew-1",
        },
        OutcomeReported: {"outcome": doing(kind)},
    }
    return stamps[kind]


TAKES_BACK = (
    AcceptanceWithdrawn,
    ActivationWithdrawn,
    ArrivalRevoked,
    BedReleased,
    DirectToRevoked,
    MilestoneRevoked,
    RedirectWithdrawn,
)
kinds = pytest.mark.parametrize("kind", SAYS, ids=lambda kind: str(kind.__name__))


def test_every_act_of_a_facility_is_tried_here() -> None:
    def below(kind: type[HandoffEvent]) -> set[type[Event]]:
        return {kind for each in kind.__subclasses__() for kind in {each, *below(each)}}

    assert below(HandoffEvent) | {LevelOverridden} == SAYS.keys()


@kinds
def test_an_act_leaves_what_it_says_and_is_told_as_it_is(kind: type[Event]) -> None:
    before, event = ready(kind), doing(kind)
    case, events = act(before, event, at(301))
    known = {"known": Known(level=TriageLevel.NOT_YET, centres=case.centres)}
    handoff = before.handoff.but(**expected(kind), **(known if kind in SEES else {}))
    assert case.handoff == handoff
    assert events[0] == event
    assert case.taken.digest(name_of(event)) == digest_of(event)
    assert topic_of(event).name == "bridge-handoffs"


@kinds
def test_the_same_act_again_changes_nothing_and_its_key_stands_for_no_other(
    kind: type[Event],
) -> None:
    case = after(doing(kind), case=ready(kind))
    assert act(case, doing(kind), at(400)) == (case, ())
    for other in (SAYS[kind][1], {"second": 305}):
        with pytest.raises(Rejected, match="409 Key used before"):
            act(case, doing(kind, **other), at(400))


@kinds
def test_an_act_that_is_still_to_come_is_refused_with_what_to_do(kind: type[Event]) -> None:
    """A clock may be two minutes ahead; more is a slip."""
    case = ready(kind)
    with pytest.raises(Rejected, match=r"422 In the future: It is 2026-03-01T08:03:00Z here. Say"):
        act(case, doing(kind, second=300.5), at(180))
    ahead = doing(kind, second=300)
    assert act(act(case, ahead, at(180))[0], ahead, at(0))[1] == (), "a repeat is no new act"


def test_the_same_key_stands_for_an_act_of_each_kind() -> None:
    """Senders number for themselves."""
    case = died()
    later: list[type[Event]] = [AddendumWritten, OutcomeReported]
    needs = {*TAKES_BACK, IdentitySplit, *later} - {BedReleased}
    for kind in [*(kind for kind in SAYS if kind not in needs), *later]:
        case, (first, *_) = act(case, doing(kind, "night-shift-1"), at(301))
        assert (type(first), first.event_id) == (kind, "night-shift-1")


@kinds
@pytest.mark.parametrize(
    "case",
    [
        pytest.param(None, id="unknown"),
        pytest.param(Case(encounter_id="E-1"), id="not bound"),
        pytest.param(bound("H-2"), id="bound for another"),
        pytest.param(bound("H-2", bound("H-1")), id="redirected"),
        pytest.param(
            hear(bound(), "E-1", made(EncounterEnded, "end", outcome=Outcome.NO_PATIENT), at(9))[0],
            id="withdrawn",
        ),
    ],
)
def test_for_a_facility_that_was_not_told_there_is_nothing(
    kind: type[Event], case: Case | None
) -> None:
    with pytest.raises(Rejected, match="404 Not found: There is nothing here for you"):
        act(case, doing(kind), at(301))


@kinds
def test_after_the_transfer_of_care_only_what_the_hospital_learns_later_is_added(
    kind: type[Event],
) -> None:
    first = (DirectToConfirmed, CentreActivated, IdentityBound, MilestoneReached, CareTransferred)
    case = after(*(doing(each) for each in first))
    if Stage.TRANSFERRED not in MAY_COME[kind]:
        with pytest.raises(Rejected, match="409 Handed over"):
            act(case, doing(kind, "later"), at(400))
        return
    later, events = act(case, doing(kind, "later"), at(400))
    assert [e.event_id for e in events] == ["later"]
    assert later.handoff.transferred_at == at(300)


@pytest.mark.parametrize("kind", [Acknowledged, Accepted, RedirectRequested, PatientArrived])
def test_some_acts_are_done_once(kind: type[Event]) -> None:
    with pytest.raises(Rejected, match="409 Done before"):
        act(after(doing(kind)), doing(kind, "again"), at(400))


# -- how far it has come ---------------------------------------------------------------------------

#: When an act (down) may come: after the handoff has come so far (across).
TABLE = """
                   notified delivered displayed acknowledged accepted activated arrived transferred
Acknowledged             x        x         x          x          x         x        x         ·
Accepted                 x        x         x          x          x         x        x         ·
AcceptanceWithdrawn      x        x         x          x          x         x        x         ·
RedirectRequested        x        x         x          x          x         x        ·         ·
RedirectWithdrawn        x        x         x          x          x         x        x         ·
CentreActivated          x        x         x          x          x         x        x         ·
ActivationWithdrawn      x        x         x          x          x         x        x         ·
DepartmentAnswered       x        x         x          x          x         x        x         ·
DirectToConfirmed        x        x         x          x          x         x        x         ·
DirectToRevoked          x        x         x          x          x         x        x         ·
BedReserved              x        x         x          x          x         x        x         ·
BedReleased              x        x         x          x          x         x        x         ·
LevelOverridden          x        x         x          x          x         x        x         ·
PatientArrived           x        x         x          x          x         x        x         ·
ArrivalRevoked           ·        ·         ·          ·          ·         ·        x         ·
DeathDeclared            x        x         x          x          x         x        x         ·
HandoverSigned           x        x         x          x          x         x        x         ·
CareTransferred          x        x         x          x          x         x        x         ·
MilestoneReached         x        x         x          x          x         x        x         x
MilestoneRevoked         x        x         x          x          x         x        x         x
IdentityBound            x        x         x          x          x         x        x         x
IdentityMerged           x        x         x          x          x         x        x         x
IdentitySplit            x        x         x          x          x         x        x         x
FormalityCompleted       x        x         x          x          x         x        x         x
OutcomeReported          ·        ·         ·          ·          ·         ·        ·         x
AddendumWritten          ·        ·         ·          ·          ·         ·        ·         x
"""


def test_the_table_is_the_one_that_is_kept() -> None:
    header, *rows = (line.split() for line in TABLE.strip().splitlines())
    kept = {kind.__name__: {stage.value for stage in at_} for kind, at_ in MAY_COME.items()}
    told = {
        name: {stage for stage, mark in zip(header, marks, strict=True) if mark == "x"}
        for name, *marks in rows
    }
    assert kept == told
    assert header == [stage.value for stage in Stage]
    assert MAY_COME.keys() == SAYS.keys()


STEPS = ("delivered_at", "displayed_at", "acknowledged_at", "accepted_at", "activations",
         "arrived_at", "transferred_at")  # fmt: skip


#: What a mistake had reached, and its stamp.
BACK: Mapping[type[Event], tuple[Stage, str]] = {
    ArrivalRevoked: (Stage.ARRIVED, "arrived_at"),
    AcceptanceWithdrawn: (Stage.ACCEPTED, "accepted_at"),
    ActivationWithdrawn: (Stage.ACTIVATED, "activations"),
}


@settings(max_examples=200)
@given(some.lists(some.sampled_from([*SAYS, None]), max_size=25))
def test_a_handoff_goes_forward_and_nothing_that_was_stamped_is_changed_but_what_was_a_mistake(
    kinds_: list[type[Event] | None],
) -> None:
    case, seen = bound(), [Stage.NOTIFIED]
    for number, kind in enumerate(kinds_):
        before, stage = case, stage_of(case.handoff)
        try:
            if kind is None:
                case = received(case)
            else:
                case, events = act(case, doing(kind, f"a-{number}", 300 + number), at(600))
                assert stage in MAY_COME[kind]
                assert act(case, doing(kind, f"a-{number}", 300 + number), at(601)) == (case, ())
                assert events
        except Rejected:
            assert case is before
        back = BACK.get(kind) if kind and case is not before else None
        stamps = {name: getattr(before.handoff, name) for name in STEPS if name != "activations"}
        for name, was in stamps.items():
            now = None if back and name == back[1] else was
            assert was is None or getattr(case.handoff, name) == now
        if back:
            seen = [each for each in seen if each is not back[0]]
        seen.append(stage_of(case.handoff))
    order = list(Stage)
    assert seen == sorted(seen, key=order.index)


# -- the handover ----------------------------------------------------------------------------------


def signed(side: str, by: str, second: float = 300, **more: Any) -> HandoverSigned:
    event: HandoverSigned = doing(
        HandoverSigned, f"{side}-{by}", second, side=side, staff_id=by, reason=None, **more
    )
    return event


@pytest.mark.parametrize("first", ["gave", "received"])
def test_two_people_sign_and_care_is_handed_over_whoever_signs_first(first: str) -> None:
    second = {"gave": "received", "received": "gave"}[first]
    names = {"gave": "crew-7", "received": "doctor-3"}
    there = after(doing(PatientArrived, second=200))
    half, told = act(there, signed(first, names[first], 310), at(311))
    assert (list(map(type, told)), half.is_locked) == ([HandoverSigned], False)
    case, (_, over) = act(half, signed(second, names[second], 305), at(312))
    assert isinstance(over, CareTransferred)
    assert (over.staff_id, over.handed_over_by) == ("doctor-3", "crew-7")
    assert (over.occurred_at, case.locked_at) == (at(310), at(312))
    handoff = case.handoff
    assert (handoff.received_by, handoff.handed_over_by) == ("doctor-3", "crew-7")
    assert handoff.transferred_at == at(310)
    assert act(case, signed(second, names[second], 305), at(400)) == (case, ())


def test_who_is_handed_over_has_come_though_nobody_said_so() -> None:
    half = after(signed("gave", "crew-7", 310), doing(DirectToConfirmed))
    case, (_, come, over) = act(half, signed("received", "doctor-3", 290), at(312))
    assert isinstance(come, PatientArrived)
    assert isinstance(over, CareTransferred)
    assert (come.occurred_at, come.recorded_at) == (at(310), at(312)) == (
        over.occurred_at, over.recorded_at,
    )  # fmt: skip
    assert (come.inferred, come.place, come.staff_id) == (True, None, "doctor-3")
    assert (case.handoff.arrived_at, case.handoff.arrived_in) == (at(310), None)
    with pytest.raises(Rejected, match=r"409 Handed over: .* Write what it lacks as an addendum"):
        act(case, doing(PatientArrived), at(320))


def test_nobody_signs_for_both_sides_and_no_side_twice() -> None:
    case = after(signed("gave", "doctor-3"))
    with pytest.raises(Rejected, match="409 Two people"):
        act(case, signed("received", "doctor-3"), at(301))
    with pytest.raises(Rejected, match="409 Done before"):
        act(case, signed("gave", "crew-8"), at(301))


def test_who_was_never_aboard_is_handed_over_only_where_it_is_said_why() -> None:
    unsaid: dict[str, Any] = {"not_aboard_reason": None}
    for side in ("gave", "received"):
        with pytest.raises(Rejected, match=r"409 Not aboard: .* 'not_aboard_reason'"):
            act(bound(), signed(side, "n-1", **unsaid), at(301))
        assert act(died(), signed(side, "n-1", **unsaid), at(301))[1], "boarded is enough"
    case = after(signed("gave", "n-1", not_aboard_reason="came by taxi"))
    assert case.handoff.signatures[0].not_aboard_reason == "came by taxi"


def test_what_the_handover_lacked_is_added_and_changes_nothing_of_it() -> None:
    with pytest.raises(Rejected, match="409 Not handed over"):
        act(bound(), doing(AddendumWritten), at(301))
    over = after(signed("gave", "crew-7"), signed("received", "doctor-3"))
    case = after(doing(AddendumWritten), doing(AddendumWritten, "b"), case=over)
    assert [each.event_id for each in case.handoff.addenda] == ["AddendumWritten", "b"]
    assert case.handoff.but(addenda=()) == over.handoff


# -- a team over departments -----------------------------------------------------------------------


def test_a_department_that_nobody_called_has_nothing_to_answer() -> None:
    with pytest.raises(Rejected, match=r"409 Not called: Nobody called it.*: none"):
        act(bound(), doing(DepartmentAnswered), at(301))
    case = after(doing(CentreActivated))
    with pytest.raises(Rejected, match=r"409 Not called: .* cath_lab"):
        act(case, doing(DepartmentAnswered, department="imaging"), at(301))


def test_a_department_may_change_its_answer() -> None:
    case = after(doing(CentreActivated), doing(DepartmentAnswered, "a", answer="cannot"))
    case = after(doing(DepartmentAnswered, "b"), case=case)
    assert [each.answer for each in case.handoff.answers] == ["coming"]


# -- who it is, and what is done later -------------------------------------------------------------


def admitted(*acts: Any) -> Any:
    case = after(*acts, case=died())
    assert case.admission is not None
    return case.admission


def test_who_is_not_known_has_a_wristband_and_formalities_that_nobody_waits_for() -> None:
    admission = admitted()
    assert (admission.wristband, admission.provisional) == ("WB-20260301-0001", True)
    assert admission.pending == ("identity", "payment")
    assert admitted(doing(IdentityBound)).pending == ("identity", "payment"), "it is provisional"
    known = admitted(doing(IdentityBound, provisional=False))
    assert (known.provisional, known.pending) == (False, ("payment",))
    paid = doing(FormalityCompleted, formality="payment")
    assert admitted(paid).pending == ("identity",)


def test_a_number_that_was_merged_or_another_persons_is_bound_again() -> None:
    merged = admitted(doing(IdentityBound), doing(IdentityMerged))
    assert (merged.provisional, merged.pending) == (False, ("payment",))
    acts = (doing(IdentityBound, provisional=False), doing(IdentitySplit))
    assert admitted(*acts).pending == ("identity", "payment")
    assert admitted(*acts).provisional
    with pytest.raises(Rejected, match="409 Not bound"):
        after(doing(IdentitySplit))
    with pytest.raises(Rejected, match="409 Itself"):
        after(doing(IdentityMerged, merged="V-1"))


def test_numbers_are_merged_where_one_of_them_stands_for_the_patient() -> None:
    with pytest.raises(Rejected, match=r"409 Not bound: .*/identity"):
        after(doing(IdentityMerged))
    bound_ = doing(IdentityBound)
    with pytest.raises(Rejected, match="409 Not bound"):
        after(bound_, doing(IdentityMerged, reference="V-1", merged="V-2"))
    into = after(bound_, doing(IdentityMerged, reference="V-20260301-88", merged="V-2"))
    assert into.handoff.identity is not None
    assert (into.handoff.identity.reference, into.handoff.merged) == ("V-20260301-88", ("V-2",))
    # One that was merged before goes on as a third: all of them are the patient's.
    third = after(doing(IdentityMerged, "third", reference="V-3", merged="V-2"), case=into)
    assert third.handoff.identity is not None
    assert third.handoff.identity.reference == "V-3"
    assert set(third.handoff.merged) == {"V-2", "V-20260301-88"}


def test_a_merged_number_that_was_another_persons_leaves_the_patient_theirs() -> None:
    case = after(doing(IdentityBound), doing(IdentityMerged), case=died())
    case = after(doing(IdentitySplit), case=case)
    assert case.handoff.identity is not None
    assert (case.handoff.identity.reference, case.handoff.merged) == ("V-1", ())


def test_after_a_split_no_number_stands_that_went_on_as_it() -> None:
    case = after(doing(IdentityBound), doing(IdentityMerged))
    case = after(doing(IdentitySplit, reference="V-1"), case=case)
    assert (case.handoff.identity, case.handoff.merged) == (None, ())


@pytest.mark.parametrize(
    ("number", "is_refused"),
    [
        ("11010519491231002X", True),
        ("11010519491231002x", True),
        ("440524188001010014", True),
        ("440524188001010015", False),  # the check digit is another
        ("110105194913310021", False),  # no such month
        ("44010119800101123X", True),  # typed wrong, and told all the same
        ("13800138000", True),
        ("8613800138000", True),
        ("138-0013-8000", True),
        ("12800138000", False),
        ("1380013800", False),
        ("V-20260301-88", False),
        ("MRN-779", False),
        ("MRN-13800138000", False),  # as the refusal says how
    ],
)
def test_the_number_of_a_card_or_a_telephone_is_no_number_of_the_facility(
    number: str, is_refused: bool
) -> None:
    assert is_of_a_person(number) is is_refused
    known = after(doing(IdentityBound))
    told = [
        (bound(), doing(IdentityBound, "n", reference=number)),
        (known, doing(IdentityMerged, "n", reference=number, merged="V-20260301-88")),
        (known, doing(IdentityMerged, "n", reference="V-20260301-88", merged=number)),
    ]
    for case, event in told:
        if is_refused:
            with pytest.raises(Rejected, match=r"422 Number of a person: .* such as MRN-\.$"):
                act(case, event, at(301))
        elif number != "V-20260301-88" or isinstance(event, IdentityBound):
            assert act(case, event, at(301))[1]


def test_the_admission_of_who_died_on_the_way_ends_when_a_doctor_says_so_and_stays_known() -> None:
    case = died()
    assert case.admission is not None
    after_, (declared, cancelled) = act(case, doing(DeathDeclared), at(301))
    assert isinstance(cancelled, AdmissionCancelled)
    assert (cancelled.because, cancelled.admission) == (Outcome.DIED_EN_ROUTE, case.admission)
    assert after_.admission == case.admission.but(ended_at=at(300))
    assert record_of(after_).admission == after_.admission
    assert declared == doing(DeathDeclared)
    with pytest.raises(Rejected, match="409 Not died on the way"):
        act(bound(), doing(DeathDeclared), at(301))
    with pytest.raises(Rejected, match="409 Done before"):
        act(after_, doing(DeathDeclared, "again"), at(301))


# -- another hospital is proposed ------------------------------------------------------------------


def test_a_hospital_that_proposes_another_stays_responsible() -> None:
    case = after(doing(RedirectRequested))
    assert (case.facility_id, case.centres) == ("H-1", (Centre.EMERGENCY,))
    case = after(doing(Acknowledged), doing(Accepted), doing(PatientArrived), case=case)
    assert case.handoff.redirect == doing(RedirectRequested)


def test_a_proposal_of_another_hospital_is_withdrawn_and_made_again() -> None:
    case = after(doing(RedirectRequested), doing(RedirectWithdrawn))
    with pytest.raises(Rejected, match="409 Not proposed"):
        act(case, doing(RedirectWithdrawn, "again"), at(400))
    again = doing(RedirectRequested, "again")
    assert after(again, case=case).handoff.redirect == again


def test_who_has_arrived_is_treated_first_and_sent_on_afterwards() -> None:
    with pytest.raises(Rejected, match="409 Arrived: The patient is here"):
        act(after(doing(PatientArrived)), doing(RedirectRequested), at(400))


def test_the_hospital_chosen_instead_begins_anew() -> None:
    asked = after(*(doing(kind) for kind in (RedirectRequested, CentreActivated, BedReserved)))
    anew = bound("H-2", asked)
    assert anew.handoff == Handoff(notified_at=at(0), first_version=anew.version)


# -- teams, ways, beds -----------------------------------------------------------------------------


def test_a_centre_that_is_activated_gets_the_record_in_its_queue() -> None:
    before = bound()
    event = doing(CentreActivated)
    case, (first, *notified) = act(before, event, at(301))
    assert first == event
    records = [e for e in notified if isinstance(e, PreArrivalNotified)]
    assert [(e.centre, e.version) for e in records] == [
        (Centre.EMERGENCY, before.version + 1),
        (Centre.CHEST_PAIN, before.version + 1),
    ]
    assert len(records) == len(notified)
    assert all(topic_of(e).name == e.centre.topic for e in records)
    assert case.centres == (Centre.EMERGENCY, Centre.CHEST_PAIN)
    found = made(FindingRecorded, "found", finding="diaphoresis", present=True)
    told = [e.centre for e in hear(case, "E-1", found, at(310))[1] if isinstance(e, CentreEvent)]
    assert told == list(case.centres)


def test_a_centre_whose_queue_has_the_record_already_is_told_no_second_time() -> None:
    case = after(doing(CentreActivated, activation="alert"))
    louder = doing(CentreActivated, "louder")
    case, events = act(case, louder, at(400))
    assert list(events) == [louder]
    activations = [a.activation for a in case.handoff.activations]
    assert activations == [Activation.ALERT, Activation.ACTIVATE]
    emergency = doing(CentreActivated, "emergency", centre="emergency")
    assert list(act(case, emergency, at(401))[1]) == [emergency]


def test_a_team_that_was_called_by_mistake_is_called_off_and_both_are_kept() -> None:
    heart, stroke = (
        doing(CentreActivated, "heart", departments=("cath_lab", "imaging")),
        doing(CentreActivated, "stroke", centre="stroke", departments=("neurology", "imaging")),
    )
    answers = (
        doing(DepartmentAnswered),
        doing(DepartmentAnswered, "i", department="imaging"),
        doing(DepartmentAnswered, "n", department="neurology"),
    )
    case = keep(after(heart, stroke, *answers), FACILITIES.of("H-1"), at(310))
    off = doing(ActivationWithdrawn)
    case, events = act(case, off, at(320))
    assert list(events) == [off]
    case = keep(case, FACILITIES.of("H-1"), at(330))
    assert case.handoff.activations == (stroke,)
    assert case.handoff.withdrawn == (
        Withdrawn(activation=heart, withdrawal=off, answers=(answers[0],)),
    )
    assert case.centres == (Centre.EMERGENCY, Centre.CHEST_PAIN, Centre.STROKE)
    # What imaging owes it owes the stroke centre still; the catheter laboratory owes nothing.
    owed = {each.department: each.is_open for each in case.handoff.promises if each.department}
    assert owed == {"imaging": False, "neurology": False}
    assert {each.department for each in case.handoff.answers} == {"imaging", "neurology"}
    with pytest.raises(Rejected, match="409 Team not called"):
        act(case, doing(ActivationWithdrawn, "again"), at(400))
    with pytest.raises(Rejected, match="409 Not called"):
        act(case, doing(DepartmentAnswered, "late"), at(400))
    # Called once more it is called anew.
    case = keep(after(doing(CentreActivated, "anew"), case=case), FACILITIES.of("H-1"), at(410))
    owed = {each.department: each.is_open for each in case.handoff.promises if each.department}
    assert owed["cath_lab"]


def test_calling_a_team_and_calling_it_off_very_often_is_a_slip() -> None:
    case = bound()
    for n in range(MOST):
        case = after(doing(CentreActivated, f"on-{n}"), case=case)
        case = after(doing(ActivationWithdrawn, f"off-{n}"), case=case)
    with pytest.raises(Rejected, match="409 Too many"):
        act(case, doing(CentreActivated, "one-more"), at(400))


def test_an_acceptance_is_taken_back_and_given_again() -> None:
    case = after(doing(Accepted), doing(AcceptanceWithdrawn))
    assert (case.facility_id, case.handoff.accepted_at) == ("H-1", None)
    with pytest.raises(Rejected, match="409 Not accepted"):
        act(case, doing(AcceptanceWithdrawn, "again"), at(400))
    assert after(doing(Accepted, "anew"), case=case).handoff.accepted_at == at(300)


@pytest.mark.parametrize("kind", [CentreActivated, BedReserved])
def test_very_many_of_a_kind_for_one_patient_are_a_slip(kind: type[Event]) -> None:
    case = after(*(doing(kind, f"n-{n}") for n in range(MOST)))
    with pytest.raises(Rejected, match=f"409 Too many: {MOST} of these"):
        act(case, doing(kind, "one-more"), at(400))
    assert act(case, doing(kind, "n-0"), at(400)) == (case, ())


def test_another_way_takes_the_place_of_the_first_and_only_the_one_that_stands_is_revoked() -> None:
    case = after(doing(DirectToConfirmed), doing(DirectToConfirmed, "b", direct_to="ct"))
    assert case.handoff.direct_to == doing(DirectToConfirmed, "b", direct_to="ct")
    with pytest.raises(Rejected, match="409 Not confirmed"):
        act(case, doing(DirectToRevoked), at(400))
    case = after(doing(DirectToRevoked, "c", direct_to="ct"), case=case)
    assert case.handoff.direct_to is None
    with pytest.raises(Rejected, match="409 Not confirmed"):
        act(case, doing(DirectToRevoked, "d", direct_to="ct"), at(400))


def test_a_bed_that_waits_no_more_leaves_those_of_other_departments() -> None:
    case = after(doing(BedReserved), doing(BedReserved, "b", department="icu"), doing(BedReleased))
    assert [bed.department for bed in case.handoff.beds] == ["icu"]
    with pytest.raises(Rejected, match="409 Not reserved"):
        act(case, doing(BedReleased, "again"), at(400))


# -- what the hospital learns ----------------------------------------------------------------------


def test_a_milestone_or_an_outcome_told_again_is_corrected() -> None:
    case = after(
        doing(MilestoneReached, "a", milestone="ct_done"),
        doing(MilestoneReached, "b"),
        doing(CareTransferred),
        doing(MilestoneReached, "c", 280, milestone="ct_done"),
        doing(OutcomeReported, "d"),
        doing(OutcomeReported, "e", outcome="died"),
    )
    told = [(m.milestone.value, m.event_id) for m in case.handoff.milestones]
    assert told == [("needle", "b"), ("ct_done", "c")]
    assert case.handoff.outcome == doing(OutcomeReported, "e", outcome="died")


def test_a_number_of_the_facility_that_was_provisional_is_replaced() -> None:
    case = after(
        doing(IdentityBound), doing(IdentityBound, "b", reference="P-7", provisional=False)
    )
    assert case.handoff.identity == doing(IdentityBound, "b", reference="P-7", provisional=False)


def test_before_care_was_handed_over_there_is_no_outcome_in_the_hospital() -> None:
    with pytest.raises(Rejected, match="409 Not handed over"):
        act(bound(), doing(OutcomeReported), at(301))


@pytest.mark.parametrize(
    ("role", "topic"), [("crew", "ambulance-findings"), ("receiving_clinician", "bridge-handoffs")]
)
def test_a_level_goes_to_the_topic_of_whose_word_it_is(role: str, topic: str) -> None:
    assert topic_of(doing(LevelOverridden, role=role)).name == topic


# -- what is sent and shown ------------------------------------------------------------------------


def received(case: Case) -> Case:
    receipt = Receipt(encounter_id="E-1", version=1, displayed=True)
    shown, _ = receive(case, "H-1", receipt, at(1))
    assert shown is not None
    return keep(shown, FACILITIES.of("H-1"), at(1))


def by_level(case: Case) -> Case:
    """With what stands in a handoff by level, by centre and by what was examined."""
    clock = Running(clock="arrival_to_ct", centre=Centre.STROKE)
    relied_on = Recognition(examination_id="x", recognised=True)
    told = {"clocks": (clock,), "recognitions": (relied_on,)}
    return case.but(handoff=case.handoff.but(zone="yellow", **told))


def test_a_receipt_of_an_earlier_stay_says_nothing_of_this_one() -> None:
    there_and_back = bound("H-1", bound("H-2", bound()).but(taken=Repeats()))
    assert there_and_back.version == 3
    old = Receipt(encounter_id="E-1", version=1, displayed=True)
    assert receive(there_and_back, "H-1", old, at(400)) == (there_and_back, ())
    _, told = receive(there_and_back, "H-1", old.but(version=3), at(400))
    assert [type(event).__name__ for event in told] == ["RecordDelivered", "RecordDisplayed"]


def test_an_item_shows_everything_that_was_answered() -> None:
    undone = {*TAKES_BACK, OutcomeReported, IdentitySplit, AddendumWritten}
    acts = [doing(kind) for kind in SAYS if kind not in undone]
    later = (doing(OutcomeReported), doing(AddendumWritten))
    stroke = (doing(CentreActivated, "by-mistake", centre="stroke"),
              doing(ActivationWithdrawn, centre="stroke"),
              doing(Accepted, "taken-back"), doing(AcceptanceWithdrawn))  # fmt: skip
    case = after(*stroke, *acts, *later, case=by_level(received(died())))
    shown = Item.model_validate(item_of(case, "H-1", withdrawn=False)).handoff
    assert shown == case.handoff
    unanswered = {name for name in Handoff.model_fields if not getattr(shown, name)}
    assert unanswered == set()


@pytest.mark.parametrize(
    ("body", "given", "field"),
    [
        (ActivatedCentre, {"centre": "burns", "activation": "alert"}, "centre"),
        (ActivatedCentre, {"centre": "stroke", "activation": "notice"}, "activation"),
        (DirectWay, {"direct_to": "ct", "phone": "call Zhang"}, "phone"),
        (DirectWay, {"direct_to": "ct", "phone": "1"}, "phone"),
        (DirectWay, {"direct_to": "roof"}, "direct_to"),
        (OverriddenLevel, {"level": "not_yet", "reason": "x"}, "level"),
        (OverriddenLevel, {"level": "urgent", "reason": ""}, "reason"),
        (ReachedMilestone, {"milestone": "lunch"}, "milestone"),
        (Redirection, {"reason": "full"}, "reason"),
        (ReportedOutcome, {"outcome": "well"}, "outcome"),
    ],
)
def test_what_no_department_can_mean_is_refused_by_its_field(
    body: Any, given: dict[str, Any], field: str
) -> None:
    with pytest.raises(ValidationError) as refused:
        body.model_validate({"occurred_at": at(0), **given})
    assert [error["loc"] for error in refused.value.errors()] == [(field,)]
