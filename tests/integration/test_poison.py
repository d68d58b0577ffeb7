"""What cannot be handled is kept where it can be found, and everything else goes on."""

from __future__ import annotations

import signal
from functools import partial
from pathlib import Path

import httpx
import pytest

from schemas.envelope import Message
from schemas.triage import TriagePaused
from services.kit.admin import apply_broker
from services.kit.dead_letters import Limits
from services.kit.tokens import SigningKey
from tests.bench import Bench, bench
from tests.crashes import QUICKLY
from tests.platform import Platform
from tests.services import Service, running, until


@pytest.fixture
def triage(platform: Platform, tmp_path: Path) -> Service:
    return Service("triage", platform, tmp_path, SigningKey(), extra=QUICKLY)


def spoilt(encounter: str, source: str) -> Message:
    headers = [("ce_type", b"greenchannel.VitalSignsRecorded.v1"), ("ce_source", source.encode())]
    return Message("ambulance-vitals", encounter.encode(), b'{"heart_rate": 38, \xff', headers)


def letters(of: Bench, encounter: str) -> list[tuple[Message, str, str]]:
    """The dead letters of an encounter: what it was, the kind and the reason."""
    found = []
    for record in of.ledger.dead["triage"]:
        if record.key == encounter.encode():
            told = {n: raw.decode() for n, raw in record.headers if n.startswith("dead_")}
            headers = [(n, raw) for n, raw in record.headers if not n.startswith("dead_")]
            was = Message(told["dead_topic"], record.key, record.value, headers)
            found.append((was, told["dead_kind"], told["dead_reason"]))
    return found


async def test_what_cannot_be_read_is_set_down_as_it_came_and_the_next_flows(
    platform: Platform, triage: Service
) -> None:
    async with bench(platform) as at, running(triage):
        (encounter,) = await at.open(1)
        bad = spoilt(encounter, "a stranger")
        await at.write(bad, at.sample(encounter), at.treatment(encounter))
        await at.taken_in([encounter])
        ((was, kind, reason),) = letters(at, encounter)
        assert was == bad
        assert kind == "invalid"
        assert "38" not in reason


async def test_a_patient_whose_record_makes_us_fail_is_set_aside_alone(
    platform: Platform, triage: Service
) -> None:
    async with bench(platform) as at, running(triage):
        encounters = await at.open(6)
        await at.write(*(at.treatment(e) for e in encounters))
        await at.taken_in(encounters)
        ill, *others = encounters
        was = "SELECT version, state FROM triage.states WHERE id = $1"
        sound = await at.database.fetchrow(was, ill)
        assert sound is not None
        await at.database.execute(
            "UPDATE triage.states SET version = 7, state = '{\"picture\": 5}' WHERE id = $1",
            ill,
        )
        first = at.sample(ill, counts=False)
        burst = [at.sample(e) for e in others] + [first] + [at.treatment(e) for e in others]
        await at.write(*burst, *(at.sample(ill, counts=False) for _ in range(3)))
        await at.taken_in(others)
        (paused,) = await until(lambda: at.ledger.each(TriagePaused, ill))
        assert paused.encounter_id == ill
        await until(lambda: len(letters(at, ill)) >= 4)
        (bug, *later) = letters(at, ill)
        assert (bug[0], bug[1]) == (first, "bug")
        assert bug[2] == "ValidationError"
        assert [kind for _, kind, _ in later] == ["set_aside"] * 3

        triage.kill()
        await triage.died()
        triage.start()
        await triage.ready()
        await until(partial(stands, triage, 1), 40)
        await at.write(at.sample(ill, counts=False), *(at.treatment(e) for e in others))
        await at.taken_in(others)
        await until(lambda: len(letters(at, ill)) == 5)
        assert len(at.ledger.each(TriagePaused, ill)) == 1
        assert await at.database.fetchval("SELECT count(*) FROM triage.set_aside") == 1

        mend = "UPDATE triage.states SET version = $2, state = $3 WHERE id = $1"
        await at.database.execute(mend, ill, sound["version"], sound["state"])
        await at.database.execute("DELETE FROM triage.set_aside")  # a human takes it up again
        await until(partial(stands, triage, 0), 40)
        before = len(letters(at, ill))
        await at.write(at.sample(ill))
        await at.taken_in([ill])
        assert len(letters(at, ill)) == before


async def stands(service: Service, many: int) -> bool:
    """Whether so many stand aside by the metrics, which are counted every few seconds."""
    lines = await metrics(service, "greenchannel_encounters_set_aside")
    return bool(lines) and sum(lines) == many


async def metrics(service: Service, name: str) -> list[float]:
    async with httpx.AsyncClient(trust_env=False) as http:
        lines = (await http.get(f"{service.url}/metrics")).text.splitlines()
    return [float(line.rpartition(" ")[2]) for line in lines if line.startswith(name + "{")]


async def test_while_dead_letters_cannot_be_written_the_consumer_stops_where_it_is(
    platform: Platform, triage: Service
) -> None:
    async with bench(platform) as at, running(triage):
        (encounter,) = await at.open(1)
        await at.write(at.treatment(encounter))
        await at.taken_in([encounter])
        await at.quiet()
        before = await at.positions()
        await at.forbid_dead_letters()
        try:
            await at.write(spoilt(encounter, "a stranger"), at.sample(encounter))
            for _ in range(2):
                assert await triage.died() == 1
                assert await at.positions() == before
                triage.start()
            assert await triage.died() == 1
            assert await at.positions() == before
        finally:
            await apply_broker(platform.admin_settings, platform.passwords, partitions=4)
        triage.start()
        await triage.ready()
        await at.write(at.treatment(encounter))
        await at.taken_in([encounter])
        assert [kind for _, kind, _ in letters(at, encounter)] == ["invalid"]


async def test_a_source_that_sends_rubbish_is_paused_and_comes_back(
    platform: Platform, triage: Service
) -> None:
    window = Limits().window
    async with bench(platform) as at, running(triage):
        (encounter,) = await at.open(1)
        rubbish = [spoilt(encounter, "a vendor") for _ in range(window)]
        unread = [at.sample(encounter, "a vendor", counts=False) for _ in range(window)]
        good = [at.sample(encounter) for _ in range(5)]
        await at.write(*rubbish, *unread, *good, at.sample(encounter, "a vendor"))
        await until(lambda: len(letters(at, encounter)) == 2 * window, 40)
        await at.write(at.treatment(encounter))
        await at.taken_in([encounter])
        down = letters(at, encounter)
        assert [was for was, _, _ in down] == [*rubbish, *unread]
        assert {reason for _, _, reason in down[window:]} == {"the source is paused"}


async def test_when_most_sources_fail_the_fault_is_ours_and_nothing_advances(
    platform: Platform, triage: Service
) -> None:
    window = Limits().window
    async with bench(platform) as at, running(triage):
        (encounter,) = await at.open(1)
        await at.write(at.treatment(encounter))
        await at.taken_in([encounter])
        await at.quiet()
        triage.kill(signal.SIGTERM)
        assert await triage.died() == 0
        before = await at.positions()
        sources = [f"vendor-{n % 3}" for n in range(3 * window)]
        (place, *_) = await at.write(*(spoilt(encounter, source) for source in sources))
        for _ in range(2):
            triage.start()
            assert await triage.died() == 1
            assert "SourcesFailing" in triage.child.last_words(60)
            assert await at.positions() == before
        assert letters(at, encounter) == []

        ends = await at.ledger.ends_of([place])
        await at.move(place, ends[place])
        triage.start()
        await triage.ready()
        await at.write(at.sample(encounter), at.treatment(encounter))
        await at.taken_in([encounter])
