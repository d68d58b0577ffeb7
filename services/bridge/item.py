"""What stands in a facility's queue: an item for each patient bound for it."""

from __future__ import annotations

import json
from typing import Any

from pydantic import AwareDatetime, Field

from schemas.encounter import Patient
from schemas.event import Identifier, Value
from schemas.handoff import Formality, HandoverSigned, HospitalOutcome, PreArrivalRecord
from schemas.triage import Centre, TriageLevel
from services.bridge.case import Case, Handoff
from services.bridge.record import record_of


class Item(Value):
    """One patient as a board shows them; ``version`` counts the records sent."""

    encounter_id: Identifier = Field(
        description="The patient, from the first call to the handover; no name."
    )
    facility_id: Identifier = Field(description="Whose queue it is.")
    centres: tuple[Centre, ...] = Field(
        description="In whose queues of the facility the patient stands."
    )
    version: int = Field(
        description="Counts the records that were sent; a higher one replaces a lower."
    )
    record: PreArrivalRecord | None = Field(
        description="What is known of the patient; null where they do not come any more."
    )
    handoff: Handoff | None = Field(
        description="What the facility was told and has done; null with the record."
    )
    withdrawn: bool = Field(description="The patient does not come here (any more).")
    feed: int | None = Field(
        default=None,
        description="The facility's feed number at its last change; null in the answer to an act.",
    )


class Queue(Value):
    """Everything bound for a facility, as of this feed number."""

    feed: int = Field(description="Ask the feed for what comes after it.")
    items: tuple[Item, ...] = Field(description="One for each patient who is bound for here.")


class HandedOver(Value):
    """One patient whose care was handed over here, as a list shows them."""

    encounter_id: Identifier = Field(description="The patient.")
    transferred_at: AwareDatetime = Field(description="When both had signed.")
    level: TriageLevel = Field(description="The worst level that was known.")
    patient: Patient = Field(description="Age, sex and why help was called, as far as known.")
    admission_number: str | None = Field(description="Null of who was never aboard.")
    pending: tuple[Formality, ...] = Field(description="Formalities that are still to be done.")
    outcome: HospitalOutcome | None = Field(description="How it went on; null until it is said.")


class HandedOvers(Value):
    """Who was handed over at a facility of late, the last first."""

    patients: tuple[HandedOver, ...]


class Signed(Value):
    """A handover as who gives sees it: who has signed, and whether both have."""

    encounter_id: Identifier = Field(description="The patient.")
    facility_id: Identifier = Field(description="The facility.")
    signatures: tuple[HandoverSigned, ...] = Field(description="Of each side that has signed.")
    transferred_at: AwareDatetime | None = Field(description="When both had; null before.")


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


def handed_over(item: dict[str, Any]) -> HandedOver:
    """A line of the list, of an item as it is shown."""
    record, handoff = item["record"], item["handoff"]
    admission = record.get("admission") or {}
    return HandedOver.model_validate(
        {
            "encounter_id": item["encounter_id"],
            "transferred_at": handoff["transferred_at"],
            "level": record["worst"],
            "patient": record["patient"],
            "admission_number": admission.get("admission_number"),
            "pending": admission.get("pending", ()),
            "outcome": (handoff["outcome"] or {}).get("outcome"),
        }
    )


def item_of(case: Case, facility_id: str, *, withdrawn: bool) -> dict[str, Any]:
    """The same, to be put into something larger."""
    item: dict[str, Any] = json.loads(text_of(case, facility_id, withdrawn=withdrawn))
    return item
