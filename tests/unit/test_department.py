"""A hospital acknowledges whom its board shows: once, and only who is bound for it."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from pathlib import Path
from random import Random
from typing import Any

import pytest
from aiohttp import web

from schemas.handoff import Department
from simulator import bed_manager, department, screen
from simulator.department import Department as Emergency
from simulator.journal import Journal
from simulator.people import People
from simulator.tale import Patient
from tests.simulated import endpoints, service, tale


class Board:
    """What a hospital's feed shows, and who was acknowledged to whom."""

    def __init__(self) -> None:
        self.items: asyncio.Queue[str] = asyncio.Queue()
        self.signed: list[str] = []
        self.counts: asyncio.Queue[tuple[str, dict[str, Any]]] = asyncio.Queue()
        self.receipts: asyncio.Queue[dict[str, Any]] = asyncio.Queue()

    def show(self, patient: Patient) -> None:
        told = {"encounter_id": patient.encounter_id, "version": 1, "record": {"worst": "urgent"}}
        self.items.put_nowait(json.dumps(told))

    async def answer(self, request: web.Request) -> Any:
        if request.path.endswith("/receipts"):
            for each in (await request.json())["receipts"]:
                self.receipts.put_nowait(each)
            return web.Response(status=204)
        if "/beds/" in request.path:
            self.counts.put_nowait((request.path, await request.json()))
            return {}
        if not request.path.endswith("/feed"):
            self.signed.append(request.path)
            return {}
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        while True:
            told = f"event: item\r\nid: 1\r\ndata: {await self.items.get()}\r\n\r\n"
            await response.write(told.encode())


@contextlib.asynccontextmanager
async def watching(
    folder: Path, board: Board, patient: Patient, facility: str
) -> AsyncIterator[Emergency]:
    """The department of this hospital, at its board."""
    async with service(board.answer) as url:
        journal = Journal(folder / "truth.ndjson")
        people = People(endpoints(url), journal)
        people.patients[patient.encounter_id] = patient
        each = Emergency(endpoints(url), facility, people, Random(1))
        task = asyncio.create_task(each.run())
        try:
            yield each
        finally:
            await each.stop(1.0)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            await people.close()
            journal.close()


async def signed(folder: Path, patient: Patient, facility: str, shown: int = 1) -> list[str]:
    """Whom this hospital acknowledges after its board has shown this patient."""
    board = Board()
    async with watching(folder, board, patient, facility) as each:
        for _ in range(shown):
            board.show(patient)
        async with asyncio.timeout(5):
            await each.until_acknowledged([patient])
    return board.signed


async def test_who_is_bound_for_a_hospital_is_acknowledged_there(tmp_path: Path) -> None:
    for goal in ("near", "other"):
        told = tale()
        patient = told.patient("patient")
        patient.facility = place = getattr(told.mission, goal).id
        found = await signed(tmp_path, patient, place)
        assert found == [f"/v1/facilities/{place}/encounters/E-1/acknowledgement"]


async def test_the_board_may_be_quicker_than_the_answer_to_the_dispatcher(tmp_path: Path) -> None:
    told = tale()
    assert told.patient("patient").facility == ""
    assert await signed(tmp_path, told.patient("patient"), told.mission.near.id)


async def test_who_is_bound_elsewhere_by_now_is_not_acknowledged(tmp_path: Path) -> None:
    told = tale()
    told.patient("patient").facility = told.mission.other.id
    assert await signed(tmp_path, told.patient("patient"), told.mission.near.id) == []


async def test_who_is_over_by_now_is_not_acknowledged(tmp_path: Path) -> None:
    told = tale()
    patient = told.patient("patient")
    patient.facility, patient.is_over = told.mission.near.id, True
    assert await signed(tmp_path, patient, told.mission.near.id) == []


async def test_nobody_is_acknowledged_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(department, "REACTION_S", (0.05, 0.05))
    told = tale()
    patient = told.patient("patient")
    patient.facility = told.mission.near.id
    board = Board()
    async with watching(tmp_path, board, patient, patient.facility) as each:
        each.hurries = False
        board.show(patient)
        board.show(patient)
        await each.until_seen(patient)
        assert board.signed == [], "a nurse takes a moment"
        async with asyncio.timeout(5):
            await each.until_acknowledged([patient])
        board.show(patient)
        await asyncio.sleep(0.2)
    assert len(board.signed) == 1


async def test_a_screen_tells_what_it_shows_until_it_was_heard(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(screen, "TELL_S", 0.01)
    board, patient = Board(), tale().patient("patient")
    patient.facility = facility = patient.tale.mission.near.id
    expected = {"encounter_id": patient.encounter_id, "version": 1, "displayed": True}
    async with watching(tmp_path, board, patient, facility), asyncio.timeout(5):
        for _ in range(2):  # it was not heard: the item does not say so
            board.show(patient)
            assert await board.receipts.get() == expected
        heard = {"encounter_id": "E-1", "version": 3, "record": {}}
        board.items.put_nowait(json.dumps({**heard, "handoff": {"displayed_at": "t"}}))
        board.items.put_nowait(json.dumps({**heard, "encounter_id": "E-2"}))
        assert (await board.receipts.get())["encounter_id"] == "E-2"


async def test_the_beds_of_each_department_are_counted_now_and_then(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bed_manager, "COUNT_S", 0.01)
    board, patient = Board(), tale().patient("patient")
    facility = patient.tale.mission.near.id
    wanted = {f"/v1/facilities/{facility}/beds/{each.value}" for each in Department}
    async with watching(tmp_path, board, patient, facility), asyncio.timeout(5):
        for _ in range(2):
            counts = [await board.counts.get() for _ in wanted]
            assert {path for path, _ in counts} == wanted
    assert all(count["free"] > 0 and count["emergency"] > 0 for _, count in counts)
