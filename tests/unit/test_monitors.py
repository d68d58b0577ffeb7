"""Which monitor speaks for which patient, in whatever order one hears of them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.clinical import VitalSigns, VitalSignsRecorded
from schemas.encounter import (
    DeviceAttached,
    DeviceDetached,
    EncounterEnded,
    EncounterOpened,
    Outcome,
    Patient,
    PatientReached,
)
from schemas.event import Event
from services.dispatch.monitors import Monitors

BEGIN = datetime(2026, 3, 1, 8, tzinfo=UTC)


def at(second: float) -> datetime:
    return BEGIN + timedelta(seconds=second)


def attached(who: str, second: float, device: str = "M-1", name: str = "") -> DeviceAttached:
    event_id = name or f"attached-{who}-{device}-{second}"
    return DeviceAttached(
        event_id=event_id, occurred_at=at(second), encounter_id=who, device_id=device
    )


def detached(who: str, second: float, device: str = "M-1") -> DeviceDetached:
    event_id = f"detached-{who}-{device}-{second}"
    return DeviceDetached(
        event_id=event_id, occurred_at=at(second), encounter_id=who, device_id=device
    )


def ended(who: str, second: float) -> EncounterEnded:
    return EncounterEnded(
        event_id=f"ended-{who}",
        occurred_at=at(second),
        encounter_id=who,
        outcome=Outcome.TRANSPORTED,
    )


def holders(events: Sequence[Event], *seconds: float, device: str = "M-1") -> list[str | None]:
    monitors = Monitors()
    for event in events:
        monitors.take(event)
    return [monitors.holder(device, at(second)) for second in seconds]


def test_a_sample_belongs_to_whoever_has_the_device_at_its_time() -> None:
    way = [attached("A", 100), detached("A", 200), attached("B", 300), ended("B", 400)]
    assert holders(way, 99.9, 100, 199.9, 200, 250, 300, 399.9, 400) == [
        "A", "A", "A", None, None, "B", "B", None,
    ]  # fmt: skip


def test_a_monitor_may_run_a_moment_before_somebody_says_it_is_attached() -> None:
    assert holders([attached("A", 100)], 95, 94.9) == ["A", None]


def test_the_moment_before_belongs_to_whoever_still_has_the_device() -> None:
    assert holders([attached("A", 100), attached("B", 200)], 199.9, 200) == ["A", "B"]


def test_a_device_that_goes_to_the_next_patient_leaves_the_one_before() -> None:
    way = [attached("A", 100), attached("B", 200)]
    assert holders(way, 150, 250) == ["A", "B"]
    assert holders([*way, detached("B", 300)], 350) == [None]


def test_an_attachment_told_late_holds_until_the_next_one_that_is_known() -> None:
    assert holders([attached("B", 200), attached("A", 100)], 150, 250) == ["A", "B"]


def test_a_detachment_told_after_the_next_patient_has_the_device_still_counts() -> None:
    way = [attached("A", 100), attached("B", 300), detached("A", 200)]
    assert holders(way, 150, 250, 350) == ["A", None, "B"]


def test_a_device_that_comes_back_to_a_patient_is_theirs_again() -> None:
    way = [attached("A", 100), attached("B", 200), attached("A", 300)]
    assert holders(way, 150, 250, 350) == ["A", "B", "A"]


def test_the_same_event_again_changes_nothing() -> None:
    first = [attached("A", 100), detached("A", 200)]
    assert holders([*first, attached("A", 300), *first], 150, 250, 350) == ["A", None, "A"]
    assert holders([*first, first[0]], 150, 250) == ["A", None]
    assert holders([attached("A", 1), ended("A", 9), ended("A", 9)], 5, 10) == ["A", None]


def test_the_same_id_at_another_patient_is_another_act() -> None:
    """Senders number for themselves; an id may stand for an act on each of two patients."""
    events = [attached("E-1", 0, name="attach-1"), attached("E-2", 60, name="attach-1")]
    assert holders(events, 30, 90) == ["E-1", "E-2"]


def test_the_end_of_an_encounter_takes_off_every_device_of_it() -> None:
    way = [attached("A", 100, "M-1"), attached("A", 100, "M-2"), ended("A", 200)]
    for device in ("M-1", "M-2"):
        assert holders(way, 150, 250, device=device) == ["A", None]


def test_an_end_does_not_touch_the_device_that_is_on_somebody_else_by_now() -> None:
    assert holders([attached("A", 100), attached("B", 200), ended("A", 300)], 350) == ["B"]


def test_a_device_taken_off_before_it_was_put_on_by_a_clock_that_is_slow_is_off() -> None:
    assert holders([attached("A", 100), detached("A", 98)], 99, 101) == [None, None]


def test_nobody_has_a_device_that_nobody_attached() -> None:
    assert holders([], 100) == [None]
    assert holders([detached("A", 90), attached("A", 95, "M-2")], 100) == [None]


def test_encounters_are_known_from_their_opening_on_with_the_clinic_that_opened_them() -> None:
    monitors = Monitors()
    opened, walked_in = (
        EncounterOpened(
            event_id=f"opened-{who}", occurred_at=at(0), encounter_id=who, patient=Patient(),
            facility_id=clinic,
        )
        for who, clinic in (("E-1", None), ("E-3", "C-001"))
    )  # fmt: skip
    reached = PatientReached(
        event_id="reached", occurred_at=at(9), encounter_id="E-2", unit_id="U-1"
    )
    for event in (opened, opened, reached, walked_in):
        monitors.take(event)
    assert monitors.encounters == {"E-1": None, "E-3": "C-001"}


@st.composite
def ways(draw: st.DrawFn) -> list[list[Event]]:
    """Each patient's events in their order; no two of them at the same moment."""
    seconds = iter(draw(st.permutations(range(0, 300, 20))))
    patients = list[list[Event]]()
    for who in "ABC":
        mine = sorted(next(seconds) for _ in range(draw(st.integers(1, 4))))
        on, off = (lambda s, w=who: attached(w, s)), (lambda s, w=who: detached(w, s))
        patients.append([(on, off)[n % 2](second) for n, second in enumerate(mine)])
    return patients


@settings(deadline=None, max_examples=60)
@given(ways(), st.data())
def test_it_does_not_matter_which_patient_is_heard_of_first(
    patients: list[list[Event]], data: st.DataObject
) -> None:
    everything = [event for way in patients for event in way]
    in_time = sorted(everything, key=lambda event: event.occurred_at)
    turns = data.draw(st.permutations([n for n, way in enumerate(patients) for _ in way]))
    queues = [iter(way) for way in patients]
    mixed = [next(queues[turn]) for turn in turns]
    seconds = range(-10, 320, 5)
    assert holders(mixed, *seconds) == holders(in_time, *seconds)


def sample(who: str, second: float, device: str = "M-1", rate: int = 80) -> VitalSignsRecorded:
    return VitalSignsRecorded(
        event_id=f"{device}-{second}",
        occurred_at=at(second),
        encounter_id=who,
        method="streamed",
        vitals=VitalSigns(heart_rate=rate),
        device_id=device,
    )


def test_what_was_last_heard_is_told_of_the_monitors_that_a_patient_wears_now() -> None:
    known = Monitors()
    for event in (attached("E-1", 0), attached("E-1", 1, "M-2"), attached("E-2", 5, "M-3")):
        known.take(event)
    for heard in (sample("E-1", 9), sample("E-1", 7, rate=60), sample("E-9", 9, "M-2")):
        known.hear(heard)
    first, silent = known.worn("E-1", at(10))
    assert (first.device_id, first.attached_at, first.last) == ("M-1", at(0), sample("E-1", 9))
    assert (silent.device_id, silent.attached_at, silent.last) == ("M-2", at(1), None)
    # It goes on to another, or is taken off: it speaks for this patient no more.
    known.take(attached("E-2", 12))
    known.take(detached("E-1", 13, "M-2"))
    assert known.worn("E-1", at(20)) == []
    assert [each.device_id for each in known.worn("E-2", at(20))] == ["M-1", "M-3"]
    assert known.worn("E-3", at(20)) == []
