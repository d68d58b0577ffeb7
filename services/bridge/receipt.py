"""How far a record has come at the facility: delivered is not displayed, and nobody has seen it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated

from pydantic import Field

from schemas.encounter import EncounterEvent
from schemas.envelope import derived_id
from schemas.event import Identifier, Value
from schemas.handoff import ReceiptEvent, RecordDelivered, RecordDisplayed, Via
from services.bridge.case import Case


class Receipt(Value):
    """A version of a record that has come to a board, and whether it is on the screen."""

    encounter_id: Identifier
    version: Annotated[int, Field(ge=1)]
    displayed: bool = False


def receive(
    case: Case | None, facility_id: str, receipt: Receipt, now: datetime, via: Via = "board"
) -> tuple[Case | None, Sequence[EncounterEvent]]:
    """Note that a version has come, or is on a screen: the first of each is told. Of a patient who
    is not bound for this facility any more nothing is noted, and of one who was bound for it before
    and is again nothing that came before."""
    if case is None or case.facility_id != facility_id or not case.centres or case.is_locked:
        return case, ()
    handoff, told = case.handoff, list[ReceiptEvent]()
    if receipt.version < (handoff.first_version or 1):
        return case, ()
    kinds: list[type[ReceiptEvent]] = []
    if handoff.delivered_at is None:
        kinds.append(RecordDelivered)
        handoff = handoff.but(delivered_at=now)
    if receipt.displayed and handoff.displayed_at is None:
        kinds.append(RecordDisplayed)
        handoff = handoff.but(displayed_at=now)
    for kind in kinds:
        told.append(
            kind(
                event_id=derived_id(kind.__name__, case.encounter_id, facility_id, case.version),
                occurred_at=now,
                recorded_at=now,
                encounter_id=case.encounter_id,
                facility_id=facility_id,
                version=min(receipt.version, case.version),
                via=via,
            )
        )
    return (case.but(handoff=handoff) if told else case), told
