"""The beds of a facility: never more reserved than there are, the last kept one for Ⅰ and Ⅱ, and
each comes back once."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from schemas.capacity import BedManagerAlerted, CapacityReported, PatientsWaiting
from schemas.handoff import BedReserved, Department, RedirectRequested
from schemas.triage import TriageLevel
from services.bridge import loader
from services.bridge.beds import (
    Beds,
    DivertAdvised,
    DivertEnded,
    occupy,
    release,
    reserve,
    say,
    want,
)
from services.bridge.capacity import overview, tell
from services.bridge.loader import FacilitiesRefused
from services.bridge.ward import Counted
from services.kit.errors import Rejected
from tests.unit.test_bridge_acts import at, doing

RULES = loader.facilities().of("H-1").bed_rules
NOBODY = Beds(facility_id="H-1")
D, L = Department, TriageLevel
SEVERE, MILD = (L.CRITICAL, L.SEVERE), (L.URGENT, L.NON_URGENT, L.NOT_YET)
KNOWN_S, DIVERT_S = RULES.known_for_s, RULES.divert_for_s


def counted(
    free: int, emergency: int, second: float = 0, where: Department = D.ICU, **more: Any
) -> Counted:
    told = {"event_id": f"{where}-{second}", "staff_id": "n-1", "occurred_at": at(second), **more}
    return Counted(department=where, free=free, emergency=emergency, **told)


def having(free: int, emergency: int, beds: Beds = NOBODY, **more: Any) -> Beds:
    said = counted(free, emergency, **more)
    return say(beds, said, RULES, said.occurred_at)[0]


def reserved(
    beds: Beds, patient: str, level: TriageLevel = L.CRITICAL, second: float = 10,
    where: Department = D.ICU,
) -> tuple[Beds, Sequence[BedManagerAlerted]]:  # fmt: skip
    event = doing(BedReserved, f"r-{patient}", second, encounter_id=patient, department=where)
    return reserve(beds, event, level, RULES, at(second))


def taking(beds: Beds, *patients: str, level: TriageLevel = L.CRITICAL) -> Beds:
    for patient in patients:
        beds, _ = reserved(beds, patient, level)
    return beds


def left(beds: Beds, where: Department = D.ICU) -> tuple[int, int]:
    return beds.ward(where).left("ordinary"), beds.ward(where).left("emergency")


def refused(beds: Beds, level: TriageLevel, where: Department = D.ICU) -> str:
    with pytest.raises(Rejected, match="409 No bed left") as told:
        reserved(beds, "E-late", level, where=where)
    return told.value.detail


# -- which bed -------------------------------------------------------------------------------------


@pytest.mark.parametrize("level", TriageLevel)
def test_ordinary_beds_go_first(level: TriageLevel) -> None:
    assert left(reserved(having(1, 1), "E-1", level)[0]) == (0, 1)


@pytest.mark.parametrize("level", SEVERE)
def test_the_last_emergency_bed_is_for_the_critical_and_severe(level: TriageLevel) -> None:
    assert left(reserved(having(0, 1), "E-1", level)[0]) == (0, 0)


@pytest.mark.parametrize("level", MILD)
def test_others_may_have_an_emergency_bed_but_not_the_last(level: TriageLevel) -> None:
    beds = reserved(having(0, 2), "E-1", level)[0]
    assert left(beds) == (0, 1)
    assert "its last is kept for the critical and severe" in refused(beds, level)


def test_who_finds_none_is_offered_the_departments_that_have_one_for_this_level() -> None:
    beds = having(0, 1, having(0, 0, having(3, 1, where=D.CCU)), where=D.RESUS)
    assert refused(beds, L.CRITICAL).endswith("One is free in: ccu, resus.")
    assert refused(beds, L.URGENT).endswith("One is free in: ccu.")
    assert refused(beds, L.URGENT, D.RESUS).endswith("One is free in: ccu.")
    assert "kept for" not in refused(beds, L.SEVERE)


def test_where_there_is_none_at_all_the_bed_manager_is_asked_and_nobody_sent_away() -> None:
    told = refused(having(0, 0), L.CRITICAL)
    assert "treat the patient" in told
    assert "One is free" not in told


def test_a_patient_has_one_bed_in_a_department_and_may_have_one_in_another() -> None:
    beds = taking(having(2, 1, having(1, 1, where=D.THEATRE)), "E-1", "E-1")
    assert left(beds) == (1, 1)
    beds = reserved(beds, "E-1", where=D.THEATRE)[0]
    assert left(beds, D.THEATRE) == (0, 1)
    assert left(release(beds, "E-1", D.ICU, RULES, at(20)), D.THEATRE) == (0, 1)
    both = release(beds, "E-1", None, RULES, at(20))
    assert (left(both), left(both, D.THEATRE)) == ((2, 1), (1, 1))


# -- what is not known -----------------------------------------------------------------------------


def test_what_was_never_counted_or_too_long_ago_is_not_full() -> None:
    for beds in (NOBODY, having(1, 1, where=D.CCU)):
        assert reserved(beds, "E-1", L.NON_URGENT)[0].ward(D.ICU).held_for("E-1")
    full = having(0, 0)
    assert refused(full, L.NON_URGENT)
    assert reserved(full, "E-1", L.NON_URGENT, KNOWN_S + 1)[0].ward(D.ICU).held_for("E-1")
    with pytest.raises(Rejected):
        reserved(full, "E-1", L.NON_URGENT, KNOWN_S)


def test_an_old_count_is_shown_as_unknown_and_told_to_nobody() -> None:
    beds = having(2, 1, staffed=9)
    (shown,) = overview(beds, (), RULES, at(KNOWN_S)).wards
    assert (shown.is_known, shown.free, shown.emergency, shown.staffed) == (True, 2, 1, 9)
    (shown,) = overview(beds, (), RULES, at(KNOWN_S + 1)).wards
    assert (shown.is_known, shown.free, shown.emergency, shown.staffed) == (False,) + (None,) * 3
    assert (shown.reported_at, shown.reported_by) == (at(0), "n-1")
    told = [tell(beds, (), RULES, at(s))[1][0].beds for s in (KNOWN_S, KNOWN_S + 1)]
    assert [len(each) for each in told] == [1, 0]


# -- counts ----------------------------------------------------------------------------------------


def test_a_count_leaves_out_what_was_reserved_by_then_and_what_comes_later_is_taken_off() -> None:
    beds = taking(having(4, 1), "E-1", "E-2")
    late = having(4, 1, beds, second=5, event_id="late")
    assert left(late) == (2, 1), "counted before they were reserved"
    after = having(2, 1, beds, second=60)
    assert left(after) == (2, 1)
    assert left(release(after, "E-1", None, RULES, at(61))) == (3, 1)


def test_a_count_of_an_earlier_moment_changes_nothing_and_one_dated_ahead_is_of_now() -> None:
    beds = having(2, 1, second=60)
    assert left(having(9, 1, beds, second=30)) == (2, 1)
    ahead, _ = say(NOBODY, counted(9, 1, 3600), RULES, at(60))
    assert left(having(1, 1, ahead, second=61)) == (1, 1)


def test_who_reserves_has_seen_the_last_count_whatever_the_clocks_say() -> None:
    beds = having(1, 1, second=60)
    beds, _ = reserved(beds, "E-1", second=59)
    assert left(beds) == (0, 1)


def test_the_same_count_again_changes_nothing_and_its_key_stands_for_no_other() -> None:
    beds = taking(having(2, 1), "E-1")
    assert say(beds, counted(2, 1), RULES, at(99)) == (beds, ())
    with pytest.raises(Rejected, match="409 Key used before"):
        say(beds, counted(3, 1), RULES, at(99))


def test_more_free_than_staffed_is_refused() -> None:
    assert left(having(2, 1, staffed=3)) == (2, 1)
    with pytest.raises(Rejected, match="422 More than staffed: Count only beds"):
        having(3, 1, staffed=3)
    # Who leaves out how many are staffed has not more of them: the last that was said holds.
    known = having(2, 1, staffed=3)
    with pytest.raises(Rejected, match=r"More than staffed: .* 3 when it was last reported"):
        having(999, 1, known, second=20)
    assert left(having(1, 1, known, second=20)) == (1, 1)
    assert left(having(8, 1, known, second=20, staffed=9)) == (8, 1)
    assert left(having(999, 1)) == (999, 1), "nobody has said how many are staffed"


def test_after_the_handover_a_bed_comes_back_by_a_count_and_by_nothing_else() -> None:
    beds = occupy(taking(having(2, 1), "E-1"), "E-1", RULES, at(20))
    assert left(beds) == (1, 1)
    assert left(release(beds, "E-1", None, RULES, at(21))) == (1, 1)
    assert overview(beds, (), RULES, at(21)).wards[0].reservations == ()
    assert having(2, 1, beds, second=60).ward(D.ICU).used == ()
    assert left(having(2, 1, beds, second=5, event_id="late")) == (1, 1)


# -- the bed manager -------------------------------------------------------------------------------


def test_the_bed_manager_is_alerted_once_when_the_kept_bed_is_used_and_again_the_next_time() -> (
    None
):
    beds, told = reserved(having(0, 1), "E-1")
    assert [(e.because, e.department, e.encounter_id) for e in told] == [("used", "icu", "E-1")]
    assert beds.ward(D.ICU).lacks_since == at(10)
    beds, told = say(beds, counted(0, 0, 30), RULES, at(30))
    assert told == (), "he knows"
    beds = release(beds, "E-1", None, RULES, at(40))
    assert beds.ward(D.ICU).lacks_since is None
    assert [e.because for e in reserved(beds, "E-2", second=50)[1]] == ["used"]


def test_a_count_without_an_emergency_bed_alerts_him_too() -> None:
    _, told = say(NOBODY, counted(5, 0), RULES, at(1))
    assert [(e.because, e.staff_id, e.facility_id) for e in told] == [("missing", "n-1", "H-1")]
    assert say(NOBODY, counted(5, 1), RULES, at(1))[1] == ()


def test_a_redirect_for_want_of_a_bed_alerts_him() -> None:
    told = want(doing(RedirectRequested, "r", 60), at(61))
    assert (told.because, told.encounter_id, told.occurred_at) == ("redirect", "E-1", at(60))


# -- advice ----------------------------------------------------------------------------------------


def advice(until: float, name: str = "a", second: float = 0) -> DivertAdvised:
    return DivertAdvised(
        event_id=name, occurred_at=at(second), staff_id="n-2", until=at(until), reason="满"
    )


def test_advice_ends_by_itself() -> None:
    beds, _ = say(NOBODY, advice(600), RULES, at(0))
    for second, stands in ((599, True), (600, False)):
        (told,) = tell(beds, (), RULES, at(second))[1]
        assert told.divert is stands
        assert (told.divert_until, told.divert_by) == ((at(600), "n-2") if stands else (None, None))
        assert (overview(beds, (), RULES, at(second)).divert is not None) is stands


def test_advice_that_is_dated_ahead_is_of_now() -> None:
    beds, _ = say(NOBODY, advice(600, second=300), RULES, at(60))
    told = overview(beds, (), RULES, at(61)).divert
    assert told is not None
    assert told.since == at(60)


def test_advice_is_taken_back_once_and_only_what_stands() -> None:
    beds, _ = say(NOBODY, advice(600), RULES, at(0))
    end = DivertEnded(event_id="e", occurred_at=at(60), staff_id="n-3")
    after, _ = say(beds, end, RULES, at(60))
    assert after.diverts(at(61)) is None
    assert after.said_by == "n-3"
    assert say(after, end, RULES, at(70)) == (after, ())
    for known, second in ((after, 70), (beds, 600), (NOBODY, 0)):
        with pytest.raises(Rejected, match="409 Not diverting"):
            say(known, end.but(event_id="f"), RULES, at(second))


@pytest.mark.parametrize("until", [-1, 0, DIVERT_S + 1])
def test_advice_without_an_end_to_come_that_is_near_is_refused(until: float) -> None:
    assert say(NOBODY, advice(DIVERT_S), RULES, at(0))[0].divert
    with pytest.raises(Rejected, match=r"422 No such end: Choose an end .* at most 4 h from"):
        say(NOBODY, advice(until), RULES, at(0))


# -- what dispatch is told -------------------------------------------------------------------------


def test_dispatch_is_told_the_age_and_the_owner_of_each_number_and_who_waits() -> None:
    beds = having(3, 1, staffed=8)
    beds = reserved(beds, "E-1", second=30)[0]
    waiting = (PatientsWaiting(level=L.SEVERE, patients=2),)
    beds, (told,) = tell(beds, waiting, RULES, at(31))
    assert (told.occurred_at, told.facility_id, told.waiting) == (at(31), "H-1", waiting)
    (icu,) = told.beds
    assert icu.model_dump() == {
        "department": "icu", "free": 2, "emergency": 1, "staffed": 8,
        "reported_at": at(0), "reported_by": "n-1",
    }  # fmt: skip
    assert tell(beds, waiting, RULES, at(40)) == (beds, ()), "nothing is new"
    assert len(tell(beds, (), RULES, at(40))[1]) == 1


def test_what_is_told_later_is_dated_later_whatever_the_clock_says() -> None:
    beds, (first,) = tell(having(3, 1), (), RULES, at(60))
    beds, (second,) = tell(taking(beds, "E-1"), (), RULES, at(59))
    assert second.occurred_at - first.occurred_at == timedelta(milliseconds=1)
    assert second.event_id != first.event_id
    assert isinstance(second, CapacityReported)


# -- what the files say ----------------------------------------------------------------------------


def test_the_numbers_have_their_source_and_one_bed_is_kept_by_the_notice() -> None:
    assert (RULES.evidence, RULES.kept_for) == ("design", frozenset(SEVERE))
    assert (RULES.emergency.kept, RULES.emergency.evidence) == (1, "V")
    assert "每个临床科室必须预留至少一张急诊病床" in RULES.emergency.source


def test_a_file_that_says_nothing_of_beds_is_refused_and_a_facility_may_have_its_own(
    tmp_path: Path,
) -> None:
    shipped = Path(str(loader.SHIPPED)).read_text("utf-8")
    begin, end = shipped.index("  beds:\n"), shipped.index("facilities: {}")
    file = tmp_path / "facilities.yaml"
    file.write_text(shipped[:begin] + shipped[end:], "utf-8")
    with pytest.raises(FacilitiesRefused, match="all says nothing of beds"):
        loader.facilities(file)
    own = shipped[begin:end].replace("known_for_s: 1800", "known_for_s: 600")
    indented = "".join(f"  {line}\n" for line in own.splitlines() if line)
    file.write_text(shipped[:end] + f"facilities:\n  H-9:\n{indented}", "utf-8")
    found = loader.facilities(file)
    known = [found.of(name).bed_rules.known_for for name in ("H-9", "H-1", None)]
    assert known == [timedelta(seconds=s) for s in (600, 1800, 1800)]


# -- in any order ----------------------------------------------------------------------------------

PATIENTS = some.sampled_from([f"E-{n}" for n in range(6)])
TURNS = some.lists(
    some.one_of(
        some.tuples(some.just("reserve"), PATIENTS, some.sampled_from(TriageLevel)),
        some.tuples(some.just("release"), PATIENTS),
        some.tuples(some.just("occupy"), PATIENTS),
        some.tuples(some.just("count")),
    ),
    max_size=30,
)


class Books:
    """A ward that never errs: it knows itself who has which bed, and counts rightly."""

    def __init__(self, free: int, emergency: int) -> None:
        self.beds = having(free, emergency)
        self._total = {"ordinary": free, "emergency": emergency}
        self._has: dict[str, str] = {}
        self._lies: set[str] = set()
        self._second = 0

    def left(self) -> tuple[int, int]:
        taken = [*self._has.values()]
        ordinary, emergency = (total - taken.count(k) for k, total in self._total.items())
        assert min(ordinary, emergency) >= 0, "more than there are"
        return ordinary, emergency

    def turn(self, what: str, patient: str = "", level: TriageLevel = L.NOT_YET) -> None:
        """Whoever lies in a bed was handed over: nothing more is said of them."""
        self._second += 1
        if patient not in self._lies:
            getattr(self, what)(patient, level)
        assert left(self.beds) == self.left()

    def reserve(self, patient: str, level: TriageLevel) -> None:
        ordinary, emergency = self.left()
        kept = 0 if level in SEVERE else 1
        try:
            self.beds, _ = reserved(self.beds, patient, level, self._second)
        except Rejected:
            assert patient not in self._has
            assert (ordinary, emergency <= kept) == (0, True)
            return
        held = self.beds.ward(D.ICU).held_for(patient)
        assert held is not None
        if patient not in self._has and held.kind == "emergency":
            assert (ordinary, emergency > kept) == (0, True)
        self._has.setdefault(patient, held.kind)

    def release(self, patient: str, _: TriageLevel) -> None:
        self.beds = release(self.beds, patient, None, RULES, at(self._second))
        self._has.pop(patient, None)

    def occupy(self, patient: str, _: TriageLevel) -> None:
        self.beds = occupy(self.beds, patient, RULES, at(self._second))
        if patient in self._has:
            self._lies.add(patient)

    def count(self, *_: object) -> None:
        self.beds = having(*self.left(), self.beds, second=self._second)


@given(free=some.integers(0, 3), emergency=some.integers(0, 2), turns=TURNS)
def test_each_bed_is_one_patients_and_the_last_kept_one_never_a_milder_ones(
    free: int, emergency: int, turns: list[Any]
) -> None:
    books = Books(free, emergency)
    for turn in turns:
        books.turn(*turn)
