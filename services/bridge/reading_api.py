"""What an emergency department reads: its own patients, and no others. Whoever reads is noted."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Annotated, Any, get_args

from fastapi import APIRouter, Depends, Header, Path, Query, Request, Response
from sse_starlette import EventSourceResponse, ServerSentEvent

from schemas.attachment import MediaType, Sha256
from schemas.event import Identifier, Moment, Value
from services.bridge import journal, store
from services.bridge.feed import Line
from services.bridge.item import HandedOvers, Item, Queue, handed_over
from services.bridge.journal import Read, Way
from services.kit.auth import Principal
from services.kit.errors import Rejected, nothing_here
from services.kit.http import NOTHING_RUNS, Access
from services.kit.openapi import TOO_MANY, file_of
from services.kit.postgres import Connection
from services.kit.role import Role

#: What a facility says (`api`) is added to it.
router = APIRouter(prefix="/v1/facilities/{facility_id}", tags=["handover"])

Staff = Annotated[Principal, Depends(Access(Role.CENTRE))]
#: Who looks at patients does not look at who else has, and who runs the system does not either.
Auditor = Annotated[Principal, Depends(Access(Role.ADMIN))]
#: A board that does not read for this long is dropped.
SEND_TIMEOUT_S = 10
HEARTBEAT_S = 2
#: More of the log than this is asked for in parts.
LONGEST, MOST = timedelta(days=31), 10_000
#: Who was handed over is found again for so long, and so many.
OF_LATE, MOST_OF_LATE = timedelta(hours=24), 200

#: How an event of the feed is described.
EVENT = {
    "type": "object",
    "required": ["id", "event", "data"],
    "properties": {
        "id": {"type": "string"},
        "event": {"enum": ["snapshot", "item", "behind"]},
        "data": {"type": "string", "contentMediaType": "application/json"},
    },
}


class Entry(Value):
    """A record, an act or an escalation, as it was sent; ``type`` is the event's."""

    type: str
    occurred_at: datetime
    recorded_at: datetime
    event: dict[str, Any]


class Timeline(Value):
    """What a facility was told of a patient and what it said, oldest first."""

    encounter_id: Identifier
    facility_id: Identifier
    entries: tuple[Entry, ...]


class Reads(Value):
    """What was read at a facility in a period, oldest first."""

    facility_id: Identifier
    since: datetime
    until: datetime
    reads: tuple[Read, ...]


@router.get("/queue", responses={200: {"model": Queue}})
async def read_queue(request: Request, facility_id: Identifier, caller: Staff) -> Response:
    """Everything bound for this facility now."""
    async with store.confined(request.app.state.pool, facility_id) as connection:
        queue = await store.snapshot(connection, facility_id)
        if queue.encounter_ids:
            read = (caller, queue.encounter_ids)
            await journal.note(connection, facility_id, "queue", [read])
    return Response(queue.text, media_type="application/json")


@router.get("/handed-over")
async def read_handed_over(request: Request, facility_id: Identifier, caller: Staff) -> HandedOvers:
    """Who was handed over at this facility in the last 24 hours, the last first, at most 200."""
    since = datetime.now(UTC) - OF_LATE
    async with store.confined(request.app.state.pool, facility_id) as connection:
        found = await store.handed_over(connection, facility_id, since, MOST_OF_LATE)
        if found:
            read = (caller, [name for each in found for name in each.encounter_ids])
            await journal.note(connection, facility_id, "handed_over", [read])
    return HandedOvers(patients=tuple(handed_over(json.loads(each.text)) for each in found))


async def _place(request: Request, caller: Staff) -> AsyncIterator[None]:
    """Held until the feed has ended."""
    with request.app.state.feeds.place(caller):
        yield


@router.get(
    "/feed",
    response_class=EventSourceResponse,
    responses={200: {"content": {"text/event-stream": {"schema": EVENT}}}, 429: TOO_MANY},
    dependencies=[Depends(_place)],
)
async def follow_queue(
    request: Request,
    facility_id: Identifier,
    caller: Staff,
    last_event_id: Annotated[int | None, Header(ge=0, lt=2**63)] = None,
) -> EventSourceResponse:
    """The queue as server-sent events: a snapshot, or what was missed; then every change."""
    lines = request.app.state.feeds.subscribe(facility_id, last_event_id, caller)

    async def events() -> AsyncIterator[bytes]:
        async for line in lines:
            yield _for_all(line) if line[1] == "item" else _written(line)

    return EventSourceResponse(events(), ping=HEARTBEAT_S, send_timeout=SEND_TIMEOUT_S)


def _written(line: Line) -> bytes:
    feed, kind, text = line
    return ServerSentEvent(data=text, event=kind, id=str(feed)).encode()


#: All boards of a facility get the same: it is written once.
_for_all = lru_cache(maxsize=256)(_written)


@router.get("/encounters/{encounter_id}", responses={200: {"model": Item}})
async def read_item(
    request: Request, facility_id: Identifier, encounter_id: Identifier, caller: Staff
) -> Response:
    """One patient who is bound for this facility, also after care was handed over."""
    async with store.confined(request.app.state.pool, facility_id) as connection:
        item = await opened(connection, facility_id, encounter_id, caller, "item")
    return Response(item.text, media_type="application/json")


@router.get("/encounters/{encounter_id}/timeline")
async def read_timeline(
    request: Request, facility_id: Identifier, encounter_id: Identifier, caller: Staff
) -> Timeline:
    """All that this facility was told of the patient, did and was late with; of others nothing."""
    async with store.confined(request.app.state.pool, facility_id) as connection:
        await opened(connection, facility_id, encounter_id, caller, "timeline")
        entries = await store.told(connection, facility_id, encounter_id)
    return Timeline(
        encounter_id=encounter_id,
        facility_id=facility_id,
        entries=tuple(_entry(entry) for entry in entries),
    )


def _entry(row: Mapping[str, Any]) -> Entry:
    """As it was sent, without the hospital that the patient was bound for before."""
    event = {name: said for name, said in json.loads(row["event"]).items() if name != "before"}
    return Entry.model_validate({**row, "event": event})


@router.get(
    "/encounters/{encounter_id}/attachments/{sha256}",
    response_class=Response,
    responses={200: file_of(get_args(MediaType))},
)
async def read_attachment(
    request: Request,
    facility_id: Identifier,
    encounter_id: Identifier,
    sha256: Annotated[Sha256, Path(description="As the record names the file.")],
    caller: Staff,
) -> Response:
    """A file of an examination: the picture of an ECG, or its PDF."""
    async with store.confined(request.app.state.pool, facility_id) as connection:
        item = await opened(connection, facility_id, encounter_id, caller, "attachment")
        files = json.loads(item.text)["record"].get("attachments", ())
        file = next((each for each in files if each["sha256"] == sha256), None)
        content = b"" if file is None else await store.attached(connection, encounter_id, sha256)
        if file is None or len(content) != file["size"]:  # it is not there, or not whole any more
            raise nothing_here()
    return Response(content, media_type=file["media_type"], headers=NOTHING_RUNS)


async def opened(
    connection: Connection, facility_id: str, encounter_id: str, caller: Principal, way: Way
) -> store.Shown:
    """The patient's item, noted as read. Raises ``Rejected`` 404 when it is not bound for here."""
    item = await store.shown(connection, facility_id, encounter_id)
    if item is None:
        raise nothing_here()
    await journal.note(connection, facility_id, way, [(caller, item.encounter_ids)])
    return item


@router.get("/reads")
async def read_reads(
    request: Request,
    facility_id: Identifier,
    caller: Auditor,
    since: Annotated[
        Moment | None, Query(description="From here on; a day before the end.")
    ] = None,
    until: Annotated[Moment | None, Query(description="Until before this; now.")] = None,
) -> Reads:
    """Who has read of which patient at this facility. Whoever asks is noted too."""
    end = until or datetime.now(UTC)
    begin = since or end - timedelta(days=1)
    if not timedelta(0) < end - begin <= LONGEST:
        wanted = f"until comes after since, at most {LONGEST.days} days later."
        raise Rejected(422, "No such period", wanted)
    async with store.confined(request.app.state.pool, facility_id) as connection:
        await journal.note(connection, facility_id, "reads", [(caller, ())])
        found = await journal.reads(connection, facility_id, begin, end, MOST + 1)
    if len(found) > MOST:
        wanted = f"It has more than {MOST} reads: ask for it in parts."
        raise Rejected(422, "Too long a period", wanted)
    return Reads(facility_id=facility_id, since=begin, until=end, reads=tuple(found))
