"""Dispatch's tables: incidents, encounters, units, and the stamps of every leg."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from schemas.event import Event
from services.dispatch.encounter import Encounter
from services.dispatch.incident import Incident
from services.dispatch.unit import Leg, Unit
from services.kit.errors import Rejected
from services.kit.postgres import Connection, Row, State, Table
from services.kit.work import Received

INCIDENTS = Table("incidents", Incident)
ENCOUNTERS = Table("encounters", Encounter)
UNITS = Table("units", Unit)

_STAMPS = """
    INSERT INTO stamps (leg_id, status, source, occurred_at)
    SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::timestamptz[])
    ON CONFLICT DO NOTHING
"""
_INDICATOR = """
    WITH legs AS (
        SELECT s.leg_id, min(s.occurred_at) FILTER (WHERE s.status = 'notified') AS notified,
               min(s.occurred_at) FILTER (WHERE s.status = 'departed') AS departed
          FROM stamps s
          JOIN incidents i ON i.id = split_part(s.leg_id, '.', 1)
         WHERE i.state ->> 'classification' = 'emergency'
         GROUP BY s.leg_id
    )
    SELECT count(*) FILTER (WHERE departed - notified <= make_interval(secs => $1)) AS numerator,
           count(*) FILTER (WHERE departed IS NOT NULL) AS denominator,
           count(*) FILTER (WHERE departed IS NULL) AS missing
      FROM legs
"""


def known(row: Row[State]) -> State:
    """What stands in a row. Raises ``Rejected`` 404 when nothing does."""
    if row.state is None:
        raise Rejected(404, "Unknown", "Open it first, or check the number.")
    return row.state


async def incident(connection: Connection, incident_id: str) -> Incident:
    """An incident as it stands, for reading."""
    return known((await INCIDENTS.load(connection, [incident_id], lock=False))[incident_id])


class EncounterStore:
    """The loop's view of encounters."""

    async def load(
        self, connection: Connection, batch: Mapping[str, Sequence[Received]]
    ) -> dict[str, Row[Encounter]]:
        """The encounters of the batch, locked."""
        return await ENCOUNTERS.load(connection, batch.keys())

    async def save(
        self,
        connection: Connection,
        changed: Mapping[str, Row[Encounter]],
        emitted: Sequence[Event],
    ) -> None:
        """Store what changed."""
        await ENCOUNTERS.save(connection, changed)


class UnitStore:
    """The loop's view of units, stamps included."""

    async def load(
        self, connection: Connection, batch: Mapping[str, Sequence[Received]]
    ) -> dict[str, Row[Unit]]:
        """The units of the batch, locked."""
        return await UNITS.load(connection, batch.keys())

    async def save(
        self, connection: Connection, changed: Mapping[str, Row[Unit]], emitted: Sequence[Event]
    ) -> None:
        """Store what changed, and every stamp that is new."""
        await UNITS.save(connection, changed)
        legs = [row.state.leg for row in changed.values() if row.state and row.state.leg]
        await _stamp(connection, legs)


async def _stamp(connection: Connection, legs: Sequence[Leg]) -> None:
    stamps = [(leg.leg_id, stamp) for leg in legs for stamp in leg.stamps]
    await connection.execute(
        _STAMPS,
        [leg_id for leg_id, _ in stamps],
        [stamp.status.value for _, stamp in stamps],
        [stamp.source for _, stamp in stamps],
        [stamp.occurred_at for _, stamp in stamps],
    )


async def three_minute_dispatch(connection: Connection, limit_s: float) -> dict[str, int]:
    """Emergency legs departed within ``limit_s``, departed at all, and never stamped."""
    row = await connection.fetchrow(_INDICATOR, limit_s)
    return dict(row) if row else {}
