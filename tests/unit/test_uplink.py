"""The picture of an ECG goes after it, over a line that breaks off, and no act waits for it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random
from typing import Any

import pytest
from aiohttp import web

from simulator import ecg, truth, uplink
from simulator.acts import body_of, described, picture_of
from simulator.endpoints import Endpoints
from simulator.journal import Follower, Journal
from simulator.realism import BREAKS, Realism
from simulator.story import every
from simulator.tale import Tale
from simulator.telemetry import Telemetry
from simulator.uplink import PIECE_BYTES, Uplink
from tests.simulated import Shelf, endpoints, service, step, tale

Answer = Any


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uplink, "PAUSE_S", 0.05)


@asynccontextmanager
async def sending(
    answer: Answer, folder: Path, *faults: str, seed: int = 1
) -> AsyncIterator[tuple[Uplink, Journal, Endpoints]]:
    realism = Realism(faults, lambda purpose: Random(f"{seed}/{purpose}"))
    async with service(answer) as url:
        journal = Journal(folder / "truth.ndjson")
        known = endpoints(url)
        sender = Uplink(known, journal, Telemetry(None, [], realism))
        task = asyncio.create_task(sender.run())
        try:
            yield sender, journal, known
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            await sender.close()
            journal.close()


def examined(told: Tale) -> Tale:
    """The crew has just done it."""
    told.done["ecg"], told.ids["ecg"] = time.time(), f"{told.patient('').handle}.ecg"
    told.is_forwarding = True
    return told


def news(folder: Path) -> list[truth.TruthLine]:
    return list(Follower(folder / "truth.ndjson").news())


def test_each_examination_with_a_picture_names_it_and_no_other_does() -> None:
    found = 0
    for story in every():
        for each in story.steps:
            if each.act != "examination":
                continue
            told = tale(story.story)
            picture, body = picture_of(told, each), body_of(told, each, 2000.0)
            if each.body["examination"] == "ecg_12_lead":
                assert picture == ecg.drawn(
                    tuple(each.body["shows"]), story.hold_at(each.patient, each.at).heart_rate or 0
                )
                assert body["attachments"] == [described(picture or b"")]
                found += 1
            else:
                assert picture is None
                assert "attachments" not in body
    assert found >= 3


async def test_the_truth_is_told_before_it_is_sent_and_when_all_of_it_is_there(
    tmp_path: Path,
) -> None:
    shelf, told = Shelf(), examined(tale())
    before: list[int] = []

    async def answer(request: web.Request) -> web.Response:
        before.append(len(news(tmp_path)))
        return await shelf.answer(request)

    async with sending(answer, tmp_path) as (sender, *_):
        sender.follow(told, step(told, "aspirin"))
        sender.follow(told, step(told, "ecg"))
        await sender.flush(10.0)
    picture = picture_of(told, step(told, "ecg")) or b""
    assert shelf.files == {("E-1", described(picture)["sha256"]): picture}
    assert shelf.asked == {"POST": 1, "PATCH": -(-len(picture) // PIECE_BYTES)}
    assert shelf.asked["PATCH"] > 1
    sent, acknowledged = news(tmp_path)
    assert isinstance(sent, truth.ActSent)
    assert (sent.act, sent.id, sent.about["encounter_id"]) == ("picture", "r-1.ecg_picture", "E-1")
    assert isinstance(acknowledged, truth.Acknowledged)
    assert acknowledged.ids == ["r-1.ecg_picture"]
    assert set(before) == {1}


async def test_after_a_break_it_goes_on_from_what_is_there(tmp_path: Path) -> None:
    """And less is sent than a second beginning would take."""
    shelf, number = Shelf(), 0
    async with sending(shelf.answer, tmp_path, "broken_lines") as (sender, *_):
        for number in range(1, 9):
            told = examined(tale(number=number))
            sender.follow(told, step(told, "ecg"))
        await sender.flush(20.0)
    assert number == len(shelf.files)
    picture = picture_of(told, step(told, "ecg")) or b""
    assert set(map(bytes, shelf.files.values())) == {picture}
    assert shelf.broken > 3
    assert shelf.asked["HEAD"] >= shelf.broken
    assert shelf.asked["POST"] == number, "it is announced once"
    assert sum(isinstance(line, truth.Acknowledged) for line in news(tmp_path)) == number


def test_the_same_pieces_break_off_in_every_run() -> None:
    def breaks(*faults: str) -> list[float | None]:
        realism = Realism(faults, lambda purpose: Random(f"7/{purpose}"))
        return [realism.breaks_off(f"p-{n}.ecg.1") for n in range(1000)]

    parts = breaks("broken_lines")
    assert parts == breaks("broken_lines")
    broken = [part for part in parts if part is not None]
    assert abs(len(broken) / 1000 - BREAKS) < 0.05
    assert all(0 <= part < 1 for part in broken)
    assert set(breaks()) == {None}


async def test_what_the_gateway_does_not_know_yet_is_announced_again(tmp_path: Path) -> None:
    """A patient a moment later; a gateway that was away; a file that it has let go of."""
    shelf, told = Shelf(), examined(tale())
    odd = iter([404, 503, 404])

    async def answer(request: web.Request) -> web.Response:
        if request.method == "PATCH" and shelf.asked["PATCH"] == 1 and shelf.asked["POST"] == 1:
            shelf.files.clear()
        status = next(odd, None)
        return web.Response(status=status) if status else await shelf.answer(request)

    async with sending(answer, tmp_path) as (sender, *_):
        sender.follow(told, step(told, "ecg"))
        await sender.flush(10.0)
    assert [*map(bytes, shelf.files.values())] == [picture_of(told, step(told, "ecg"))]
    assert shelf.asked["POST"] == 2


@pytest.mark.parametrize(("status", "patience"), [(422, 30.0), (404, 0.2)])
async def test_a_refusal_for_good_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, status: int, patience: float
) -> None:
    monkeypatch.setattr(uplink, "SOON_S", patience)
    told = examined(tale())
    async with sending(lambda _: web.Response(status=status), tmp_path) as (sender, *_):
        sender.follow(told, step(told, "ecg"))
        await sender.flush(10.0)
    _, refused = news(tmp_path)
    assert isinstance(refused, truth.Refused)
    assert (refused.ids, refused.status) == (["r-1.ecg_picture"], status)


async def test_it_waits_where_nothing_gets_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shelf, told, dark = Shelf(), examined(tale()), [True]
    monkeypatch.setattr(Telemetry, "is_dark", lambda self, van, now: dark[0])
    async with sending(shelf.answer, tmp_path) as (sender, *_):
        sender.follow(told, step(told, "ecg"))
        began = time.monotonic()
        await sender.flush(0.3)
        assert time.monotonic() - began < 2, "nobody waits for ever"
        assert not shelf.asked
        dark[0] = False
        await sender.flush(10.0)
    assert shelf.files
