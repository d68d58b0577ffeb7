"""What holds of triage whatever comes, in whatever order.

Of what humans say (readings, findings, examinations, treatments) ``worst`` is the same in every
order: each word counts when it comes. Of streamed samples that is not so, and need not be: a
sample that comes late stands beside other neighbours, so two that bore each other out may not
meet, or may meet earlier. What holds of them in every order: the newest are kept, no level rests
on one sample alone, and each is accounted for once. The age chooses the protocol, and the parts of
a GCS belong together: neither may be told apart from what it is about.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from math import ceil
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.clinical import (
    ExaminationDone,
    FindingRecorded,
    Invalid,
    ObservationRetracted,
    ScaleScored,
    TreatmentGiven,
    VitalSignsRecorded,
)
from schemas.encounter import (
    Age,
    Complaint,
    DeviceAttached,
    EncounterEnded,
    EncounterOpened,
    EncounterUpdated,
    Outcome,
    Patient,
    PatientReached,
)
from schemas.envelope import derived_id
from schemas.event import Event
from schemas.triage import Span, TriageDecided, TriageLevel
from services.kit.work import Received
from services.triage.app import paused
from services.triage.decide import REFRESH_S, SPREAD_S, State, spread, step
from services.triage.fold import fold
from services.triage.loader import active
from services.triage.memory import BOXES, REMEMBERED_S, WIDE
from services.triage.picture import Picture, is_streamed
from services.triage.verdict import look

BEGIN = datetime(2026, 3, 1, 8, tzinfo=UTC)
RULES = active()
EDITION = RULES.at(BEGIN)
STALE, REFRESH = EDITION.stale, timedelta(seconds=REFRESH_S)
DUE = timedelta(seconds=REFRESH_S + SPREAD_S)
(ADULT,) = (protocol for protocol in EDITION.protocols if protocol.protocol == "adult")
WELL = {
    "heart_rate": 80, "respiratory_rate": 16, "systolic_bp": 120, "spo2": 98, "temperature": 36.8,
    "consciousness": "A",
}  # fmt: skip
QUICKLY = settings(deadline=None, max_examples=50)


def at(second: float) -> datetime:
    return BEGIN + timedelta(seconds=second)


@dataclass(frozen=True)
class Arrival:
    """An event, and the second at which triage learns of it."""

    event: Event
    learned: float


def made(kind: type[Event], number: int, occurred: float, **more: Any) -> Event:
    common = {"event_id": f"e-{number}", "encounter_id": "E-1", "occurred_at": at(occurred)}
    return kind.model_validate({**common, **more})


def reading(number: int, occurred: float, **vitals: Any) -> Event:
    return made(VitalSignsRecorded, number, occurred, method="reading", vitals=vitals)


def streamed(number: int, occurred: float, **vitals: Any) -> Event:
    return made(VitalSignsRecorded, number, occurred, method="streamed", vitals=vitals)


@dataclass(frozen=True)
class Told:
    """Where a run of triage ends, with all that went out."""

    state: State
    decisions: list[TriageDecided]

    @property
    def picture(self) -> Picture:
        return self.state.picture

    @property
    def worst(self) -> TriageLevel:
        return self.decisions[-1].worst

    @property
    def folded(self) -> list[str]:
        return [i for d in self.decisions for i in d.folded] + list(self.picture.pending)


def tell(arrivals: Sequence[Arrival], *, stored: bool = False) -> Told:
    """Run triage; ``stored`` puts the state away and reads it back before each event."""
    state, decisions = State(picture=Picture(encounter_id="E-1")), list[TriageDecided]()
    for arrival in arrivals:
        if stored:
            state = State.model_validate_json(state.model_dump_json(exclude_defaults=True))
        state, out = step(state, arrival.event, at(arrival.learned), RULES)
        decisions += [event for event in out if isinstance(event, TriageDecided)]
    return Told(state.but(last=None, room=None), decisions)


# -- what is shown and not used --------------------------------------------------------------------


def test_two_monitors_of_one_patient_may_number_alike() -> None:
    pulse = streamed(17, 0, heart_rate=30).model_copy(update={"device_id": "ECG-1"})
    oxygen = streamed(17, 0, spo2=70).model_copy(update={"device_id": "OXI-1"})
    told = tell([Arrival(pulse, 0), Arrival(oxygen, 1), Arrival(pulse, 2)])
    assert sorted(told.picture.streams) == ["heart_rate", "spo2"]
    assert told.folded == ["e-17", "e-17"]


@pytest.mark.parametrize(
    ("first", "second", "shown"),
    [
        (reading(1, 30, heart_rate=80), reading(2, 10, heart_rate=999), []),
        (reading(1, 10, heart_rate=999), reading(2, 30, heart_rate=80), []),
        (reading(1, 10, heart_rate=999), reading(2, 10, heart_rate=80), []),
        (streamed(1, 10, heart_rate=999), streamed(2, 30, heart_rate=0), ["heart_rate"]),
        (streamed(1, 10, spo2=101), streamed(2, 30, spo2="unmeasurable"), ["spo2"]),
        (reading(1, 10, heart_rate=999), streamed(2, 30, heart_rate=80), ["heart_rate"]),
        (reading(1, 10, on_oxygen="maybe"), reading(2, 30, on_oxygen=False), []),
    ],
)  # fmt: skip
def test_what_replaces_an_impossible_value(first: Event, second: Event, shown: list[str]) -> None:
    """What was really taken in, by the same method and no earlier: in whatever order they come."""
    told = tell([Arrival(first, 40), Arrival(second, 50)], stored=True)
    assert [i.name for i in told.picture.impossible.values()] == shown


@pytest.mark.parametrize("send", [reading, streamed])
def test_an_impossible_value_is_shown_until_a_possible_one_comes(send: Any) -> None:
    """Shown with what was sent; the values before and beside it count as ever."""
    sent = [
        Arrival(send(1, 0, **WELL), 0),
        Arrival(send(2, 10, heart_rate=999, on_oxygen="maybe", spo2=97), 10),
        Arrival(send(3, 8, heart_rate=82), 20),  # older than the impossible one
    ]
    told = tell(sent, stored=True)
    shown = {i.name: (i.value, i.occurred_at) for i in told.decisions[-1].invalid}
    assert shown == {
        "heart_rate": (Invalid(invalid="999"), at(10)),
        "on_oxygen": (Invalid(invalid="maybe"), at(10)),
    }
    used = {i.name: i.value for i in told.decisions[-1].inputs}
    assert (used["heart_rate"], used["spo2"]) == (82, 97)
    after = tell([*sent, Arrival(send(4, 30, heart_rate=84, on_oxygen=True), 30)], stored=True)
    assert after.decisions[-1].invalid == ()


def test_a_corrected_clock_is_shown_beside_its_value() -> None:
    event = streamed(1, 0, **WELL).model_copy(update={"device_time": at(-600)})
    (decision,) = tell([Arrival(event, 0)], stored=True).decisions
    assert {i.device_time for i in decision.inputs} == {at(-600)}


# -- events of every kind -------------------------------------------------------------------------

NUMBERS: Mapping[str, Sequence[Any]] = {
    "heart_rate": [0, 39, 40, 50, 55, 56, 80, 100, 150, 181, "unmeasurable", 999],
    "systolic_bp": [0, 69, 70, 80, 90, 91, 120, 180, 201, "unmeasurable"],
    "spo2": [79, 80, 90, 94, 95, 98],
    "temperature": [36.8, 41, 41.1, 60],
    "blood_glucose": [3.32, 3.33, 5],
    "pain": [0, 3, 4, 7],
    "respiratory_rate": [16, 40],
}
GCS = st.sampled_from([(4, 5, 6), (2, 2, 4), (2, 3, 4)]).map(
    lambda parts: dict(zip(("gcs_eye", "gcs_verbal", "gcs_motor"), parts, strict=True))
)


def some_vitals(words: Sequence[str]) -> st.SearchStrategy[dict[str, Any]]:
    single = {name: st.sampled_from(values) for name, values in NUMBERS.items()}
    known = st.fixed_dictionaries({}, optional={**single, "consciousness": st.sampled_from(words)})
    whole = st.just(WELL)
    return st.builds(
        lambda some, gcs: {**some, **gcs}, known | whole, GCS | st.just(dict[str, int]())
    )


def some(kind: type[Event], **fields: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Events of a kind, without their number and time."""
    return st.fixed_dictionaries({"kind": st.just(kind), **fields})


BY_HUMANS = st.one_of(
    some(VitalSignsRecorded, method=st.just("reading"), vitals=some_vitals("AVPU")),
    some(
        FindingRecorded,
        finding=st.sampled_from(["cardiac_arrest", "diaphoresis"]),
        present=st.booleans(),
    ),
    some(
        ExaminationDone,
        examination=st.just("ecg_12_lead"),
        shows=st.sampled_from([("st_elevation",), ("no_st_elevation",), ("not_readable",)]),
    ),
    some(TreatmentGiven, treatment=st.sampled_from(["aspirin", "oxygen"])),
)
BY_MONITORS = some(
    VitalSignsRecorded,
    method=st.just("streamed"),
    vitals=st.fixed_dictionaries(
        {},
        optional={name: st.sampled_from(NUMBERS[name]) for name in ("heart_rate", "spo2")},
    ),
)
PATIENTS = st.builds(
    Patient,
    age=st.sampled_from([None, Age(years=6), Age(years=60)]),
    complaint=st.sampled_from(list(Complaint)),
)
ABOUT_THEM = st.one_of(
    some(EncounterOpened, patient=PATIENTS),
    some(EncounterUpdated, patient=PATIENTS),
    some(EncounterEnded, outcome=st.just(Outcome.TRANSPORTED)),
    some(DeviceAttached, device_id=st.just("M-1")),
    some(PatientReached, unit_id=st.just("U-1")),
)
#: For so many seconds a repeat is known by its id.
MEMORY = {True: STALE.total_seconds(), False: REMEMBERED_S}
CLINICAL = (VitalSignsRecorded, FindingRecorded, ExaminationDone, TreatmentGiven)


@st.composite
def histories(
    draw: st.DrawFn, kinds: st.SearchStrategy[Any], *, late: float = 600
) -> list[Arrival]:
    """Events as they come: some late, some early, some twice or three times."""
    arrivals, firsts, learned = list[Arrival](), list[Arrival](), 0.0
    for number, fields in enumerate(draw(st.lists(kinds, min_size=1, max_size=10))):
        learned += draw(st.sampled_from([0, 0.5, 1, 4, 5, 6, 70]))
        occurred = learned - draw(st.sampled_from([0, 0, 0.2, 3, late]))
        firsts.append(Arrival(numbered(fields, number, occurred), learned))
        arrivals.append(firsts[-1])
        for again in draw(st.lists(st.sampled_from(firsts), max_size=1)):
            learned += draw(st.sampled_from([0, 1, 90]))
            if learned - again.learned <= MEMORY[is_streamed(again.event)]:
                arrivals.append(Arrival(again.event, learned))
    return arrivals


def numbered(fields: Mapping[str, Any], number: int, occurred: float) -> Event:
    return made(fields["kind"], number, occurred, **{k: fields[k] for k in fields if k != "kind"})


EVERYTHING = histories(BY_HUMANS | BY_MONITORS | ABOUT_THEM)


@st.composite
def orders(draw: st.DrawFn, kinds: st.SearchStrategy[Any]) -> tuple[list[Arrival], list[Arrival]]:
    """The same events, each at a time of its own, in two orders and with other repeats."""
    chosen = draw(st.lists(kinds, min_size=1, max_size=9))
    events = [numbered(fields, number, number * 2) for number, fields in enumerate(chosen)]

    def arrived(order: Sequence[Event]) -> list[Arrival]:
        return [Arrival(event, 20 + number) for number, event in enumerate(order)]

    repeats = draw(st.lists(st.sampled_from(events), max_size=4))
    return arrived(events), arrived(draw(st.permutations([*events, *repeats])))


# -- what humans say ------------------------------------------------------------------------------


def level_alone(event: Event) -> TriageLevel:
    """The level of one event, with nothing else known and nothing missing."""
    picture = fold(Picture(encounter_id="E-1"), event, at(1000), STALE)
    firings = look(picture, EDITION, at(1000)).assessment.firings
    return firings[0].level if firings else TriageLevel.NOT_YET


def measured(events: Sequence[Event]) -> set[str]:
    """Every name of which some event holds a value that can be used."""
    return {
        name
        for event in events
        if isinstance(event, VitalSignsRecorded)
        for name, value in event.vitals
        if value is not None and (isinstance(value, float | int | str))
    }


@QUICKLY
@given(orders(BY_HUMANS))
def test_in_every_order_the_worst_is_the_worst_that_any_human_ever_said(
    both: tuple[list[Arrival], list[Arrival]],
) -> None:
    events = [arrival.event for arrival in both[0]]
    expected = max((level_alone(event) for event in events), key=lambda level: level.urgency)
    if expected is TriageLevel.NOT_YET and set(ADULT.required) <= measured(events):
        expected = TriageLevel.NON_URGENT
    assert [tell(arrivals).worst for arrivals in both] == [expected, expected]


@QUICKLY
@given(orders(BY_HUMANS))
def test_in_every_order_the_last_picture_of_what_humans_said_is_the_same(
    both: tuple[list[Arrival], list[Arrival]],
) -> None:
    one, other = (tell(arrivals) for arrivals in both)
    assert one.picture.readings == other.picture.readings
    assert one.picture.signs == other.picture.signs
    assert one.picture.examinations == other.picture.examinations
    assert one.picture.points == other.picture.points
    assert one.decisions[-1].current is other.decisions[-1].current


def test_the_last_word_of_the_same_second_stands() -> None:
    said = [made(FindingRecorded, n, 5, finding="cardiac_arrest", present=n == 0) for n in (0, 1)]
    measured_twice = [reading(2, 5, pain=8), reading(3, 5, pain=1)]
    told = tell([Arrival(event, 10) for event in (*said, *measured_twice)])
    assert told.decisions[-1].reasons == ()
    assert told.picture.readings["pain"][-1].value == 1


@pytest.mark.parametrize(
    ("kind", "observation", "first", "second"),
    [
        (FindingRecorded, "finding", {"finding": "shock", "present": True},
         {"finding": "shock", "present": False}),
        (ScaleScored, "scale", {"scale": "lams", "items": [{"item": "grip", "points": 2}]},
         {"scale": "lams", "items": [{"item": "grip", "points": 0}]}),
        (ExaminationDone, "examination", {"examination": "ecg_12_lead", "shows": ["st_elevation"]},
         {"examination": "ecg_12_lead", "shows": ["no_st_elevation"]}),
    ],
    ids=lambda of: getattr(of, "__name__", ""),
)  # fmt: skip
@pytest.mark.parametrize("is_last_told_first", [False, True])
def test_what_is_taken_back_leaves_what_it_had_replaced(
    kind: type[Event], observation: str, first: Any, second: Any, is_last_told_first: bool
) -> None:
    right, wrong = made(kind, 1, 5, **first), made(kind, 2, 6, **second)
    said = [wrong, right] if is_last_told_first else [right, wrong]
    told = {"observation": observation, "observation_id": wrong.event_id}
    back = made(ObservationRetracted, 3, 7, **told, reason="wrong_patient", retracted_by="c")
    left, alone = (tell([Arrival(e, 10) for e in events]) for events in ([*said, back], [right]))
    for kept in ("signs", "points", "examinations"):
        assert getattr(left.picture, kept) == getattr(alone.picture, kept)


# -- what monitors send ---------------------------------------------------------------------------


@QUICKLY
@given(orders(BY_MONITORS))
def test_in_every_order_the_newest_samples_are_kept_and_the_current_level_is_the_same(
    both: tuple[list[Arrival], list[Arrival]],
) -> None:
    one, other = (tell(arrivals).picture for arrivals in both)
    assert one.streams == other.streams
    levels = {look(p, EDITION, at(99)).assessment.current for p in (one, other)}
    assert len(levels) == 1


@QUICKLY
@given(histories(BY_MONITORS, late=100))
def test_no_level_rests_on_one_sample_of_a_monitor(arrivals: list[Arrival]) -> None:
    """Whatever the order: each level needs two samples, of one indicator, that are so urgent."""
    possible = [0]
    for name in ("heart_rate", "spo2"):
        events = [a.event for a in arrivals if isinstance(a.event, VitalSignsRecorded)]
        samples = {event.event_id: event.vitals for event in events}
        values = [getattr(v, name) for v in samples.values()]
        numbers = [v for v in values if isinstance(v, int | float) and v]
        urgencies = [ADULT.indicators[name].level(float(v))[0].urgency for v in numbers]
        possible += sorted(urgencies)[:-1]
    assert tell(arrivals).worst.urgency in {u if u > 1 else 0 for u in possible}


def test_samples_that_come_late_count_for_the_worst_and_not_for_the_current_level() -> None:
    """Three newer samples are here already when two bad ones come late."""
    fast = [streamed(n, n, heart_rate=190) for n in (0, 1)]
    calm = [streamed(n, n, heart_rate=80) for n in (2, 3, 4)]
    in_order = [Arrival(event, 10) for event in (*fast, *calm)]
    reversed_ = [Arrival(event, 10) for event in (*calm, *fast)]
    assert tell(in_order).worst is TriageLevel.CRITICAL
    assert tell(reversed_).worst is TriageLevel.CRITICAL
    assert tell(in_order).picture.streams == tell(reversed_).picture.streams


def test_two_samples_of_the_same_moment_bear_each_other_out() -> None:
    arrivals = [Arrival(streamed(n, 5, heart_rate=190), 6) for n in (0, 1)]
    assert tell(arrivals).worst is TriageLevel.CRITICAL


def test_a_repeat_of_one_sample_does_not_bear_it_out() -> None:
    once = Arrival(streamed(0, 5, heart_rate=190), 6)
    for later in (7, 65, 66, 67, 124, 125, 126, 127, 600):
        told = tell([once, Arrival(once.event, later)])
        assert told.worst is TriageLevel.NOT_YET, later


def test_a_clock_that_runs_ahead_does_not_hide_what_comes_after() -> None:
    ahead = [Arrival(streamed(n, 100 + n, heart_rate=80), n) for n in range(3)]
    then = [Arrival(streamed(n, n, heart_rate=190), n) for n in (4, 5)]
    assert tell([*ahead, *then]).worst is TriageLevel.CRITICAL


# -- whatever comes -------------------------------------------------------------------------------


@QUICKLY
@given(EVERYTHING)
def test_the_worst_never_falls(arrivals: list[Arrival]) -> None:
    urgencies = [d.worst.urgency for d in tell(arrivals).decisions]
    assert urgencies == sorted(urgencies)


@QUICKLY
@given(EVERYTHING)
def test_the_current_level_is_never_beyond_the_worst(arrivals: list[Arrival]) -> None:
    assert all(d.current.urgency <= d.worst.urgency for d in tell(arrivals).decisions)


@QUICKLY
@given(EVERYTHING)
def test_the_most_urgent_is_never_stated_without_a_reason(arrivals: list[Arrival]) -> None:
    before = TriageLevel.NOT_YET
    for decision in tell(arrivals).decisions:
        reasons = [reason.level.urgency for reason in decision.reasons]
        assert reasons == sorted(reasons, reverse=True)
        if decision.worst is not before and decision.worst is not TriageLevel.NON_URGENT:
            earlier = [reason.level.urgency for reason in decision.earlier]
            assert max(reasons + earlier) == decision.worst.urgency
        before = decision.worst


@QUICKLY
@given(EVERYTHING)
def test_the_least_urgent_is_never_stated_while_something_is_missing(
    arrivals: list[Arrival],
) -> None:
    for decision in tell(arrivals).decisions:
        assert decision.current is not TriageLevel.NON_URGENT or not decision.missing
        assert decision.current is not TriageLevel.NOT_YET or decision.missing


@QUICKLY
@given(EVERYTHING)
def test_every_clinical_event_is_folded_exactly_once(arrivals: list[Arrival]) -> None:
    sent = {a.event.event_id for a in arrivals if isinstance(a.event, CLINICAL)}
    assert Counter(tell(arrivals).folded) == Counter(sent)


@QUICKLY
@given(EVERYTHING)
def test_a_state_that_was_stored_and_read_again_decides_the_same(arrivals: list[Arrival]) -> None:
    assert tell(arrivals, stored=True) == tell(arrivals)


def wandering(shown: Sequence[int], **edges: tuple[int, int]) -> list[Arrival]:
    """A crew's first look, then a monitor: each second a value of one side of an edge or the other,
    by ``shown``, bit by bit."""
    first = {**WELL, "spo2": None, "heart_rate": None, "on_oxygen": False, "respiratory_rate": 16}
    arrivals = [Arrival(reading(1, 0, **{k: v for k, v in first.items() if v is not None}), 0)]
    for second, bits in enumerate(shown, 1):
        vitals = {n: sides[bits >> place & 1] for place, (n, sides) in enumerate(edges.items())}
        arrivals.append(Arrival(streamed(second + 1, second, **vitals), second))
    return arrivals


#: Edges of NEWS2 at which no rule of a level lies; each value stays for a while.
WANDERS = st.lists(st.tuples(st.integers(0, 3), st.integers(1, 12)), min_size=3, max_size=9).map(
    lambda stays: wandering(
        [bits for bits, seconds in stays for _ in range(seconds)],
        heart_rate=(90, 91),
        spo2=(97, 95),
    )
)


@QUICKLY
@given(WANDERS)
def test_a_refresh_shows_the_scores_of_what_is_measured_now(arrivals: list[Arrival]) -> None:
    assert tell(arrivals, stored=True).decisions == tell(arrivals).decisions


def test_a_score_comes_back_with_its_value() -> None:
    shown = [*[0] * 10, *[2] * 10, *[0] * 10]
    said = tell(wandering(shown, heart_rate=(80, 80), spo2=(97, 95))).decisions
    found = [next(s.low for s in d.scores if s.name == "news2") for d in said if not d.changed]
    assert found == sorted(found[:3]) + sorted(found[3:], reverse=True)
    assert set(found) == {0, 1}
    assert found[-1] == 0


@QUICKLY
@given(EVERYTHING)
def test_decisions_are_numbered_from_one_and_their_ids_follow_from_the_number(
    arrivals: list[Arrival],
) -> None:
    decisions = tell(arrivals).decisions
    assert decisions == tell(arrivals).decisions
    assert [d.number for d in decisions] == list(range(1, len(decisions) + 1))
    assert [d.event_id for d in decisions] == [
        derived_id("decision", "E-1", d.number) for d in decisions
    ]


@QUICKLY
@given(EVERYTHING)
def test_a_mere_refresh_comes_at_most_every_five_seconds(arrivals: list[Arrival]) -> None:
    decisions = tell(arrivals).decisions
    for before, after in pairwise(decisions):
        assert after.changed or after.occurred_at - before.occurred_at >= REFRESH


@QUICKLY
@given(EVERYTHING)
def test_nothing_new_is_held_back(arrivals: list[Arrival]) -> None:
    """After each event that counts, the last decision says what the picture says, and is fresh."""
    state, last = State(picture=Picture(encounter_id="E-1")), None
    for arrival in arrivals:
        now, before = at(arrival.learned), state
        state, out = step(state, arrival.event, now, RULES)
        last = out[0] if out else last
        if state is before:
            continue
        assert isinstance(last, TriageDecided)
        if now - last.occurred_at < DUE:  # by time alone, no later than the refresh
            continue
        found = look(state.picture, EDITION, now).assessment
        assert (last.current, last.missing) == (found.current, found.missing)
        assert not state.picture.pending


# -- the moments at which a decision goes out -----------------------------------------------------


def times_of_decisions(arrivals: Sequence[Arrival]) -> list[float]:
    return [(d.occurred_at - BEGIN).total_seconds() for d in tell(arrivals).decisions]


def test_a_steady_monitor_is_told_of_every_six_or_seven_seconds_and_every_sample_is_named() -> None:
    arrivals = [Arrival(streamed(n, n, heart_rate=80), n) for n in range(60)]
    told, times = tell(arrivals), times_of_decisions(arrivals)
    gaps = {later - before for before, later in pairwise(times)}
    assert gaps == {6, 7}
    assert [d.changed for d in told.decisions] == [True] + [False] * (len(times) - 1)
    named = [name for d in told.decisions for name in d.folded]
    assert [*named, *told.picture.pending] == [f"e-{n}" for n in range(60)]


def test_the_refresh_comes_after_five_seconds_and_not_a_moment_earlier() -> None:
    first = Arrival(streamed(0, 0, heart_rate=80), 0)
    assert times_of_decisions([first, Arrival(streamed(1, 4.9, heart_rate=80), 4.999)]) == [0]
    assert times_of_decisions([first, Arrival(streamed(1, 6.5, heart_rate=80), 6.5)]) == [0, 6.5]


def test_patients_whose_monitors_speak_together_are_not_told_anew_together_for_ever() -> None:
    """As they would be after an outage that kept all of them waiting."""
    due = Counter[int]()
    for patient in range(200):
        at, number = 0, 1
        while at < 120:
            at += ceil(REFRESH_S + spread(f"M-{patient}", number))  # a sample each second
            number += 1
            due[at] += 1
    assert due[6] > 100
    assert max(due[n] for n in range(100, 120)) < 60, "evenly told it would be 32"


def test_a_change_goes_out_at_once_and_the_next_refresh_five_seconds_after_it() -> None:
    values = [80, 80, *[190] * 9]
    arrivals = [Arrival(streamed(n, n, heart_rate=v), n) for n, v in enumerate(values)]
    assert times_of_decisions(arrivals) in ([0, 3, 9], [0, 3, 10])


def test_a_fall_of_the_current_level_goes_out_at_once() -> None:
    values = [190, 190, 80, 80]
    arrivals = [Arrival(streamed(n, n, heart_rate=v), n) for n, v in enumerate(values)]
    assert [d.current.value for d in tell(arrivals).decisions] == ["not_yet", "critical", "not_yet"]


def test_a_value_that_is_no_longer_missing_goes_out_at_once() -> None:
    arrivals = [
        Arrival(streamed(0, 0, heart_rate=80), 0),
        Arrival(streamed(1, 1, spo2=98), 1),
        Arrival(streamed(2, 2, spo2=98), 2),
    ]
    assert times_of_decisions(arrivals) == [0, 1]


def test_whatever_a_human_does_goes_out_at_once() -> None:
    given_ = [
        Arrival(reading(0, 0, **WELL), 0),
        Arrival(reading(1, 1, **WELL), 1),
        Arrival(made(TreatmentGiven, 2, 2, treatment="oxygen"), 2),
        Arrival(made(FindingRecorded, 3, 3, finding="diaphoresis", present=False), 3),
    ]
    assert times_of_decisions(given_) == [0, 1, 2, 3]
    assert all(d.changed for d in tell(given_).decisions)


def test_what_is_not_for_triage_changes_nothing() -> None:
    told = tell([Arrival(made(DeviceAttached, 0, 0, device_id="M-1"), 0)])
    assert told == Told(State(picture=Picture(encounter_id="E-1")), [])


def test_a_patient_nobody_knew_of_begins_with_the_first_event() -> None:
    state, decisions = step(None, reading(0, 0, heart_rate=39), at(0), RULES)
    assert state.picture.encounter_id == "E-1"
    assert [getattr(d, "worst", None) for d in decisions] == [TriageLevel.CRITICAL]


def test_what_was_sent_long_ago_is_named_in_the_next_refresh() -> None:
    arrivals = [
        Arrival(streamed(0, 600, heart_rate=80), 600),
        Arrival(streamed(1, 2, heart_rate=190), 601),
        Arrival(streamed(2, 607, heart_rate=80), 607),
    ]
    assert [d.folded for d in tell(arrivals).decisions] == [("e-0",), ("e-1", "e-2")]


def test_a_child_is_folded_too_though_no_protocol_fits() -> None:
    child = made(EncounterOpened, 0, 0, patient=Patient(age=Age(years=6)))
    late = Arrival(streamed(1, 1, heart_rate=190), 121)
    too_late = Arrival(streamed(2, 1, heart_rate=191), 121.001)
    told = tell([Arrival(child, 0), late, too_late])
    assert [s.value for s in told.picture.streams["heart_rate"]] == [190]
    assert told.folded == ["e-1", "e-2"]


# -- scores ---------------------------------------------------------------------------------------


def test_a_ratio_says_how_old_the_value_beside_it_is_and_ends_with_it() -> None:
    """A slow heart beside the pressure of long ago would look like no shock at all."""

    def shown(minutes: float) -> list[str]:
        then = [Arrival(streamed(n, minutes * 60 + n, heart_rate=36), minutes * 60 + n)
                for n in (1, 2)]  # fmt: skip
        told = tell([Arrival(reading(0, 0, heart_rate=88, systolic_bp=134), 0), *then])
        scores = told.decisions[-1].scores
        return [score.text.en for score in scores if score.name == "shock_index"]

    assert shown(0) == ["shock index 0.269: below 0.6"]
    assert shown(25) == ["shock index 0.269: below 0.6 (systolic pressure 25 min ago)"]
    good_for = EDITION.frame.good_for("systolic_bp", "reading").total_seconds() / 60
    assert shown(good_for - 1)
    assert not shown(good_for + 1)


# -- what is remembered ---------------------------------------------------------------------------


def test_a_repeat_is_told_although_another_topic_ran_ahead() -> None:
    """Samples are read minutes late, and a reading of now comes in between."""
    sample = streamed(1, 0, heart_rate=88)
    told = tell([Arrival(sample, 1), Arrival(reading(2, 300, pain=1), 301), Arrival(sample, 12)])
    assert told.folded == ["e-1", "e-2"]


def test_what_a_human_said_is_known_again_for_a_day() -> None:
    arrest = made(FindingRecorded, 0, 0, finding="cardiac_arrest", present=True)
    over = made(FindingRecorded, 1, 60, finding="cardiac_arrest", present=False)
    for later in (61, 3600, 86_400):
        told = tell([Arrival(arrest, 0), Arrival(over, 60), Arrival(arrest, later)])
        assert len(told.decisions) == 2
        assert told.decisions[-1].current is TriageLevel.NOT_YET


def test_ids_of_samples_are_forgotten_when_the_sample_alone_is_too_old_to_decide() -> None:
    arrivals = [Arrival(streamed(n, n, heart_rate=80), n) for n in range(1000)]
    boxes = tell(arrivals).picture.memory.boxes
    assert sum(map(len, boxes)) / WIDE <= STALE.total_seconds() * (1 + 1 / BOXES) + 5


def test_a_picture_stays_small() -> None:
    arrivals = [Arrival(streamed(n, n, heart_rate=80, spo2=97), n) for n in range(600)]
    size = len(tell(arrivals).state.model_dump_json(exclude_defaults=True))
    assert size < 20_000


# -- what the decision tells ----------------------------------------------------------------------


def test_after_a_gap_a_decision_names_at_most_five_hundred_events() -> None:
    told = tell([Arrival(streamed(n, n / 1000, heart_rate=80), 2) for n in range(1200)])
    assert [len(d.folded) for d in told.decisions[1:3]] == [500, 500]


def test_a_decision_names_its_inputs_with_their_times_and_where_they_come_from() -> None:
    arrivals = [
        Arrival(reading(0, 0, systolic_bp=120, temperature="unmeasurable"), 1),
        Arrival(streamed(1, 2, heart_rate=80), 3),
        Arrival(reading(2, 2.5, gcs_eye=4, on_oxygen=True), 4),
    ]
    inputs = tell(arrivals).decisions[-1].inputs
    assert [(i.name, i.value, i.occurred_at, i.method) for i in inputs] == [
        ("gcs_eye", 4, at(2.5), "reading"),
        ("heart_rate", 80, at(2), "streamed"),
        ("on_oxygen", "yes", at(2.5), "reading"),
        ("systolic_bp", 120, at(0), "reading"),
        ("temperature", "unmeasurable", at(0), "reading"),
    ]


def test_a_reason_tells_the_value_the_band_and_the_source_in_both_languages() -> None:
    (reason,) = tell([Arrival(reading(0, 0, heart_rate=39), 0)]).decisions[-1].reasons
    assert (reason.text.zh, reason.text.en) == (
        "心率 39 /min（< 40）",
        "heart rate 39 /min (< 40)",
    )
    assert (reason.source, reason.evidence) == ("CONS2018", "V2")
    assert reason.band == Span(name="heart_rate", low=None, high=40)


def test_reasons_without_a_number_speak_both_languages_too() -> None:
    said = reading(0, 0, consciousness="P", systolic_bp="unmeasurable")
    arrest = made(FindingRecorded, 1, 1, finding="cardiac_arrest", present=True)
    last = tell([Arrival(said, 0), Arrival(arrest, 1)]).decisions[-1]
    assert [(r.rule, r.text.zh, r.text.en, r.source, r.evidence) for r in last.reasons] == [
        (
            "systolic_bp.unmeasurable",
            "收缩压 测不出",
            "systolic pressure unmeasurable",
            "design",
            "design",
        ),
        (
            "consciousness.P",
            "意识 P（仅疼痛刺激反应）",
            "consciousness P (reacts to pain alone)",
            "CONS2018",
            "V2",
        ),
        ("cardiac_arrest", "心搏呼吸停止", "cardiac or respiratory arrest", "CONS2018", "V2"),
    ]
    assert [r.band for r in last.reasons] == [None, None, None]


def test_a_decision_carries_the_time_of_the_record_that_completed_it() -> None:
    (decision,) = tell([Arrival(reading(0, 2, heart_rate=39), 7)]).decisions
    assert decision.occurred_at == decision.recorded_at == at(7)


@pytest.mark.parametrize("known", [True, False])
def test_when_triage_of_a_patient_stops_the_last_level_stands(known: bool) -> None:
    state = tell([Arrival(reading(0, 0, heart_rate=39), 0)]).state if known else None
    event = reading(1, 1, heart_rate=80)
    (said,) = paused(state, Received("E-1", event, at(2), record=None))
    assert said.model_dump(include={"encounter_id", "worst"}) == {
        "encounter_id": "E-1",
        "worst": TriageLevel.CRITICAL if known else TriageLevel.NOT_YET,
    }
    assert said.event_id == derived_id("paused", "E-1", "e-1")


def _way(decision: TriageDecided, centre: str) -> object:
    return next(c.direct_to for c in decision.centres if c.centre == centre)


def test_while_an_arrest_runs_no_way_past_the_resuscitation_room_is_proposed() -> None:
    def said(second: int, name: str, present: bool) -> Arrival:
        event = made(FindingRecorded, second, second, finding=name, present=present)
        return Arrival(event, second)

    face, arrest = said(0, "facial_droop", True), said(10, "cardiac_arrest", True)
    told = tell([face, arrest]).decisions
    assert [_way(each, "stroke") for each in told] == ["ct", None]
    # What is found elsewhere while it runs changes nothing.
    told = tell([face, arrest, said(20, "arm_drift", True)]).decisions
    assert _way(told[-1], "stroke") is None
    # It is over when somebody says so, or that circulation is restored; and may begin anew.
    told = tell([face, arrest, said(20, "cardiac_arrest", False)]).decisions
    assert _way(told[-1], "stroke") == "ct"
    back, again = said(20, "rosc", True), said(30, "cardiac_arrest", True)
    told = tell([face, arrest, back, again]).decisions
    assert [_way(each, "stroke") for each in told[1:]] == [None, "ct", None]
    assert _way(told[-1], "emergency") is None


def test_an_arrest_that_runs_stands_before_a_saturation_of_zero() -> None:
    values = Arrival(reading(0, 0, spo2=0), 0)
    arrest = made(FindingRecorded, 1, 1, finding="cardiac_arrest", present=True)
    last = tell([values, Arrival(arrest, 1)]).decisions[-1]
    rules = [reason.rule for reason in last.reasons]
    assert rules[0] == "cardiac_arrest"
    assert rules[1].startswith("spo2.")
