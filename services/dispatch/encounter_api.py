"""Patients: what is known of them, and every act on them."""

from __future__ import annotations

from fastapi import APIRouter, Request

from schemas.encounter import (
    BoardingRevoked,
    DestinationSelected,
    DeviceAttached,
    DeviceDetached,
    EncounterEnded,
    EncounterUpdated,
    PatientBoarded,
    PatientHandedToUnit,
    PatientReached,
)
from schemas.event import Identifier
from services.dispatch import store
from services.dispatch.callers import (
    OURS,
    BedsideStaff,
    Dispatcher,
    FieldStaff,
    act,
    known,
)
from services.dispatch.encounter import Encounter
from services.dispatch.requests import (
    AttachDevice,
    ByUnit,
    EndEncounter,
    HandToUnit,
    RevokeBoarding,
    SelectDestination,
    UpdatePatient,
)
from services.kit.body import Body
from services.kit.http import IdempotencyKey, retrying
from services.kit.postgres import transaction

router = APIRouter(prefix="/v1/encounters")


@router.get("/{encounter_id}", response_model_exclude=OURS)
async def read_encounter(
    request: Request, encounter_id: Identifier, caller: BedsideStaff
) -> Encounter:
    """An encounter as it stands."""
    async with transaction(request.app.state.pool) as connection:
        return known(await store.ENCOUNTERS.load(connection, [encounter_id], lock=False), caller)


@router.put("/{encounter_id}/patient", response_model_exclude=OURS)
@retrying
async def update_patient(
    request: Request,
    encounter_id: Identifier,
    body: UpdatePatient,
    caller: BedsideStaff,
    idempotency_key: IdempotencyKey = None,
) -> Encounter:
    """Say what is now known of the patient."""
    return await act(request, body, idempotency_key, caller, EncounterUpdated, patient=body.patient)


@router.post("/{encounter_id}/reached", response_model_exclude=OURS)
@retrying
async def reach_patient(
    request: Request,
    encounter_id: Identifier,
    body: ByUnit,
    caller: FieldStaff,
    idempotency_key: IdempotencyKey = None,
) -> Encounter:
    """The crew stands at the patient."""
    return await act(request, body, idempotency_key, caller, PatientReached, unit_id=body.unit_id)


@router.post("/{encounter_id}/devices", response_model_exclude=OURS)
@retrying
async def attach_device(
    request: Request,
    encounter_id: Identifier,
    body: AttachDevice,
    caller: BedsideStaff,
    idempotency_key: IdempotencyKey = None,
) -> Encounter:
    """From ``occurred_at`` on, the monitor speaks for this patient."""
    return await act(
        request, body, idempotency_key, caller, DeviceAttached, device_id=body.device_id
    )


@router.post("/{encounter_id}/devices/{device_id}/detached", response_model_exclude=OURS)
@retrying
async def detach_device(
    request: Request,
    encounter_id: Identifier,
    device_id: Identifier,
    body: Body,
    caller: BedsideStaff,
    idempotency_key: IdempotencyKey = None,
) -> Encounter:
    """From ``occurred_at`` on, the monitor no longer speaks for this patient."""
    return await act(request, body, idempotency_key, caller, DeviceDetached, device_id=device_id)


@router.post("/{encounter_id}/destination", response_model_exclude=OURS)
@retrying
async def select_destination(
    request: Request,
    encounter_id: Identifier,
    body: SelectDestination,
    caller: Dispatcher,
    idempotency_key: IdempotencyKey = None,
) -> Encounter:
    """Choose the hospital. From now on that facility, and no other, sees the patient."""
    return await act(
        request,
        body,
        idempotency_key,
        caller,
        DestinationSelected,
        facility_id=body.facility_id,
        selected_by=caller.name,
    )


@router.post("/{encounter_id}/boarding", response_model_exclude=OURS)
@retrying
async def board(
    request: Request,
    encounter_id: Identifier,
    body: ByUnit,
    caller: FieldStaff,
    idempotency_key: IdempotencyKey = None,
) -> Encounter:
    """上车即入院: the patient is aboard, and thereby admitted."""
    return await act(request, body, idempotency_key, caller, PatientBoarded, unit_id=body.unit_id)


@router.post("/{encounter_id}/boarding/revoked", response_model_exclude=OURS)
@retrying
async def revoke_boarding(
    request: Request,
    encounter_id: Identifier,
    body: RevokeBoarding,
    caller: FieldStaff,
    idempotency_key: IdempotencyKey = None,
) -> Encounter:
    """The patient is not aboard after all, and so not admitted. They may board yet."""
    told = {"unit_id": body.unit_id, "reason": body.reason}
    return await act(request, body, idempotency_key, caller, BoardingRevoked, **told)


@router.post("/{encounter_id}/outcome", response_model_exclude=OURS)
@retrying
async def end_encounter(
    request: Request,
    encounter_id: Identifier,
    body: EndEncounter,
    caller: BedsideStaff,
    idempotency_key: IdempotencyKey = None,
) -> Encounter:
    """End the encounter with its outcome; of who refused, with who has signed that."""
    told = {"outcome": body.outcome, "refusal": body.refusal}
    return await act(request, body, idempotency_key, caller, EncounterEnded, **told)


@router.post("/{encounter_id}/handed-to-unit", response_model_exclude=OURS)
@retrying
async def hand_to_unit(
    request: Request,
    encounter_id: Identifier,
    body: HandToUnit,
    caller: FieldStaff,
    idempotency_key: IdempotencyKey = None,
) -> Encounter:
    """Another unit goes on with the patient; who is admitted stays admitted."""
    told = {"unit_id": body.unit_id, "to_unit_id": body.to_unit_id, "reason": body.reason}
    return await act(request, body, idempotency_key, caller, PatientHandedToUnit, **told)
