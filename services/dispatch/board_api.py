"""What the dispatch board and a crew's phone show, each as it stands at one moment."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple

from fastapi import APIRouter, Request, Response

from schemas.event import Identifier
from services.dispatch import board_store
from services.dispatch.callers import OURS, Dispatcher, FieldStaff
from services.dispatch.clock import Clock
from services.dispatch.fleet import SameEvent
from services.dispatch.overview import Mission, Overview
from services.kit.http import unless_known
from services.kit.openapi import UNCHANGED, VERSION
from services.kit.postgres import snapshot

router = APIRouter(prefix="/v1")
of_units = APIRouter(prefix="/v1/units")


class Drawn(NamedTuple):
    """The board as it was last written, and the tag of what it shows."""

    tag: str
    content: bytes


class LastBoard:
    """All dispatchers see one board: while nothing changes it is written once."""

    def __init__(self, clocks: Mapping[str, Clock], same_event: SameEvent | None = None) -> None:
        limits = json.dumps({name: clocks[name].model_dump(mode="json") for name in sorted(clocks)})
        self._of_site = f"{VERSION} {limits} {same_event}"
        self.clocks, self.same_event = clocks, same_event
        self.drawn = Drawn("", b"")

    def tag(self, of_rows: str) -> str:
        """Of what these rows show here: by other limits, or another version, it is something
        else."""
        return _digest(f"{self._of_site} {of_rows}".encode())


@router.get("/overview", responses={200: {"model": Overview}, 304: UNCHANGED})
async def read_overview(request: Request, caller: Dispatcher) -> Response:
    """The dispatch board: every call that goes on, or has ended within ten minutes, with its
    dispatches, patients and clocks; all units; and what is due and has not happened. Ask again with
    `If-None-Match`."""
    last: LastBoard = request.app.state.board
    async with snapshot(request.app.state.pool) as connection:
        shown = await board_store.shown(connection)
        tag = last.tag(shown.tag)
        drawn = last.drawn
        if drawn.tag != tag:
            board = await board_store.board(connection, shown, last.clocks, last.same_event)
            drawn = last.drawn = Drawn(tag, board.model_dump_json().encode())
    return unless_known(request, tag, _as_of(shown.at, drawn.content))


def _as_of(at: datetime, board: bytes) -> bytes:
    """A board that was written before, as of now."""
    return b'{"as_of":"' + at.isoformat().encode() + b'",' + board.removeprefix(b"{")


@of_units.get("/{unit_id}/mission", responses={200: {"model": Mission}, 304: UNCHANGED})
async def read_mission(request: Request, unit_id: Identifier, caller: FieldStaff) -> Response:
    """The dispatch that this unit is on, or was on until half an hour ago: where the patient is,
    whom the unit has, and who else is there. Ask again with `If-None-Match`."""
    async with snapshot(request.app.state.pool) as connection:
        mission = await board_store.mission(connection, unit_id)
    content = mission.model_dump_json(exclude={"patients": {"__all__": OURS}}).encode()
    return unless_known(request, _digest(content), content)


def _digest(content: bytes) -> str:
    return hashlib.blake2b(content, digest_size=16).hexdigest()
