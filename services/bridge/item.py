"""What stands in a facility's queue: an item for each patient bound for it."""

from __future__ import annotations

import json
from typing import Any

from pydantic import AwareDatetime

from schemas.event import Identifier, Value
from schemas.handoff import HandoverSigned, PreArrivalRecord
from schemas.triage import Centre
from services.bridge.case import Case, Handoff
from services.bridge.record import record_of


class Item(Value):
    """One patient as a board shows them; ``version`` counts the records sent."""

    encounter_id: Identifier
    facility_id: Identifier
    centres: tuple[Centre, ...]
    version: int
    record: PreArrivalRecord | None
    handoff: Handoff | None
    withdrawn: bool
    feed: int | None = None


class Queue(Value):
    """Everything bound for a facility, as of this feed number."""

    feed: int
    items: tuple[Item, ...]


class Signed(Value):
    """A handover as who gives sees it: who has signed, and whether both have."""

    encounter_id: Identifier
    facility_id: Identifier
    signatures: tuple[HandoverSigned, ...]
    transferred_at: AwareDatetime | None


def text_of(case: Case, facility_id: str, *, withdrawn: bool) -> str:
    """An ``Item`` as JSON. In its record what is not known is absent, in its handoff it is null."""
    about = {
        "encounter_id": case.encounter_id,
        "facility_id": facility_id,
        "centres": [] if withdrawn else [centre.value for centre in case.centres],
        "version": case.version,
        "withdrawn": withdrawn,
    }
    record = "null" if withdrawn else record_of(case).model_dump_json(exclude_none=True)
    handoff = "null" if withdrawn else case.handoff.model_dump_json()
    return f'{json.dumps(about)[:-1]}, "record": {record}, "handoff": {handoff}}}'


def item_of(case: Case, facility_id: str, *, withdrawn: bool) -> dict[str, Any]:
    """The same, to be put into something larger."""
    item: dict[str, Any] = json.loads(text_of(case, facility_id, withdrawn=withdrawn))
    return item
