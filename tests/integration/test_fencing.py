"""Several workers of one service, and positions that are not where they were left."""

from __future__ import annotations

import asyncio
import json
import signal
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from services.kit.broker import client
from services.kit.tokens import SigningKey
from tests.bench import Bench, bench
from tests.crashes import QUICKLY
from tests.platform import Platform
from tests.services import Service, running, until

pytestmark = pytest.mark.timeout(240)


@pytest.fixture
def workers(platform: Platform, tmp_path: Path) -> list[Service]:
    key = SigningKey()
    return [Service("triage", platform, tmp_path, key, n, QUICKLY) for n in range(2)]


class Traffic:
    """Samples and acts of all encounters without a break."""

    def __init__(self, at: Bench, encounters: list[str]) -> None:
        self._at, self._encounters = at, encounters
        self._ended = asyncio.Event()

    @asynccontextmanager
    async def flowing(self) -> AsyncIterator[None]:
        """While this lasts; when it ends, all that was begun is written."""
        task = asyncio.create_task(self._flow())
        try:
            yield
        finally:
            self._ended.set()
            await task

    async def _flow(self) -> None:
        self._ended.clear()
        while not self._ended.is_set():
            await self._at.write(*(self._at.sample(e) for e in self._encounters))
            await self._at.write(*(self._at.treatment(e) for e in self._encounters))
            await asyncio.sleep(0.2)


async def held(platform: Platform) -> dict[str, dict[str, set[int]]]:
    """The partitions of every topic that each worker of triage has, as the broker sees it."""
    admin = client(platform.admin_settings)  # answers only as long as somebody holds it
    (asked,) = admin.describe_consumer_groups(["triage"]).values()
    group = await asyncio.wrap_future(asked)
    found: dict[str, dict[str, set[int]]] = defaultdict(lambda: defaultdict(set))
    for member in group.members:
        for place in member.assignment.topic_partitions:
            found[str(member.group_instance_id)][place.topic].add(place.partition)
    return found


async def have(platform: Platform, *sizes: int) -> dict[str, dict[str, set[int]]] | None:
    """What the workers hold, once each has so many partitions of every topic."""
    found = await held(platform)
    counts = sorted(tuple({len(part) for part in topics.values()}) for topics in found.values())
    return found if counts == sorted((size,) for size in sizes) else None


async def state(at: Bench) -> list[Any]:
    """Everything that triage holds, and every event that it sent."""
    await until(at.ledger.at_the_end)
    tables = [
        await at.database.fetch(f"SELECT t::text FROM triage.{name} AS t ORDER BY 1")
        for name in ("states", "positions", "outbox", "set_aside")
    ]
    told = sorted(key for key in at.ledger.bytes if key[0] == "triage-decisions")
    return [*tables, told]


async def test_of_two_workers_one_sleeps_past_its_session_and_one_dies(
    platform: Platform, workers: list[Service]
) -> None:
    first, second = workers
    async with bench(platform) as at, running(first), ended(second):
        encounters = await at.open(8)
        traffic = Traffic(at, encounters)
        async with traffic.flowing():
            await until(lambda: all(at.decisions(e) for e in encounters))
            second.start()
            await second.ready()
            shares = await until(lambda: have(platform, 2, 2), 40, "nothing was shared")
            for topics in shares.values():  # all that is said of a patient meets in one place
                assert len({frozenset(part) for part in topics.values()}) == 1
            # The first one sends the outbox, too, for it was there first.
            first.kill(signal.SIGSTOP)
            await until(lambda: have(platform, 4), 40, "the second did not take over")
            await goes_on(at, encounters)

        await at.taken_in(encounters)
        await at.quiet()
        before = await state(at)
        first.kill(signal.SIGCONT)
        assert await first.died() == 1
        assert "PositionMoved" in first.child.last_words(60)
        assert await state(at) == before
        assert second.child.pid is not None

        async with traffic.flowing():
            first.start()
            await first.ready()
            await until(lambda: have(platform, 2, 2), 40, "nothing was shared again")
            await goes_on(at, encounters)
            second.kill()
            await until(lambda: have(platform, 4), 40, "the first did not take over")
            await goes_on(at, encounters)
        await at.taken_in(encounters)
        assert first.child.pid is not None


@asynccontextmanager
async def ended(service: Service) -> AsyncIterator[None]:
    """It is started on the way, and does not outlive this."""
    try:
        yield
    finally:
        if service.child.pid is not None:
            service.kill()
            await service.died()


async def goes_on(at: Bench, encounters: list[str]) -> None:
    """Every patient's decisions come, numbered on."""
    counts = {e: len(at.decisions(e)) for e in encounters}
    await until(
        lambda: all(len(at.decisions(e)) > counts[e] + 2 for e in encounters),
        40,
        "decisions have stopped",
    )


async def rewound(service: Service) -> float:
    async with httpx.AsyncClient(trust_env=False) as http:
        lines = (await http.get(f"{service.url}/metrics")).text.splitlines()
    name = "greenchannel_positions_rewound_total{"
    return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith(name))


def logged(service: Service, action: str) -> int:
    lines = (json.loads(line) for line in service.child.log.read_text().splitlines())
    return sum(line.get("action") == action for line in lines)


async def test_a_position_outside_the_log_is_brought_back_into_it(
    platform: Platform, workers: list[Service]
) -> None:
    triage = workers[0]
    async with bench(platform) as at, running(triage):
        (encounter,) = await at.open(1)
        (place, *_) = await at.write(*(at.treatment(encounter) for _ in range(3)))
        await at.taken_in([encounter])
        await at.quiet()
        end = (await at.ledger.ends_of([place]))[place]
        assert place.topic == "ambulance-findings"

        # As after a broker was restored from an older copy: its log ends before our position.
        await stopped(triage)
        await at.move(place, end + 1_000_000)
        triage.start()
        await triage.ready()
        assert (await at.positions())[place] <= end
        assert await rewound(triage) == logged(triage, "position_rewound") == 1
        await at.write(at.treatment(encounter))
        await at.taken_in([encounter])
        await at.quiet()

        # As after a long absence: what we stood at was deleted.
        await stopped(triage)
        await at.forget_before(place, end - 1)
        await at.move(place, 0)
        triage.start()
        await triage.ready()
        assert await rewound(triage) == 1
        await at.quiet()
        await at.write(at.treatment(encounter))
        await at.taken_in([encounter])


async def stopped(service: Service) -> None:
    service.kill(signal.SIGTERM)
    assert await service.died() == 0
