"""Who plays comes from the seed: the same seed, the same city, whatever services answer when."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any

import pytest

from schemas.triage import Centre
from simulator import story
from simulator.cast import FIRST, LEFT_S, Cast
from simulator.commands import LIVE
from simulator.realism import FAULTS
from simulator.story import PATIENT, Story, every, told_with
from simulator.tale import Tale

TWO_UNITS = [told.story for told in every() if len(told.units) > 1]


def cast(
    seed: int = 7,
    vehicles: int = 60,
    only: tuple[str, ...] = (),
    begun: int = 0,
    faults: tuple[str, ...] = (),
) -> Cast:
    return Cast(f"{seed}/{begun}", "r", vehicles, only, faults)


async def tales(of: Cast, number: int) -> list[Tale]:
    return [await of.tale() for _ in range(number)]


def told_by(tale: Tale) -> Any:
    """Everything that chance had a say in."""
    vans = {unit: van.vehicle.unit_id for unit, van in tale.vans.items()}
    handles = {name: patient.handle for name, patient in tale.patients.items()}
    return tale.story.story, vans, handles, tale.mission, tale.pace.phase, tale.pace.stretch


async def test_the_same_seed_makes_the_same_city() -> None:
    first, second = await tales(cast(), 25), await tales(cast(), 25)
    assert [told_by(tale) for tale in first] == [told_by(tale) for tale in second]
    assert len({tale.story.story for tale in first}) > 5


@pytest.mark.parametrize("other", [cast(seed=8), cast(begun=1)], ids=["seed", "beginning"])
async def test_another_seed_and_another_beginning_make_another_city(other: Cast) -> None:
    first, second = await tales(cast(), 25), await tales(other, 25)
    assert [tale.story.story for tale in first] != [tale.story.story for tale in second]
    assert [tale.mission for tale in first] != [tale.mission for tale in second]


async def test_slow_tales_are_the_same_for_the_same_seed_too() -> None:
    first, second = cast(), cast()
    one = [told_by(await first.slow_tale()) for _ in range(25)]
    assert one == [told_by(await second.slow_tale()) for _ in range(25)]
    assert len({pace for *_, pace in one}) == 25


async def test_who_waits_for_a_vehicle_changes_nothing_for_those_who_wait_too() -> None:
    """The order in which vehicles come home is the services' doing; all else is the seed's."""
    plenty, scarce = cast(only=("chest_pain",)), cast(only=("chest_pain",), vehicles=1)
    wanted = [told_by(await plenty.slow_tale())[-2:] for _ in range(4)]
    waiting = [asyncio.create_task(scarce.slow_tale()) for _ in range(4)]
    found = []
    for task in waiting:
        tale = await task
        found.append(told_by(tale)[-2:])
        scarce.release(tale)
    assert found == wanted


async def test_each_purpose_has_a_chance_of_its_own() -> None:
    one = cast()
    assert one.rng("calls").random() == cast().rng("calls").random()
    assert one.rng("calls").random() != one.rng("F-001").random()


async def test_stories_that_were_asked_for_go_round() -> None:
    names = ("stroke", "cut_hand", "two_unknown")
    found = [tale.story.story for tale in await tales(cast(only=names), 7)]
    assert found == [*names, *names, "stroke"]


@pytest.mark.parametrize("seed", [1, 7, 8])
async def test_the_first_call_is_always_the_same_story_and_the_others_come_by_chance(
    seed: int,
) -> None:
    one = cast(seed)
    await one.slow_tale()
    found = [(await one.call()).story.story for _ in range(20)]
    assert found[0] == FIRST
    assert set(found[1:]) != {FIRST}


async def test_who_asks_for_stories_gets_them_from_the_first_call_on() -> None:
    one = cast(only=("stroke", "cut_hand"))
    assert [(await one.call()).story.story for _ in range(3)] == ["stroke", "cut_hand", "stroke"]


async def test_a_story_of_what_goes_wrong_is_told_where_it_does_or_is_asked_for() -> None:
    of_faults = {told.story: told.fault for told in every() if told.fault}
    assert of_faults == {"monitors_swapped": "swapped_monitors"}
    assert set(of_faults.values()) <= FAULTS.keys()
    found = {tale.story.story for tale in await tales(cast(vehicles=900), 600)}
    assert found == {told.story for told in every()} - of_faults.keys()
    wrong = cast(vehicles=900, faults=("swapped_monitors",))
    assert {tale.story.story for tale in await tales(wrong, 600)} == {s.story for s in every()}
    (only,) = await tales(cast(only=("monitors_swapped",)), 1)
    assert only.story.story == "monitors_swapped"


@pytest.mark.parametrize("seed", range(5))
async def test_from_the_beginning_there_is_something_in_every_queue(seed: int) -> None:
    one = cast(seed)
    begun = [await one.slow_tale() for _ in range(LIVE)]
    queues: set[Centre] = set()
    for tale in begun:
        story = tale.story
        bound = {
            s.patient for s in story.steps if s.act == "destination" and s.at < tale.pace.phase
        }
        of_story = {PATIENT: next(iter(story.patients))} | {name: name for name in story.patients}
        for name in bound:
            queues.update(story.patients[of_story[name]].centres)
    assert queues >= set(Centre) - {Centre.NEONATAL}, "a child may be born only later"


async def test_there_are_always_vehicles_enough_for_any_story() -> None:
    one = cast(vehicles=1, only=tuple(TWO_UNITS))
    async with asyncio.timeout(1):
        tale = await one.tale()
    assert len(tale.vans) == 2


async def test_a_story_is_told_as_often_as_it_weighs() -> None:
    found = Counter(tale.story.story for tale in await tales(cast(vehicles=900), 600))
    total = sum(told.weight for told in told_with(()))
    for told in told_with(()):
        expected = 600 * told.weight / total
        assert abs(found[told.story] - expected) <= 5 * (expected + 1) ** 0.5


@pytest.mark.parametrize("name", TWO_UNITS)
async def test_a_story_of_two_units_takes_two_vans_and_gives_both_back(name: str) -> None:
    one = cast(only=(name,), vehicles=2)
    tale = await one.tale()
    assert list(tale.vans) == list(tale.story.units)
    assert {van.vehicle.unit_id for van in tale.vans.values()} == {"U-0001", "U-0002"}
    assert all(van.tale is tale and van.role == unit for unit, van in tale.vans.items())
    assert all(van.free_since == 0.0 for van in tale.vans.values())
    waiting = asyncio.create_task(one.tale())
    await asyncio.sleep(0)
    assert not waiting.done()
    one.release(tale)
    again = await asyncio.wait_for(waiting, 0.1)
    assert set(again.vans.values()) == set(tale.vans.values())
    assert all(van.free_since > 0 for van in again.vans.values())


async def test_two_who_need_two_vans_each_do_not_wait_for_each_other() -> None:
    names = ("chest_pain", "stroke", "second_patient", "two_transfers")
    one = cast(only=names, vehicles=2)
    before = await tales(one, 2)
    waiting = [asyncio.create_task(one.tale()) for _ in range(2)]
    for tale in before:  # one vehicle comes home after the other
        await asyncio.sleep(0)
        one.release(tale)
        await asyncio.sleep(0)
    second = await asyncio.wait_for(waiting[0], 0.1)
    assert not waiting[1].done()
    one.release(second)
    assert len((await asyncio.wait_for(waiting[1], 0.1)).vans) == 2


async def test_every_patient_has_a_handle_of_their_own() -> None:
    handles = [p.handle for tale in await tales(cast(), 25) for p in tale.patients.values()]
    assert len(set(handles)) == len(handles) > 25
    assert all(handle.startswith("r-") and "." not in handle for handle in handles)


async def test_a_mission_begins_at_the_station_of_the_first_unit_or_at_its_clinic() -> None:
    for tale in await tales(cast(only=("second_patient", "township_walk_in")), 10):
        walked_in = tale.story.story == "township_walk_in"
        assert (tale.mission.scene == tale.mission.clinic.point) == walked_in


@pytest.mark.parametrize("told", every(), ids=lambda told: told.story)
async def test_a_slow_tale_is_begun_in_its_midst(told: Story) -> None:
    one = cast(only=(told.story,), vehicles=40)
    first = min((holds[0].at for holds in told.streamed.values()), default=0)
    ends = [s.at for s in told.steps if s.act in {"transfer", "outcome"}]
    for _ in range(10):
        pace = (await one.slow_tale()).pace
        assert first + 1 <= pace.phase
        assert pace.phase <= max(max(ends) - LEFT_S, first + 1, told.duration / 3 + 1)
        assert pace.phase < max(ends)
        mended = [s.at for s in told.steps if s.act == "reattribution"]
        assert pace.phase < min(mended, default=told.duration), "what is set right is lived through"
        assert story.SLOW_S[0] <= pace.stretch * told.duration <= story.SLOW_S[1]
