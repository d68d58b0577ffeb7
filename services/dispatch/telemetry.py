"""Telemetry as it comes from devices and crews, and the events it becomes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta

from pydantic import TypeAdapter, ValidationError

from schemas.clinical import VitalSignsMeasured, VitalSignsRecorded
from schemas.envelope import complaint, event_id_of
from schemas.unit import PositionReported
from services.dispatch.bodies import PositionLine, Refusal, VitalsLine
from services.dispatch.device_clock import Clocks, correct

Holder = Callable[[str, datetime], str | None]
_VITALS = TypeAdapter(VitalsLine)
_POSITION = TypeAdapter(PositionLine)


def read_lines(body: bytes) -> Iterator[tuple[int, VitalsLine | PositionLine | Refusal]]:
    """Read NDJSON, line by line; one bad line refuses itself alone."""
    for number, raw in enumerate(body.split(b"\n"), start=1):
        if not raw.strip():
            continue
        adapter = _POSITION if b'"unit_id"' in raw else _VITALS
        try:
            yield number, adapter.validate_json(raw)
        except ValidationError as error:
            if error.errors()[0]["type"] == "json_invalid":
                yield number, Refusal(line=number, status=400, detail="the line is not JSON")
            else:
                yield number, Refusal(line=number, status=422, detail=complaint(error))


def offsets_of(
    clocks: Clocks, lines: Sequence[VitalsLine], received_at: datetime
) -> dict[str, timedelta]:
    """The clock offset of each device in one delivery."""
    by_device: dict[str, list[tuple[datetime, datetime | None]]] = defaultdict(list)
    for line in lines:
        by_device[line.device_id].append((line.occurred_at, line.sent_at))
    return {
        device: clocks.offset_of(device, stamps, received_at)
        for device, stamps in by_device.items()
    }


def vitals_event(line: VitalsLine, offset: timedelta, holder: Holder) -> VitalSignsRecorded | None:
    """The patient's vital signs; none when nobody has the device at that time."""
    at, device_time = correct(line.occurred_at, offset)
    encounter_id = holder(line.device_id, at)
    if encounter_id is None:
        return None
    return VitalSignsRecorded(
        event_id=line.event_id or _id(f"devices/{line.device_id}", line),
        occurred_at=at,
        encounter_id=encounter_id,
        method="streamed",
        vitals=line.vitals,
        device_id=line.device_id,
        device_time=device_time,
    )


def position_event(line: PositionLine) -> PositionReported:
    """The unit's position."""
    given = line.model_dump(exclude={"event_id"})
    return PositionReported(event_id=line.event_id or _id(f"units/{line.unit_id}", line), **given)


def from_raw(event: VitalSignsMeasured) -> VitalsLine:
    """What a vendor wrote into the topic, as a line."""
    return VitalsLine(
        event_id=event.event_id,
        occurred_at=event.occurred_at,
        device_id=event.device_id,
        sent_at=event.sent_at,
        vitals=event.vitals,
    )


def _id(source: str, line: VitalsLine | PositionLine) -> str:
    return event_id_of(source, line.occurred_at.isoformat(), line.model_dump_json().encode())
