"""The gateway: what devices and crews send becomes events of a patient.

Of what devices say and crews enter it keeps no record. What it takes it has written to the broker,
acknowledged, before it says 202. Files of examinations lie in a schema of its own.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.resources import files
from typing import Any

from fastapi import APIRouter, Request, Response

from schemas.attachment import LARGEST
from schemas.clinical import (
    BackgroundTold,
    ExaminationDone,
    FindingRecorded,
    LevelOverridden,
    ObservationReattributed,
    ObservationRetracted,
    ScaleScored,
    TreatmentGiven,
    VitalSignsRecorded,
)
from schemas.encounter import EncounterEvent
from schemas.event import Event, Identifier
from services.dispatch import bedside, upload_api
from services.dispatch.bedside import Bedside, Crew, known, publish
from services.dispatch.bodies import (
    NDJSON,
    BackgroundReport,
    Delivery,
    DeviceSample,
    Doubt,
    Examination,
    Finding,
    Level,
    PositionLine,
    Reading,
    Reattribution,
    Refusal,
    Retraction,
    Scale,
    Taken,
    Treatment,
    UnitFix,
    VitalsLine,
    VitalsTaken,
    WornMonitor,
)
from services.dispatch.device_clock import Clocks
from services.dispatch.directory import Directory
from services.dispatch.history import Stretch, samples
from services.dispatch.raw import RawReader
from services.dispatch.restorer import Restorer
from services.dispatch.telemetry import offsets_of, position_event, read_lines, vitals_event
from services.kit import kafka, postgres, runtime
from services.kit import metrics as seen
from services.kit.auth import Gate, Principal
from services.kit.body import Body
from services.kit.errors import Rejected
from services.kit.http import IdempotencyKey, create_app, event_id_for
from services.kit.patience import patiently
from services.kit.problems import problem
from services.kit.settings import Settings

SERVICE = "gateway"
#: Lines of one request, and after how many of them others get a turn.
MOST_LINES, SLICE = 5_000, 200
UNKNOWN_DEVICE = "Nobody has this device at that time: attach it, then send this again."

router = APIRouter(prefix="/v1", tags=["observations"])
router.routes.extend(upload_api.router.routes)


@router.post(
    "/telemetry",
    status_code=202,
    responses={202: {"model": Delivery}},
    openapi_extra={"requestBody": NDJSON},
)
async def take_telemetry(request: Request, caller: Crew) -> Response:
    """NDJSON: each line stands for itself, and the answer names every line that was refused.

    It waits for nobody: a line of a device that is about to be attached is sent again.
    """
    received_at = datetime.now(UTC)
    body = await request.body()
    if body.removesuffix(b"\n").count(b"\n") >= MOST_LINES:
        return problem(413, "Too many lines", f"Send at most {MOST_LINES} lines at once.")
    lines = []
    for line in read_lines(body):
        lines.append(line)
        if len(lines) % SLICE == 0:
            await asyncio.sleep(0)
    fixes = [position_event(line) for _, line in lines if isinstance(line, PositionLine)]
    samples = [(number, line) for number, line in lines if isinstance(line, VitalsLine)]
    directory: Directory = request.app.state.directory
    await directory.caught_up(bedside.WAIT_S)
    vitals, unknown = _resolve(request, samples, received_at)
    refused = [line for _, line in lines if isinstance(line, Refusal)] + unknown
    refused.sort(key=lambda refusal: refusal.line)
    await publish(request.app.state.producer, [*fixes, *vitals])
    _hear(directory, vitals)
    seen.SAMPLES.labels("vitals", "refused").inc(len(refused))
    homeless = {refusal.line for refusal in unknown}
    doubted = [
        Doubt(line=number, invalid=line.vitals.invalid)
        for number, line in samples
        if line.vitals.invalid and number not in homeless
    ]
    answer = Delivery(
        accepted=len(fixes) + len(vitals), refused=tuple(refused), doubted=tuple(doubted)
    )
    if refused and not answer.accepted:
        wanted = "Mend the lines named in 'refused'."
        return problem(422, "Nothing accepted", wanted, **answer.model_dump())
    return Response(answer.model_dump_json(), 202, media_type="application/json")


@router.post("/devices/{device_id}/vitals", status_code=202)
async def take_sample(
    request: Request,
    device_id: Identifier,
    body: DeviceSample,
    caller: Crew,
    idempotency_key: IdempotencyKey = None,
) -> VitalsTaken:
    """One set of vital signs from a monitor."""
    received_at = datetime.now(UTC)
    event_id = event_id_for(request, body, idempotency_key)
    lines = [(1, VitalsLine(event_id=event_id, device_id=device_id, **_given(body)))]
    directory: Directory = request.app.state.directory
    await directory.caught_up(bedside.WAIT_S)
    await directory.wait_until(lambda: not _resolve(request, lines, received_at)[1], bedside.WAIT_S)
    events, unknown = _resolve(request, lines, received_at)
    if unknown:
        raise Rejected(404, "Unknown device", UNKNOWN_DEVICE)
    await publish(request.app.state.producer, events)
    _hear(directory, events)
    return VitalsTaken(event_id=event_id, invalid=body.vitals.invalid)


@router.post("/units/{unit_id}/positions", status_code=202)
async def take_position(
    request: Request,
    unit_id: Identifier,
    body: UnitFix,
    caller: Crew,
    idempotency_key: IdempotencyKey = None,
) -> Taken:
    """One GPS fix of a unit."""
    event_id = event_id_for(request, body, idempotency_key)
    line = PositionLine(event_id=event_id, unit_id=unit_id, **_given(body))
    await publish(request.app.state.producer, [position_event(line)])
    return Taken(event_id=event_id)


@router.post("/encounters/{encounter_id}/vitals", status_code=202)
async def take_reading(
    request: Request,
    encounter_id: Identifier,
    body: Reading,
    caller: Bedside,
    idempotency_key: IdempotencyKey = None,
) -> VitalsTaken:
    """Vital signs that a human vouches for."""
    taken = await _enter(
        request, body, idempotency_key, caller, VitalSignsRecorded, method="reading"
    )
    return VitalsTaken(event_id=taken.event_id, invalid=body.vitals.invalid)


@router.get("/encounters/{encounter_id}/devices")
async def read_monitors(
    request: Request, encounter_id: Identifier, caller: Crew
) -> list[WornMonitor]:
    """The monitors that the patient wears, and when each was last heard: one of which nothing comes
    may have another number than was typed."""
    await known(request, encounter_id, caller)
    directory: Directory = request.app.state.directory
    return [
        WornMonitor(
            device_id=each.device_id,
            attached_at=each.attached_at,
            heard_at=each.last and each.last.occurred_at,
            vitals=each.last and each.last.vitals,
        )
        for each in directory.monitors.worn(encounter_id, datetime.now(UTC))
    ]


@router.post("/encounters/{encounter_id}/findings", status_code=202)
async def take_finding(
    request: Request,
    encounter_id: Identifier,
    body: Finding,
    caller: Bedside,
    idempotency_key: IdempotencyKey = None,
) -> Taken:
    """Something the crew observed."""
    return await _enter(request, body, idempotency_key, caller, FindingRecorded)


@router.post("/encounters/{encounter_id}/examinations", status_code=202)
async def take_examination(
    request: Request,
    encounter_id: Identifier,
    body: Examination,
    caller: Bedside,
    idempotency_key: IdempotencyKey = None,
) -> Taken:
    """An examination the crew made."""
    return await _enter(request, body, idempotency_key, caller, ExaminationDone)


@router.post("/encounters/{encounter_id}/scales", status_code=202)
async def take_scale(
    request: Request,
    encounter_id: Identifier,
    body: Scale,
    caller: Bedside,
    idempotency_key: IdempotencyKey = None,
) -> Taken:
    """Items of a scale (LAMS, RACE, PEWS …) as the crew scored them."""
    return await _enter(request, body, idempotency_key, caller, ScaleScored)


@router.post("/encounters/{encounter_id}/treatments", status_code=202)
async def take_treatment(
    request: Request,
    encounter_id: Identifier,
    body: Treatment,
    caller: Bedside,
    idempotency_key: IdempotencyKey = None,
) -> Taken:
    """A treatment the crew gave."""
    return await _enter(request, body, idempotency_key, caller, TreatmentGiven)


@router.post("/encounters/{encounter_id}/background", status_code=202)
async def take_background(
    request: Request,
    encounter_id: Identifier,
    body: BackgroundReport,
    caller: Bedside,
    idempotency_key: IdempotencyKey = None,
) -> Taken:
    """Allergies, medication, history and what else a handover asks for: a field that is there
    replaces what was told before in it."""
    return await _enter(request, body, idempotency_key, caller, BackgroundTold)


@router.post("/encounters/{encounter_id}/level", status_code=202)
async def take_level(
    request: Request,
    encounter_id: Identifier,
    body: Level,
    caller: Crew,
    idempotency_key: IdempotencyKey = None,
) -> Taken:
    """The crew's own level, up or down: from now on the worst known."""
    told = {"overridden_by": caller.name, "role": "crew"}
    return await _enter(request, body, idempotency_key, caller, LevelOverridden, **told)


@router.post("/encounters/{encounter_id}/retractions", status_code=202)
async def take_retraction(
    request: Request,
    encounter_id: Identifier,
    body: Retraction,
    caller: Bedside,
    idempotency_key: IdempotencyKey = None,
) -> Taken:
    """Take back what was entered: it stays in the log, and counts no more."""
    told = {"retracted_by": caller.name}
    return await _enter(request, body, idempotency_key, caller, ObservationRetracted, **told)


@router.post("/encounters/{encounter_id}/reattributions", status_code=202)
async def take_reattribution(
    request: Request,
    encounter_id: Identifier,
    body: Reattribution,
    caller: Bedside,
    idempotency_key: IdempotencyKey = None,
) -> Taken:
    """What a monitor measured was another patient's: that one gets it, and this one loses it."""
    await known(request, encounter_id, caller)
    if body.to_encounter_id is not None:
        if body.to_encounter_id == encounter_id:
            raise Rejected(422, "The same patient", "Name the patient whose samples these were.")
        await known(request, body.to_encounter_id, caller)
        wanted = Stretch(encounter_id, body.device_id, body.since, body.until)
        found = await samples(request.app.state.settings, wanted)
        theirs = [e.model_copy(update={"encounter_id": body.to_encounter_id}) for e in found]
        await publish(request.app.state.producer, theirs)
    told = {"reported_by": caller.name}
    return await _enter(request, body, idempotency_key, caller, ObservationReattributed, **told)


def _hear(directory: Directory, events: Sequence[Event]) -> None:
    for event in events:
        if isinstance(event, VitalSignsRecorded):
            directory.monitors.hear(event)


def _given(body: Body) -> dict[str, Any]:
    return {name: getattr(body, name) for name in type(body).model_fields}


async def _enter(
    request: Request,
    body: Body,
    key: str | None,
    caller: Principal,
    kind: type[EncounterEvent],
    **particulars: str,
) -> Taken:
    """What a crew or a clinic enters about the patient in the path."""
    encounter_id = request.path_params["encounter_id"]
    await known(request, encounter_id, caller)
    event_id = event_id_for(request, body, key)
    event = kind(event_id=event_id, encounter_id=encounter_id, **particulars, **_given(body))
    await publish(request.app.state.producer, [event])
    return Taken(event_id=event_id)


def _resolve(
    request: Request, lines: Sequence[tuple[int, VitalsLine]], received_at: datetime
) -> tuple[list[Event], list[Refusal]]:
    """Vital signs of patients, and the lines whose device nobody has."""
    directory: Directory = request.app.state.directory
    clocks: Clocks = request.app.state.clocks
    offsets = offsets_of(clocks, [line for _, line in lines], received_at)
    events: list[Event] = []
    unknown = []
    for number, line in lines:
        event = vitals_event(line, offsets[line.device_id], directory.monitors.holder)
        if event is None:
            unknown.append(Refusal(line=number, status=404, detail=UNKNOWN_DEVICE))
        else:
            events.append(event)
    return events, unknown


async def main(settings: Settings) -> None:
    """Run until something fails."""
    pool = await patiently(settings, SERVICE, lambda: postgres.connect(settings, SERVICE, size=4))
    await postgres.migrate(pool, SERVICE, [files("services.dispatch") / "files"])
    producer = await patiently(
        settings, SERVICE, lambda: kafka.started(lambda: kafka.producer(settings))
    )
    directory = Directory(settings)
    raw = RawReader(settings, directory, producer)

    async def is_ready() -> bool:
        return directory.ready and raw.ready

    app = create_app(SERVICE, Gate(settings, pool), [router], is_ready, body_limit=LARGEST)
    app.state.settings, app.state.directory, app.state.producer = settings, directory, producer
    app.state.pool, app.state.clocks = pool, Clocks()
    files_told = upload_api.Teller(pool, producer)
    try:
        await runtime.together(
            [
                *(runtime.serve(app, settings), directory.run, raw.run, files_told.run),
                Restorer(settings, directory, producer).run,
            ]
        )
    finally:
        await kafka.stop(producer)
