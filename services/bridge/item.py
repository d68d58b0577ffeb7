"""What stands in a facility's queue: an item for each patient bound for it."""

from __future__ import annotations

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


def item_of(case: Case, facility_id: str, *, withdrawn: bool) -> dict[str, Any]:
    """An ``Item``. In its record what is not known is absent, in its handoff it is null."""
    return {
        "encounter_id": case.encounter_id,
        "facility_id": facility_id,
        "centres": [] if withdrawn else [centre.value for centre in case.centres],
        "version": case.version,
        "record": None if withdrawn else record_of(case).model_dump(mode="json", exclude_none=True),
        "handoff": None if withdrawn else case.handoff.model_dump(mode="json"),
        "withdrawn": withdrawn,
    }
