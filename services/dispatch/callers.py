"""Who may ask dispatch for what, and how an act on an encounter is stored."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import Depends, Request

from schemas.encounter import (
    BoardingRevoked,
    DestinationSelected,
    EncounterEvent,
    PatientBoarded,
    PatientHandedToUnit,
    PatientReached,
)
from services.dispatch import board_store, deadline, director, store
from services.dispatch.encounter import Encounter, record
from services.kit import failpoint, outbox
from services.kit.auth import Principal
from services.kit.body import Body
from services.kit.errors import Rejected, nothing_here
from services.kit.http import Access, event_id_for
from services.kit.postgres import Row, transaction
from services.kit.role import Role

#: With these it may be another unit that drives the patient, or another hospital.
DIRECTING = frozenset({DestinationSelected, PatientReached, PatientBoarded, PatientHandedToUnit})
#: By these it is another unit that has the patient, or has them aboard, or not any more.
ACCOMPANYING = frozenset({PatientReached, PatientBoarded, BoardingRevoked, PatientHandedToUnit})
#: Part of the state, and of no answer.
OURS = {"taken"}


class Door(Access):
    """Opens a route to some roles. To a crew that has signed on with a unit, for what is that
    unit's alone: by the names in the path, and by the ``unit_id`` that the body says."""

    async def __call__(self, request: Request) -> Principal:
        """The caller. Raises 404 too for what is another unit's, as for what does not exist."""
        caller = await super().__call__(request)
        if caller.role is Role.CREW and caller.unit is not None:
            await _must_be_of(request, caller.unit)
        return caller


async def _must_be_of(request: Request, unit_id: str) -> None:
    names = request.path_params
    named = {names.get("unit_id", unit_id), await _unit_in_body(request, unit_id)}
    is_its = named == {unit_id}
    asked = names.keys() & _WHOSE.keys()
    if is_its and asked:
        async with transaction(request.app.state.pool) as connection:
            to_read = request.method == "GET"
            for name in asked:
                is_its &= await _WHOSE[name](connection, unit_id, names[name], to_read=to_read)
    if not is_its:
        raise nothing_here()


async def _unit_in_body(request: Request, unless: str) -> object:
    """What cannot be read is refused by its route."""
    try:
        said = json.loads(await request.body() or b"null")
    except ValueError:
        return unless
    return said.get("unit_id", unless) if isinstance(said, dict) else unless


#: How it is known whose something is, by how it is called in a path.
_WHOSE = {
    "incident_id": board_store.has_call,
    "leg_id": board_store.has_leg,
    "encounter_id": board_store.has_patient,
}

Dispatcher = Annotated[Principal, Depends(Door(Role.DISPATCHER))]
FieldStaff = Annotated[Principal, Depends(Door(Role.DISPATCHER, Role.CREW))]
#: A clinic acts for the patients it has opened itself, and for no others.
BedsideStaff = Annotated[Principal, Depends(Door(Role.DISPATCHER, Role.CREW, Role.PRIMARY_CARE))]
Clinic = Annotated[Principal, Depends(Door(Role.PRIMARY_CARE))]
Viewer = Annotated[Principal, Depends(Door(Role.DISPATCHER, Role.OPS))]
Anybody = Annotated[Principal, Depends(Door(*Role))]


async def act(
    request: Request,
    body: Body,
    key: str | None,
    caller: Principal,
    kind: type[EncounterEvent],
    **particulars: Any,
) -> Encounter:
    """Record an act on the encounter in the path, in one transaction."""
    encounter_id = request.path_params["encounter_id"]
    event = kind(
        event_id=event_id_for(request, body, key),
        occurred_at=body.occurred_at,
        recorded_at=datetime.now(UTC),
        encounter_id=encounter_id,
        **particulars,
    )
    async with transaction(request.app.state.pool) as connection:
        rows = await store.ENCOUNTERS.load(connection, [encounter_id])
        before = known(rows, caller)
        after, events = record(before, event)
        if after is not before:
            row = Row(after, rows[encounter_id].version)
            await store.ENCOUNTERS.save(connection, {encounter_id: row})
            await outbox.append(connection, "dispatch", events)
            if kind in DIRECTING:
                await director.to_hospital(connection, after, body.occurred_at)
            if kind in ACCOMPANYING:
                await director.to_be_expected(connection, after, event)
            clocks = request.app.state.site.clocks
            await store.arm(connection, deadline.of_patient(after, clocks, datetime.now(UTC)))
        failpoint.reach("request.decided")
    return after


def known(rows: dict[str, Row[Encounter]], caller: Principal) -> Encounter:
    """The one encounter. 404 when there is none, or none that this caller may see."""
    (row,) = rows.values()
    if caller.role is Role.PRIMARY_CARE and not (row.state and caller.is_of(row.state.facility_id)):
        raise nothing_here()
    if row.state is None:
        raise Rejected(404, "Unknown encounter", "Open an incident first, or check the number.")
    return row.state
