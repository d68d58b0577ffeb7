"""Laws of triage: what a worse value, a missing one, a repeat and a correction do to a level."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise, product
from typing import Any, TypeAlias

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.clinical import (
    FindingRecorded,
    LevelOverridden,
    ObservationReattributed,
    ObservationRetracted,
    VitalSigns,
    VitalSignsRecorded,
)
from schemas.encounter import Age, Complaint, EncounterOpened, Patient
from schemas.event import Event
from schemas.triage import Activation, Centre, TriageDecided, TriageLevel
from services.triage import decide
from services.triage.decide import State, step
from services.triage.loader import active
from services.triage.protocol import Indicator, Protocol

BEGIN = datetime(2026, 3, 1, 8, tzinfo=UTC)
RULES = active()
EDITION = RULES.at(BEGIN)
OFTEN = settings(deadline=None, max_examples=100)
LOUDNESS = {Activation.NOTICE: 1, Activation.ALERT: 2, Activation.ACTIVATE: 3}
#: Between which values an instrument measures: what lies beyond cannot be true.
INSTRUMENTS = VitalSigns.model_json_schema()["properties"]


def at(second: float) -> datetime:
    return BEGIN + timedelta(seconds=second)


def made(kind: type[Event], number: int, second: float, **more: Any) -> Event:
    common = {"event_id": f"e-{number}", "encounter_id": "E-1", "occurred_at": at(second)}
    return kind.model_validate({**common, **more})


def opened(patient: Patient) -> Event:
    return made(EncounterOpened, 0, 0, patient=patient)


def reading(number: int, second: float, vitals: Mapping[str, Any]) -> Event:
    return made(VitalSignsRecorded, number, second, method="reading", vitals=vitals)


def streamed(number: int, second: float, vitals: Mapping[str, Any]) -> Event:
    return made(
        VitalSignsRecorded, number, second, method="streamed", vitals=vitals, device_id="M-1"
    )


def tell(events: Sequence[tuple[Event, float]]) -> list[TriageDecided]:
    """The decisions on events, each with the second at which it is learned."""
    state, decisions = None, list[TriageDecided]()
    for event, learned in events:
        state, out = step(state, event, at(learned), RULES)
        decisions += [said for said in out if isinstance(said, TriageDecided)]
    return decisions


def last(*events: Event) -> TriageDecided:
    """The last decision, when all is learned as it happens."""
    told = tell([(event, (event.occurred_at - BEGIN).total_seconds()) for event in events])
    return told[-1]


def patient_of(protocol: Protocol) -> Patient:
    """Somebody to whom a protocol applies."""
    years = protocol.ages.from_ + 0.001
    if protocol.obstetric:
        return Patient(age=Age(years=30), pregnant="yes")
    return Patient(age=Age(years=years))


# -- a worse value --------------------------------------------------------------------------------


def samples_of(name: str, indicator: Indicator) -> list[float]:
    """Values in every band, at its ends and within."""
    low, high = (float(INSTRUMENTS[name][end]) for end in ("minimum", "maximum"))
    edges = [end for end in indicator.ends if low < end < high]
    found = {low, high, *edges, *(edge - 0.05 for edge in edges), *(edge + 0.05 for edge in edges)}
    return sorted(value for value in found if low <= value <= high)


def indicators() -> Iterator[Any]:
    for protocol in EDITION.protocols:
        for name in protocol.indicators:
            if name in EDITION.frame.vitals:
                yield pytest.param(protocol, name, id=f"{protocol.protocol} {name}")


@pytest.mark.parametrize(("protocol", "name"), list(indicators()))
def test_a_worse_value_never_lowers(protocol: Protocol, name: str) -> None:
    """Alone, and beside any other value: the worse it is by its own bands, the worse the level."""
    indicator, patient = protocol.indicators[name], patient_of(protocol)
    levels = {
        value: last(opened(patient), reading(1, 1, {name: value})).worst.urgency
        for value in samples_of(name, indicator)
    }
    for one, other in product(levels, repeat=2):
        if indicator.urgency(one) <= indicator.urgency(other):
            assert max(levels[one], 1) <= max(levels[other], 1), (one, other)


ADULT = next(p for p in EDITION.protocols if p.protocol == "adult")
NAMES = [n for n in ADULT.indicators if n in EDITION.frame.vitals]


@st.composite
def values(draw: st.DrawFn, names: Sequence[str] = NAMES) -> dict[str, float]:
    chosen = draw(st.lists(st.sampled_from(names), unique=True, min_size=1))
    return {
        name: draw(st.sampled_from(samples_of(name, ADULT.indicators[name]))) for name in chosen
    }


@OFTEN
@given(values(), st.data())
def test_beside_others_too_a_worse_value_never_lowers(
    vitals: dict[str, float], data: st.DataObject
) -> None:
    name = data.draw(st.sampled_from(sorted(vitals)))
    indicator = ADULT.indicators[name]
    worse = [
        value
        for value in samples_of(name, indicator)
        if indicator.urgency(value) >= indicator.urgency(vitals[name])
    ]
    other = {**vitals, name: data.draw(st.sampled_from(worse))}
    before, after = last(reading(1, 1, vitals)), last(reading(1, 1, other))
    assert before.worst.urgency <= after.worst.urgency


@OFTEN
@given(
    st.lists(st.sampled_from(samples_of("heart_rate", ADULT.indicators["heart_rate"])), min_size=3,
             max_size=3), st.integers(0, 2), st.data(),
)  # fmt: skip
def test_in_a_stream_too_a_worse_sample_never_lowers(
    rates: list[float], place: int, data: st.DataObject
) -> None:
    rates = [max(rate, 1.0) for rate in rates]  # a 0 of a monitor is no value
    indicator = ADULT.indicators["heart_rate"]
    worse = [
        value
        for value in samples_of("heart_rate", indicator)
        if value and indicator.urgency(value) >= indicator.urgency(rates[place])
    ]
    other = [*rates]
    other[place] = data.draw(st.sampled_from(worse))
    told = [
        last(*(streamed(n, n, {"heart_rate": rate}) for n, rate in enumerate(each)))
        for each in (rates, other)
    ]
    assert max(told[0].current.urgency, 1) <= max(told[1].current.urgency, 1)


@OFTEN
@given(st.floats(40, 200), st.floats(40, 200), st.floats(0, 60), st.floats(0, 60))
def test_of_a_ratio_a_faster_heart_or_a_lower_pressure_never_quietens_a_centre(
    heart: float, pressure: float, faster: float, lower: float
) -> None:
    """Heart rate against pressure: in an injured patient, and in a woman in pregnancy."""
    for patient, centre in (
        (Patient(age=Age(years=40), complaint=Complaint.TRAUMA), Centre.TRAUMA),
        (Patient(age=Age(years=30), pregnant="yes"), Centre.MATERNAL),
    ):
        index = heart / pressure, (heart + faster) / max(pressure - lower, 1)
        loud = []
        for rate, systolic in (
            (heart, pressure),
            (heart + faster, max(pressure - lower, 1)),
        ):
            told = last(
                opened(patient), reading(1, 1, {"heart_rate": rate, "systolic_bp": systolic})
            )
            loud.append(max(_ratio_loudness(told, centre), 0))
        assert index[0] <= index[1]
        assert loud[0] <= loud[1]


def _ratio_loudness(told: TriageDecided, centre: Centre) -> int:
    """How loud the rules are that ask for the ratio, by what the score says."""
    wanted = 1.0 if centre is Centre.TRAUMA else 0.9
    shown = {score.name: score.low for score in told.scores}
    index = shown.get("shock_index") or shown.get("obstetric_shock_index") or 0.0
    found = next((c for c in told.centres if c.centre is centre), None)
    return LOUDNESS[found.activation] if found and index > wanted else 0


def test_a_pressure_of_next_to_nothing_stops_nobody() -> None:
    vitals = {"heart_rate": 80, "systolic_bp": 5e-324}
    told = last(opened(patient_of(ADULT)), reading(1, 1, vitals))
    assert told.worst is TriageLevel.CRITICAL


# -- a missing value ------------------------------------------------------------------------------


@OFTEN
@given(values(), st.data())
def test_leaving_a_value_out_never_lowers_and_never_raises_by_itself(
    vitals: dict[str, float], data: st.DataObject
) -> None:
    """What is left decides: another reason as urgent keeps the level, none makes it higher, and
    what is missing is never taken for normal."""
    gone = data.draw(st.sampled_from(sorted(vitals)))
    rest = {name: value for name, value in vitals.items() if name != gone}
    whole = last(reading(1, 1, vitals))
    if not rest:
        return
    part = last(reading(1, 1, rest))
    others = [r for r in whole.reasons if not r.rule.startswith(f"{gone}.")]
    assert [r.rule for r in part.reasons] == [r.rule for r in others]
    assert part.current.urgency <= whole.current.urgency
    if others:
        assert part.current is others[0].level
    else:
        assert part.current in (TriageLevel.NOT_YET, whole.current)


def test_values_that_stop_coming_never_lower() -> None:
    """A monitor that falls silent leaves the level where it was, and what it showed turns old."""
    told = tell(
        [
            (opened(Patient()), 0),
            *((streamed(n, n, {"heart_rate": 190}), n) for n in (1, 2, 3)),
            (made(FindingRecorded, 9, 600, finding="diaphoresis", present=True), 600),
        ]
    )
    assert [d.worst for d in told[-2:]] == [TriageLevel.CRITICAL] * 2
    assert told[-1].current is TriageLevel.CRITICAL
    assert [r.marks for r in told[-1].reasons] == [("stale",)]


# -- what may take a level down -------------------------------------------------------------------

ACTS = st.one_of(
    st.tuples(st.just("reading"), values(["heart_rate", "systolic_bp", "pain"])),
    st.tuples(st.just("streamed"), values(["heart_rate", "spo2"])),
    st.tuples(st.just("finding"), st.tuples(st.sampled_from(["shock", "stupor"]), st.booleans())),
    st.tuples(st.just("level"), st.sampled_from(["critical", "urgent", "non_urgent"])),
)  # fmt: skip
#: What an act is called where it is taken back.
TAKEN_AS = {"reading": "vitals", "finding": "finding"}
LOWERING = (LevelOverridden, ObservationRetracted, ObservationReattributed)


def event_of(number: int, second: float, act: tuple[str, Any]) -> Event:
    kind, said = act
    match kind:
        case "reading":
            return reading(number, second, said)
        case "streamed":
            return streamed(number, second, {n: max(v, 1.0) for n, v in said.items()})
        case "finding":
            return made(FindingRecorded, number, second, finding=said[0], present=said[1])
        case "level":
            told = {"level": said, "reason": "seen", "overridden_by": "c", "role": "crew"}
            return made(LevelOverridden, number, second, **told)
        case "retracted":
            gone = {"observation": said[0], "observation_id": f"e-{said[1]}", "reason": "artefact"}
            return made(ObservationRetracted, number, second, **gone, retracted_by="c")
    stretch = {"since": at(said[0]), "until": at(said[0] + said[1])}
    return made(
        ObservationReattributed, number, second, device_id="M-1", **stretch, reported_by="c"
    )


Act: TypeAlias = tuple[tuple[str, Any], float]


@st.composite
def histories(draw: st.DrawFn) -> list[Act]:
    """Acts, each with the pause before it. What is taken back was mostly said, and a monitor goes
    on as it began: by chance alone no level would rest on what is taken back."""
    acts: list[Act] = []
    second, said, streams = 0.0, list[tuple[str, int]](), list[tuple[float, Any]]()
    for number in range(1, draw(st.integers(1, 24)) + 1):
        pause = draw(st.sampled_from([0.5, 1.0, 4.0, 6.0]))
        second += pause
        turn = draw(st.sampled_from(["new", "new", "goes on", "retracted", "reattributed"]))
        act: tuple[str, Any] = draw(ACTS)
        if turn == "retracted":
            known = st.sampled_from(said) if said else st.nothing()
            anything = st.tuples(st.sampled_from(["vitals", "finding"]), st.integers(1, 24))
            act = turn, draw(known | known | anything)
        elif turn == "reattributed":
            since = st.sampled_from([at for at, _ in streams]) if streams else st.floats(0, 40)
            act = turn, (draw(since), draw(st.sampled_from([1.0, 5.0, 40.0])))
        elif turn == "goes on" and streams:
            act = "streamed", streams[-1][1]
        if act[0] in TAKEN_AS:
            said.append((TAKEN_AS[act[0]], number))
        if act[0] == "streamed":
            streams.append((second, act[1]))
        acts.append((act, pause))
    return acts


def history(acts: Sequence[Act]) -> list[tuple[Event, float]]:
    second, events = 0.0, []
    for number, (act, pause) in enumerate(acts, 1):
        second += pause
        events.append((event_of(number, second, act), second))
    return events


def test_the_worst_falls_by_a_clinician_or_by_what_is_taken_back_and_says_so() -> None:
    """And falls in each of these ways: a law of what never happens says nothing."""
    falls = Counter[type[Event]]()

    @OFTEN
    @given(histories())
    def law(acts: list[Act]) -> None:
        events = history(acts)
        by_id = {event.event_id: event for event, _ in events}
        for before, after in pairwise(tell(events)):
            if after.worst.urgency >= before.worst.urgency:
                continue
            cause = by_id[after.cause or ""]
            assert isinstance(cause, LOWERING)
            assert isinstance(cause, LevelOverridden) or after.taken_back
            falls[type(cause)] += 1

    law()
    assert falls.keys() == set(LOWERING)


@OFTEN
@given(histories())
def test_the_quick_way_says_what_the_long_way_says(acts: list[Act]) -> None:
    """A sample that lies where others lay is not asked about; were it, nothing would differ."""
    quick = tell(history(acts))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(decide, "_room", lambda *_: None)
        assert tell(history(acts)) == quick


@st.composite
def quiet(draw: st.DrawFn) -> list[tuple[str, Any]]:
    """Stretches in which nothing happens but for a sample that lies elsewhere now and then, and
    moments in which something does."""
    acts: list[tuple[str, Any]] = []
    for _ in range(draw(st.integers(1, 4))):
        acts.append(draw(st.sampled_from([
            ("reading", {"temperature": 36.8, "pain": 2.0}),
            ("finding", ("shock", False)),
            ("streamed", {"heart_rate": 102.0}),
            ("streamed", {"systolic_bp": 84.0}),
        ])))  # fmt: skip
        heart, spo2 = draw(st.sampled_from([80.0, 102.0])), draw(st.sampled_from([97.0, 94.0]))
        elsewhere = st.sampled_from([*[0.0] * 6, -45.0, 35.0])
        for n, strays in enumerate(draw(st.lists(elsewhere, min_size=1, max_size=24))):
            acts.append(("streamed", {"heart_rate": heart + n % 3 + strays, "spo2": spo2}))
    return acts


@settings(deadline=None, max_examples=200)
@given(quiet(), st.sampled_from([1.0, 6.0, 8.0, 20.0]))
def test_a_quiet_patient_too_is_told_of_as_if_everything_were_asked_each_time(
    acts: list[tuple[str, Any]], pause: float
) -> None:
    events = history([(act, pause) for act in acts])
    quick = tell(events)
    assert [decision.number for decision in quick] == list(range(1, len(quick) + 1))
    assert len({decision.event_id for decision in quick}) == len(quick)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(decide, "_room", lambda *_: None)
        assert tell(events) == quick


@OFTEN
@given(histories(), st.data())
def test_redelivery_changes_nothing(acts: list[Act], data: st.DataObject) -> None:
    """At once or much later, whatever has happened since."""
    events = history(acts)
    places = st.sampled_from(range(len(events)))
    again = data.draw(st.lists(st.tuples(places, places), max_size=6))
    repeats = defaultdict[int, list[Event]](list)
    for one, other in again:
        repeats[max(one, other)].append(events[min(one, other)][0])
    doubled = [
        (each, learned)
        for place, (event, learned) in enumerate(events)
        for each in (event, *repeats[place])
    ]
    assert tell(doubled) == tell(events)


def test_a_state_is_what_is_stored() -> None:
    """What is kept for speed alone is not."""
    state, _ = step(None, reading(1, 1, {"heart_rate": 80}), at(1), RULES)
    assert State.model_validate_json(state.model_dump_json(exclude_defaults=True)) == state.but(
        last=None, room=None
    )
