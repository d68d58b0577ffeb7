"""The example for 120 software, as the process that its makers start, on a real broker."""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
import signal
import subprocess
import sys
import termios
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Any

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import GroupCoordinatorNotAvailableError, TopicAuthorizationFailedError

from docs.examples.dispatch_centre import KNOWN, TOPICS
from schemas.topics import registry
from tests.platform import Platform
from tests.services import until

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = ROOT / "docs/examples/dispatch_centre.py"
EXAMPLES = ROOT / "schemas/examples"
#: Stands in all that cannot be read, and so in nothing that is said.
MARK = "Zz7Mark"


@dataclass(frozen=True)
class Written:
    """A record as it is put on a topic."""

    topic: str
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...]

    @property
    def kind(self) -> str:
        return dict(self.headers)["ce_type"].decode().removeprefix("greenchannel.")


def example(path: Path) -> Written:
    found = json.loads(path.read_text("utf-8"))
    headers = tuple((name, value.encode()) for name, value in found["headers"].items())
    return Written(found["topic"], found["key"].encode(), dump(found["value"]), headers)


def dump(value: Any) -> bytes:
    return json.dumps(value).encode()


OF_A_PATIENT = sorted((EXAMPLES / "chest-pain").glob("*.json"))
EVERY = [example(file) for file in [*OF_A_PATIENT, *sorted((EXAMPLES / "other").glob("*.json"))]]
OURS = [record for record in EVERY if record.topic in TOPICS]
(STAMP,) = [example(file) for file in OF_A_PATIENT if file.name.startswith("07-dispatch-units")]


def stamp(unit: str, event_id: str, **more: Any) -> Written:
    """A status of this unit."""
    value = {**json.loads(STAMP.value or b""), "unit_id": unit, "event_id": event_id, **more}
    headers = {**dict(STAMP.headers), "ce_id": event_id.encode()}
    return Written(STAMP.topic, unit.encode(), dump(value), tuple(headers.items()))


def named(record: Written, ce_type: str) -> Written:
    """The same as an event of another kind."""
    headers = {**dict(record.headers), "ce_type": ce_type.encode()}
    return Written(record.topic, record.key, record.value, tuple(headers.items()))


class Topics:
    """The broker and what is written to it, by its administrator in the place of the services."""

    def __init__(self, platform: Platform) -> None:
        self.platform = platform

    async def write(self, *records: Written) -> None:
        producer = AIOKafkaProducer(**self.platform.kafka("admin"))
        await producer.start()
        try:
            for each in records:
                await producer.send_and_wait(
                    each.topic, each.value, each.key, headers=list(each.headers)
                )
        finally:
            await producer.stop()

    async def ends(self) -> dict[TopicPartition, int]:
        """Where each partition that holds something ends."""
        reader = AIOKafkaConsumer(*TOPICS, **self.platform.kafka("observer"))
        await reader.start()
        try:
            ends = await reader.end_offsets(reader.assignment())
            return {place: end for place, end in ends.items() if end}
        finally:
            await reader.stop()

    async def committed(self, group: str) -> dict[TopicPartition, int]:
        """What the group has committed, as its owner sees it."""
        admin = AIOKafkaAdminClient(**self.platform.kafka("dispatch_centre"))
        await admin.start()
        try:
            found = await admin.list_consumer_group_offsets(group)
            return {place: at.offset for place, at in found.items() if at.offset > 0}
        except GroupCoordinatorNotAvailableError:  # the broker has never had a group
            return {}
        finally:
            await admin.close()


@pytest.fixture(scope="module")
async def topics(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Topics]:
    """A broker of its own, for it gets what no service could read, and is killed."""
    made = Platform(tmp_path_factory.mktemp("centre"))
    try:
        await made.start_kafka()
        topics = Topics(made)
        await topics.write(stamp("U-1", "0"))  # so that catching up means something
        yield topics
    finally:
        made.stop()


class Software:
    """The example as a process, with a group and a memory that are new."""

    def __init__(self, topics: Topics, folder: Path) -> None:
        self.topics, self.folder = topics, folder
        self.group = f"dispatch_centre-{uuid.uuid4().hex[:8]}"
        self.memory = folder / "memory"
        self.words = ["--endpoints", str(folder / "endpoints.json")]
        known = {"dispatch_centre": topics.platform.kafka("dispatch_centre")}
        (folder / "endpoints.json").write_text(json.dumps(known))
        self.process: subprocess.Popen[bytes] | None = None
        self._runs, self._earlier = 0, (0, 0)

    def start(self, said: int | None = None) -> None:
        self._runs, self._earlier = self._runs + 1, (0, 0)
        words = [*self.words, "--group", self.group, "--memory", str(self.memory)]
        environ = {name: word for name, word in os.environ.items() if name != "PYTHONPATH"}
        with self._file("said").open("wb") as lines, self._file("complained").open("wb") as wrong:
            self.process = subprocess.Popen(
                [sys.executable, str(PROGRAM), *words],
                cwd=self.folder, env={**environ, "PYTHONUTF8": "1"},
                stdout=said or lines, stderr=wrong,
            )  # fmt: skip

    def _file(self, name: str) -> Path:
        return self.folder / f"{name}-{self._runs}"

    def lines(self) -> list[str]:
        """What it has told since it was started, or since ``begins``."""
        assert self.process
        assert self.process.poll() in (None, 0, -signal.SIGKILL), self.complaints()
        return self._file("said").read_text("utf-8").splitlines()[self._earlier[0] :]

    def about(self, key: str) -> list[str]:
        """What it has told since about this key."""
        return [line for line in self.lines() if f"  {key}  " in line]

    def complaints(self) -> list[str]:
        text = self._file("complained").read_text("utf-8")
        return text.splitlines()[self._earlier[1] :]

    def begins(self) -> None:
        """What it has said until now is of no interest."""
        self._earlier = (len(self.lines()), len(self.complaints()))

    async def tells(self, key: str) -> None:
        """Wait until it has told something about this key."""
        await until(lambda: self.about(key), 60, f"nothing about {key}")

    async def catches_up(self) -> list[str]:
        """What it has told, once its group has committed all that was written."""
        await until(self._has_committed_all, 60, "it does not catch up")
        return self.lines()

    async def _has_committed_all(self) -> bool:
        committed = await self.topics.committed(self.group)
        return committed == await self.topics.ends()

    async def ends(self, number: signal.Signals = signal.SIGINT) -> int:
        assert self.process
        self.process.send_signal(number)
        return await asyncio.to_thread(self.process.wait, 30)


@pytest.fixture
async def software(topics: Topics, tmp_path: Path) -> AsyncIterator[Software]:
    """It runs, and has told all that other tests have written."""
    made = Software(topics, tmp_path)
    try:
        made.start()
        await made.catches_up()
        made.begins()
        yield made
    finally:
        if made.process and made.process.poll() is None:
            made.process.kill()
            made.process.wait()


def a_unit() -> str:
    return f"U-{uuid.uuid4().hex[:8]}"


async def test_every_event_is_told_once_in_both_languages(
    topics: Topics, software: Software
) -> None:
    await topics.write(*OURS)
    told = await software.catches_up()
    assert len(told) == len(OURS)
    for record in OURS:
        chinese, english, _ = KNOWN[record.kind]
        said = f"  {(record.key or b'').decode()}  {chinese} · {english}"
        assert any(said in line for line in told), said
    assert (
        "2026-03-09 14:12:00  I-e8919432d3ce5845  受理呼救 · call accepted"
        "  external_number=20260309-00231  classification=emergency  origin=call"
    ) in told
    assert any("equipment=defibrillator,ecg" in line for line in told)
    assert "建设路" not in "".join(told)  # an address is a text, and no business of a screen
    assert await software.ends() == 0
    assert software.complaints() == []


async def test_what_was_committed_is_not_read_again(topics: Topics, software: Software) -> None:
    """Not even by software that has forgotten what it did."""
    one, two = a_unit(), a_unit()
    await topics.write(stamp(one, "1"))
    await software.catches_up()
    assert len(software.about(one)) == 1
    assert await software.ends() == 0
    await topics.write(stamp(two, "1"))
    software.memory.unlink()
    software.start()
    assert [line.split("  ")[1] for line in await software.catches_up()] == [two]


async def test_what_is_read_again_is_not_told_again(topics: Topics, software: Software) -> None:
    """As by a group that begins at the oldest record, with the memory of the one before."""
    await topics.write(stamp(a_unit(), "1"))
    assert await software.catches_up()
    assert await software.ends() == 0
    software.group += "-anew"
    software.start()
    assert await software.catches_up() == []


async def test_a_repeat_under_the_same_id_is_told_once(topics: Topics, software: Software) -> None:
    one, two = a_unit(), a_unit()
    await topics.write(stamp(one, "1"), stamp(one, "1"), stamp(two, "1"), stamp(one, "2"))
    await software.catches_up()
    assert await software.ends() == 0
    await topics.write(stamp(one, "1"), stamp(one, "3"))
    assert (len(software.about(one)), len(software.about(two))) == (2, 1)
    software.start()
    await software.catches_up()
    assert len(software.about(one)) == 1


async def test_an_id_is_one_within_its_event_and_its_facility(
    topics: Topics, software: Software
) -> None:
    """Each hospital numbers for itself, and so may each act."""
    seen = next(record for record in OURS if record.kind == "Acknowledged.v1")
    patient = f"E-{uuid.uuid4().hex[:8]}"
    value = {**json.loads(seen.value or b""), "encounter_id": patient}
    event_id = value["event_id"]
    other = replace(seen, key=patient.encode(), value=dump({**value, "facility_id": "F-009"}))
    first = replace(other, value=dump(value))
    accepted = named(first, "greenchannel.Accepted.v1")
    await topics.write(first, other, accepted, first, other, accepted)
    await software.catches_up()
    assert event_id
    assert len(software.about(patient)) == 3


UNREADABLE = {
    "no JSON": replace(STAMP, value=b"\x80\xff" + MARK.encode()),
    "half of it": replace(STAMP, value=b'{"unit_id": "' + MARK.encode()),
    "nested without end": replace(STAMP, value=b"[" * 100_000),
    "no value": replace(STAMP, value=None),
    "no key": replace(STAMP, key=None),
    "another key": replace(STAMP, key=MARK.encode()),
    "no headers": replace(STAMP, headers=()),
    "another id": replace(stamp("U-1", MARK), headers=STAMP.headers),
    "a list": replace(STAMP, value=dump([MARK])),
    "a number for a time": stamp("U-1", MARK, occurred_at=1773036750),
    "no time": stamp("U-1", MARK, occurred_at=MARK),
    "a time that is none": stamp("U-1", MARK, occurred_at="0001-01-01T00:00:00+14:00"),
    "nobody's event": named(STAMP, f"{MARK}.UnitStatusChanged.v1"),
}


async def test_a_record_that_cannot_be_read_is_told_by_its_place_and_passed_over(
    topics: Topics, software: Software
) -> None:
    good, invalid = a_unit(), list(UNREADABLE.values())
    await topics.write(*(each for bad in invalid for each in (bad, stamp(good, str(id(bad))))))
    assert len(await software.catches_up()) == len(invalid)
    assert len(software.about(good)) == len(invalid)
    complaints = software.complaints()
    assert len(complaints) == len(invalid), complaints
    assert all("unreadable, passed over: dispatch-units/" in line for line in complaints)
    assert MARK not in "".join(complaints + software.lines())
    assert await software.ends() == 0


async def test_what_a_newer_green_channel_says_is_no_error(
    topics: Topics, software: Software
) -> None:
    unit = a_unit()
    newer = stamp(unit, "1", status="hovering", altitude={"m": 120}, source=None)
    unknown = named(stamp(unit, "2"), "greenchannel.UnitFlew.v1")
    version = named(stamp(unit, "3"), "greenchannel.UnitStatusChanged.v2")
    await topics.write(newer, unknown, unknown, version, stamp(unit, "4"))
    await software.catches_up()
    first, last = software.about(unit)
    assert "status=hovering" in first
    assert "status=departed 出车" in last
    names = [line.rpartition(" ")[2] for line in software.complaints()]
    assert names == ["UnitFlew.v1", "UnitStatusChanged.v2"]


async def test_neither_its_death_nor_the_brokers_loses_or_doubles_anything(
    topics: Topics, software: Software
) -> None:
    units = [a_unit() for _ in range(3)]
    await topics.write(stamp(units[0], "1"))
    await software.tells(units[0])
    await topics.platform.restart_kafka()
    await topics.write(stamp(units[1], "1"))
    told = await software.catches_up()
    assert await software.ends(signal.SIGKILL) == -signal.SIGKILL
    topics.platform.kill_kafka()
    software.start()  # while there is no broker
    await until(lambda: "again in 3 s" in "".join(software.complaints()), 30)
    await topics.platform.restart_kafka()
    await topics.write(stamp(units[2], "1"), stamp(units[0], "1"))
    told += await software.catches_up()
    assert [sum(f"  {unit}  " in line for line in told) for unit in units] == [1, 1, 1]


async def test_what_it_held_when_it_died_is_told_by_the_next(
    topics: Topics, software: Software
) -> None:
    """Nobody takes its lines, so it dies within an effect, with records in its hands."""
    assert await software.ends() == 0
    name = a_unit()
    units = [f"{name}-{number}" for number in range(2000)]
    await topics.write(*(stamp(unit, "1") for unit in units))
    software.start(said=subprocess.PIPE)
    assert software.process
    assert software.process.stdout
    waiting = software.process.stdout
    await until(lambda: readable(waiting) > 10_000, 30)
    assert await software.ends(signal.SIGKILL) == -signal.SIGKILL
    told = waiting.read().decode("utf-8", "ignore").splitlines()
    waiting.close()
    assert 0 < len(told) < len(units)
    software.start()
    told += await software.catches_up()
    assert {line.split("  ")[1] for line in told if f"  {name}-" in line} == set(units)


def readable(pipe: IO[bytes]) -> int:
    """How many bytes wait in a pipe."""
    return int.from_bytes(fcntl.ioctl(pipe, termios.FIONREAD, bytes(4)), sys.byteorder)


async def test_it_is_let_in_by_the_file_that_holds_its_password(
    topics: Topics, software: Software
) -> None:
    """As in a composition of containers."""
    assert await software.ends() == 0
    connection = topics.platform.kafka("dispatch_centre")
    secret = software.folder / "secret"
    secret.write_text(connection["sasl_plain_password"] + "\n")
    software.words = ["--servers", connection["bootstrap_servers"], "--password-file", str(secret)]
    unit = a_unit()
    await topics.write(stamp(unit, "1"))
    software.start()
    await software.tells(unit)


async def test_a_group_of_others_is_refused_and_no_waiting_mends_it(
    topics: Topics, software: Software
) -> None:
    assert await software.ends() == 0
    software.group = "dispatch"
    software.start()
    assert software.process is not None
    assert await asyncio.to_thread(software.process.wait, 30) == 1
    assert "not allowed" in software.complaints()[-1]


@pytest.mark.parametrize("topic", sorted(registry().topics))
async def test_it_may_write_to_no_topic(topics: Topics, topic: str) -> None:
    producer = AIOKafkaProducer(**topics.platform.kafka("dispatch_centre"))
    await producer.start()
    try:
        with pytest.raises(TopicAuthorizationFailedError):
            await producer.send_and_wait(topic, b"{}", b"k", partition=0)
    finally:
        await producer.stop()


@pytest.mark.parametrize(
    "topic", ["ambulance-vitals", "ambulance-raw", "triage-decisions", "centre-emergency",
              "dispatch-dead-letters"],
)  # fmt: skip
async def test_it_may_not_read_what_is_clinical_or_the_hospitals(
    topics: Topics, topic: str
) -> None:
    reader = AIOKafkaConsumer(
        topic, **topics.platform.kafka("dispatch_centre"), group_id="dispatch_centre"
    )
    try:
        with pytest.raises(TopicAuthorizationFailedError):
            await reader.start()
    finally:
        await reader.stop()
