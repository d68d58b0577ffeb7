"""The part ``tracker``: fixes of a province through the tracker on one core, handed over in batches
as it runs, and one by one; its lag, its delay, how fast it catches up, and whether all is told."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from typing import Any
from zoneinfo import ZoneInfo

import click
import httpx
from aiokafka import AIOKafkaProducer
from prometheus_client.parser import text_string_to_metric_families
from tqdm import tqdm

from benchmarks import one_core
from benchmarks.broker import Broker
from benchmarks.fixes import EVERY_S, Fleet, Said, fixes, orders, shown
from benchmarks.ground import Ground, opened
from benchmarks.report import Found, Limit
from schemas.envelope import Message, decode, encode
from schemas.event import Event
from schemas.unit import UnitFellSilent, UnitHeardAgain
from services.dispatch import loader
from services.dispatch.track import Region
from services.dispatch.tracker import FIXES_TOPIC
from services.kit import kafka
from services.kit.fleet import CannotStart, readiness
from services.kit.process import Child, free_port
from services.kit.settings import Settings

ORDERS_TOPIC, TOLD_TOPIC = "dispatch-units", "dispatch-movements"
#: Each way is a program of its own, in which nothing but the handing over differs.
WAYS = {
    "take": ("take(): in batches, as it runs", ("services.cli", "tracker")),
    "one_by_one": ("one by one", ("benchmarks.one_by_one",)),
}
#: So many fixes a second, and so many of them are written at once before.
RATE, BACKLOG_S = 2_000, 30
#: What is due is sent this often; this often it is looked how far the tracker has come.
SEND_S, LOOK_S = 0.05, 0.5
_SILENCES = (UnitFellSilent, UnitHeardAgain)
#: A tracker that takes nothing for so long, or has so long not caught up, does not.
STANDSTILL_S = 60.0

RATE_HELD = Limit("held", "fixes taken, of those sent in the same time", 0.99, "×")
LAG = Limit("lag", "of lag, in the second half above the first", 0.5, " s", at_most=True)
CATCHES_UP = Limit("catches_up", "catching up, on one core", RATE, "/s")


@dataclass(frozen=True)
class Options:
    """How much is measured."""

    seconds: int = 60


@dataclass
class Sent:
    """When the broker had each fix, in milliseconds; and how many it has by now."""

    at_ms: dict[str, int] = field(default_factory=dict)

    async def send(self, producer: AIOKafkaProducer, said: Sequence[tuple[str, Message]]) -> None:
        """All of these, acknowledged."""
        pending = [
            await producer.send(m.topic, value=m.value, key=m.key, headers=m.headers)
            for _, m in said
        ]
        for (fix, _), record in zip(said, await asyncio.gather(*pending), strict=True):
            self.at_ms[fix] = record.timestamp


class Taken:
    """How many fixes the tracker has taken, as its metrics say."""

    def __init__(self, http: httpx.AsyncClient, port: int) -> None:
        self._http, self._url = http, f"http://127.0.0.1:{port}/metrics"

    async def count(self) -> int:
        text = (await self._http.get(self._url)).text
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                if sample.name != "greenchannel_records_handled_total":
                    continue
                if sample.labels.get("topic") == FIXES_TOPIC:
                    return int(sample.value)
        return 0


class Measuring:
    """One way on a ground of its own."""

    def __init__(self, options: Options, ground: Ground, broker: Broker) -> None:
        self._options, self._ground, self._broker = options, ground, broker
        self._sent = Sent()
        self._port = free_port()

    async def whole(self, words: Sequence[str]) -> dict[str, Any]:
        """Write what they were told, start, let it catch up, and then keep up."""
        fleet = self._fleet()
        told = orders(fleet)
        now_ms = round(time.time() * 1000)
        await self._broker.write((encode(each, "greenchannel/dispatch"), now_ms) for each in told)
        begins = await self._broker.ends(TOLD_TOPIC)
        producer = await kafka.started(lambda: kafka.producer(self._ground.settings))
        async with httpx.AsyncClient(timeout=5, trust_env=False) as http:
            try:
                child = await self._up(http, words)
                taken = Taken(http, self._port)
                said = list(fixes(fleet))
                late = len(said) * BACKLOG_S // fleet.seconds
                caught_up = await self._catch_up(producer, taken, said[:late])
                kept_up = await self._keep_up(producer, taken, child, said[late:])
            finally:
                await kafka.stop(producer)
        await asyncio.sleep(1)
        found = self._broker.records(begins, await self._broker.ends(TOLD_TOPIC))
        heard: dict[str, int] = {}  # what is owed was sent again meanwhile: the first counts
        async for record in found:
            event = decode(record.topic, record.key, record.value, record.headers)
            if not isinstance(event, _SILENCES):
                heard.setdefault(event.event_id, record.timestamp)
        await self._ground.down(child)
        expected = shown(told, said, _region())
        return {**caught_up, **kept_up, **self._compared(expected, heard, said[late].event)}

    def _fleet(self) -> Fleet:
        """The first fixes of it are in the past by the time that anything runs, and few are not."""
        begin = datetime.now(UTC) - timedelta(seconds=BACKLOG_S)
        return Fleet(RATE * EVERY_S, BACKLOG_S + self._options.seconds, begin)

    async def _up(self, http: httpx.AsyncClient, words: Sequence[str]) -> Child:
        child = self._ground.service("tracker", self._port)
        child.argv = [sys.executable, "-m", "benchmarks.one_core", *words]
        return await self._ground.up(child, readiness(http, self._port))

    async def _catch_up(
        self, producer: AIOKafkaProducer, taken: Taken, said: Sequence[Said]
    ) -> dict[str, Any]:
        """Written at once; the rate is that between a tenth of them and all."""
        messages = [_message(each) for each in said]
        sending = asyncio.create_task(self._sent.send(producer, messages))
        looks = [(time.monotonic(), 0)]
        async for look in _until(taken, len(said)):
            looks.append(look)
        await sending
        began = next(look for look in looks if look[1] >= len(said) // 10)
        ended = looks[-1]
        return {"catches_up_per_s": round((ended[1] - began[1]) / (ended[0] - began[0]))}

    async def _keep_up(
        self, producer: AIOKafkaProducer, taken: Taken, child: Child, said: Sequence[Said]
    ) -> dict[str, Any]:
        """Each sent when it is said."""
        messages = [_message(each) for each in said]
        # What was caught up took its time: the rest begins now.
        shift = datetime.now(UTC) - said[0].at + timedelta(seconds=1)
        before, used = await taken.count(), self._ground.cpu_seconds()[child.name]
        sending = asyncio.create_task(self._pace(producer, said, messages, shift))
        began, lags = time.monotonic(), list[int]()
        known = len(self._sent.at_ms)
        while not sending.done():
            await asyncio.sleep(LOOK_S)
            lags.append(len(self._sent.at_ms) - known + before - await taken.count())
        await sending
        sent, took = len(said), time.monotonic() - began
        at_its_end = await taken.count() - before
        cpu = self._ground.cpu_seconds()[child.name] - used
        async for _ in _until(taken, before + sent):
            pass
        half = len(lags) // 2
        return {
            "sent": sent,
            "seconds": round(took, 1),
            "taken_at_the_end": at_its_end,
            "lag": {
                "first_half": round(median(lags[:half])),
                "second_half": round(median(lags[half:])),
                "most": max(lags),
            },
            "core": round(cpu / took, 2),
        }

    async def _pace(
        self,
        producer: AIOKafkaProducer,
        said: Sequence[Said],
        messages: Sequence[tuple[str, Message]],
        shift: timedelta,
    ) -> None:
        n = 0
        with tqdm(total=len(said), unit=" fixes", leave=False, disable=None) as bar:
            while n < len(said):
                now, first = datetime.now(UTC) - shift, n
                while n < len(said) and said[n].at <= now:
                    n += 1
                await self._sent.send(producer, messages[first:n])
                bar.update(n - first)
                await asyncio.sleep(SEND_S)

    def _compared(
        self, expected: Iterable[tuple[str, Event]], heard: Mapping[str, int], first: Event
    ) -> dict[str, Any]:
        """Whether all is told and nothing else, and how long after its fix, where that was sent
        when it was said. Silences are left out: they go by the clock, the fixes by their plan."""
        causes = {e.event_id: fix for fix, e in expected if not isinstance(e, _SILENCES)}
        since = self._sent.at_ms[first.event_id]
        paced = {fix for fix, ms in self._sent.at_ms.items() if ms >= since}
        delays = sorted(
            heard[event] - self._sent.at_ms[fix]
            for event, fix in causes.items()
            if fix in paced and event in heard
        )
        return {
            "movements": len(causes),
            "missing": len(causes.keys() - heard.keys()),
            "unexpected": len(heard.keys() - causes.keys()),
            "delay_ms": {"p50": _at(delays, 0.5), "p99": _at(delays, 0.99)},
        }


async def _until(taken: Taken, count: int) -> AsyncIterator[tuple[float, int]]:
    """Looks at how many are taken until so many are. Raises ``CannotStart`` when none are taken."""
    known, grew = -1, time.monotonic()
    while known < count:
        await asyncio.sleep(LOOK_S)
        now, found = time.monotonic(), await taken.count()
        grew = now if found > known else grew
        if now - grew > STANDSTILL_S:
            raise CannotStart(f"the tracker has taken {found} of {count} fixes, and takes no more")
        known = found
        yield now, known


def _message(said: Said) -> tuple[str, Message]:
    return said.event.event_id, encode(said.event, "greenchannel/gateway")


def _region() -> Region:
    return Region(loader.roads(), ZoneInfo(Settings().time_zone))


def _at(values: Sequence[int], share: float) -> int:
    return values[min(len(values) - 1, int(len(values) * share))] if values else 0


async def _way(options: Options, folder: Path, words: Sequence[str]) -> tuple[Any, dict[str, Any]]:
    async with opened(folder) as (ground, broker):
        return ground.versions, await Measuring(options, ground, broker).whole(words)


async def measure(options: Options, folder: Path) -> dict[str, Any]:
    """Both ways, each with a broker of its own, all but the tracker on the other cores."""
    one_core.keep_to(one_core.others())
    found: dict[str, Any] = {"ways": {}}
    for name, (title, words) in WAYS.items():
        own = folder / name
        await asyncio.to_thread(own.mkdir, mode=0o700)
        found["versions"], found["ways"][name] = await _way(options, own, words)
        click.echo(f"  ✓ {title}: {found['ways'][name]['catches_up_per_s']:,}/s")
    return found


def limits(found: Found) -> list[dict[str, Any]]:
    """Of the tracker as it runs."""
    ours = found["ways"]["take"]
    lag = (ours["lag"]["second_half"] - ours["lag"]["first_half"]) / RATE
    return [
        RATE_HELD.beside(round(ours["taken_at_the_end"] / ours["sent"], 3)),
        LAG.beside(max(0.0, round(lag, 2))),
        CATCHES_UP.beside(ours["catches_up_per_s"]),
    ]


def disagreements(found: Found) -> Iterator[str]:
    """Where not all is told that the fixes show, or something else."""
    for name, way in found["ways"].items():
        if way["missing"] or way["unexpected"]:
            title, _ = WAYS[name]
            yield f"{title}: {way['missing']} movements missing, {way['unexpected']} unexpected"


def lines(found: Found) -> Iterator[str]:
    """The table for a human."""
    yield f"每秒 {RATE:,} 个定位 · {RATE:,} fixes a second, the tracker on one core"
    for name, way in found["ways"].items():
        title, _ = WAYS[name]
        lag, delay = way["lag"], way["delay_ms"]
        yield f"  {title}"
        up = f"{way['catches_up_per_s']:,}/s"
        yield f"    catching up {up}; keeping up with {way['core']:.0%} of the core"
        halves = f"{lag['first_half']:,}, then {lag['second_half']:,}"
        yield f"    lag {halves}, at most {lag['most']:,} fixes"
        yield f"    told after p50 {delay['p50']:,} ms, p99 {delay['p99']:,} ms"
