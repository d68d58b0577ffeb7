"""How vital signs went, as the facility was told: of one patient, or of its whole queue at once."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from schemas.clinical import VitalSigns
from schemas.event import Identifier, Moment
from services.bridge import course_store, journal, store
from services.bridge.course import SHOWN, Course, QueueCourses, outline, whole
from services.bridge.reading_api import Staff, opened

router = APIRouter(prefix="/v1/facilities/{facility_id}", tags=["handover"])

#: So many queues are read at once with one worker: those who act do not wait for boards that open.
AT_ONCE = 2
Since = Annotated[Moment | None, Query(description="What was measured after this.")]


@router.get("/encounters/{encounter_id}/vitals", responses={200: {"model": Course}})
async def read_vitals(
    request: Request,
    facility_id: Identifier,
    encounter_id: Identifier,
    caller: Staff,
    since: Since = None,
) -> Response:
    """The vital signs that this facility was told of the patient; of those that another was told
    before nothing."""
    async with store.confined(request.app.state.pool, facility_id) as connection:
        item = await opened(connection, facility_id, encounter_id, caller, "vitals")
        found = await course_store.series(
            connection, facility_id, [encounter_id], VitalSigns.model_fields, whole(since)
        )
    about = {
        "encounter_id": encounter_id,
        "facility_id": facility_id,
        "treatments": json.loads(item.text)["record"]["treatments"],
    }
    text = f'{json.dumps(about)[:-1]}, "series": {found.get(encounter_id, "[]")}}}'
    return Response(text, media_type="application/json")


@router.get("/vitals", responses={200: {"model": QueueCourses}})
async def read_queue_vitals(
    request: Request, facility_id: Identifier, caller: Staff, since: Since = None
) -> Response:
    """The last half hour of everybody who is bound for this facility, of each minute the last
    value; a board that is opened asks once, and goes on by the feed."""
    bounds = outline(since, datetime.now(UTC))
    async with (
        request.app.state.courses,
        store.confined(request.app.state.pool, facility_id) as connection,
    ):
        patients = await course_store.queued(connection, facility_id)
        found = await course_store.series(connection, facility_id, patients, SHOWN, bounds)
        if found:
            await journal.note(connection, facility_id, "vitals", [(caller, list(found))])
    told = ",".join(
        f'{{"encounter_id":{json.dumps(name)},"series":{text}}}' for name, text in found.items()
    )
    about = json.dumps({"facility_id": facility_id, "since": bounds.since.isoformat()})
    return Response(f'{about[:-1]}, "patients": [{told}]}}', media_type="application/json")
