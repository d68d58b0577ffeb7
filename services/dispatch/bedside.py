"""What every route of the gateway needs: who may call it, whether the patient is known, and the
broker's word before the answer."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated

from aiokafka import AIOKafkaProducer
from fastapi import Depends, Request

from schemas.clinical import VitalSignsRecorded
from schemas.envelope import encode
from schemas.event import Event
from schemas.unit import PositionReported
from services.dispatch.directory import Directory
from services.kit import failpoint, kafka, tally
from services.kit import metrics as seen
from services.kit.auth import Principal
from services.kit.errors import Rejected, nothing_here
from services.kit.http import Access
from services.kit.role import Role

_KINDS: Mapping[type[Event], str] = {VitalSignsRecorded: "vitals", PositionReported: "position"}
#: A device may be attached a moment after its sample; so long a single answer may wait.
WAIT_S = 2.0
UNKNOWN_PATIENT = "Nobody has opened this encounter: check the number, then send this again."

Crew = Annotated[Principal, Depends(Access(Role.CREW))]
Desk = Annotated[Principal, Depends(Access(Role.DISPATCHER))]
#: A clinic acts for the patients it has opened itself, and for no others.
Bedside = Annotated[Principal, Depends(Access(Role.CREW, Role.PRIMARY_CARE))]


async def known(request: Request, encounter_id: str, caller: Principal) -> None:
    """Raises 404 for a patient whom nobody has opened, or who is not this clinic's."""
    directory: Directory = request.app.state.directory
    await directory.caught_up(WAIT_S)
    opened = directory.monitors.encounters
    if caller.role is Role.PRIMARY_CARE:
        # Another's patient is waited for as long as nobody: the time tells nothing either.
        if not await directory.wait_until(lambda: caller.is_of(opened.get(encounter_id)), WAIT_S):
            raise nothing_here()
    elif not await directory.wait_until(lambda: encounter_id in opened, WAIT_S):
        raise Rejected(404, "Unknown encounter", UNKNOWN_PATIENT)


async def publish(producer: AIOKafkaProducer, events: Sequence[Event]) -> None:
    """Write the events and wait for the broker: only then may the answer say 202."""
    failpoint.reach("gateway.received")
    messages = [encode(event, "greenchannel/gateway") for event in events]
    await kafka.publish(producer, messages)
    failpoint.reach("gateway.published")
    taken(events)


def taken(events: Iterable[Event]) -> None:
    """The broker has these: they are counted."""
    events = list(events)
    tally.count(events)
    for kind, many in Counter(_KINDS.get(type(event), "act") for event in events).items():
        seen.SAMPLES.labels(kind, "accepted").inc(many)
