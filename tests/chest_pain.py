"""Makes ``schemas/examples/chest-pain`` anew: ``python -m tests.chest_pain``.

What dispatch and the gateway write stands as it is; what triage, the bridge and its people make of
it is decided here once more, by the same pure functions, each a moment later.
"""

from __future__ import annotations

import heapq
import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

from schemas import handoff
from schemas.clinical import VitalSigns, VitalSignsRecorded
from schemas.encounter import ArrivalExpected
from schemas.envelope import decode, derived_id, encode
from schemas.event import Event
from schemas.handoff import HandoffEvent
from schemas.topics import registry
from schemas.triage import Centre, TriageDecided
from services.bridge import loader
from services.bridge.acts import act
from services.bridge.case import Case
from services.bridge.handlers import TOPICS
from services.bridge.handoff import Decision, hear
from services.bridge.promise import fall_due, keep
from services.bridge.receipt import Receipt, receive
from services.triage.decide import State, step
from services.triage.loader import active

FOLDER = Path(__file__).resolve().parents[1] / "schemas/examples/chest-pain"
ENCOUNTER, FACILITY, UNIT = "E-e8919432d3ce5845-1", "F-001", "U-03"
NUMBER = "GC-20260309-0017"
#: What of the folder is made anew, by who wrote it.
OURS = {"greenchannel/triage", "greenchannel/bridge"}
#: An event is learned so long after it happened, and decided and told so long after that.
LEARNED, STREAMED, TOLD = 0.2, 0.3, 0.08


def at(clock: str, more: float = 0.0) -> datetime:
    """A time of that morning, in UTC."""
    return datetime.fromisoformat(f"2026-03-09T{clock}+00:00") + timedelta(seconds=more)


def expected(clock: str, **known: Any) -> ArrivalExpected:
    """What dispatch tells of the unit's arrival, which the folder did not have."""
    return ArrivalExpected(
        event_id=derived_id("arrival", ENCOUNTER, clock), occurred_at=at(clock),
        recorded_at=at(clock, LEARNED), encounter_id=ENCOUNTER, unit_id=UNIT,
        call_back="13800000017", **known,
    )  # fmt: skip


def by_staff(kind: type[HandoffEvent], clock: str, **said: Any) -> HandoffEvent:
    """An act of somebody at the hospital, or of the crew that hands over there."""
    of = {"encounter_id": ENCOUNTER, "facility_id": FACILITY, "staff_id": f"centre-{FACILITY}"}
    times = {"occurred_at": at(clock), "recorded_at": at(clock, LEARNED)}
    name = derived_id(kind.__name__, ENCOUNTER, clock)
    return kind.model_validate({"event_id": name, **of, **times, **said})


ARRIVALS = (
    expected("06:16:00"),
    expected("06:23:30"),
    expected("06:24:10", arrives_at=at("06:30:30"), estimated_at=at("06:24:10")),
)
#: Without it, what was measured six minutes ago would be old at the handover.
LAST = VitalSignsRecorded(
    event_id="M-0311.00008",
    occurred_at=at("06:31:30"),
    encounter_id=ENCOUNTER,
    method="streamed",
    vitals=VitalSigns(heart_rate=66, respiratory_rate=18, spo2=97),
    device_id="M-0311",
)
ACTS = (
    by_staff(handoff.Acknowledged, "06:18:40"),
    by_staff(
        handoff.CentreActivated,
        "06:20:15",
        centre="chest_pain",
        activation="activate",
        departments=loader.facilities().of(FACILITY).teams[Centre.CHEST_PAIN],
    ),
    by_staff(handoff.DepartmentAnswered, "06:20:45", department="cath_lab", answer="coming"),
    by_staff(handoff.DirectToConfirmed, "06:20:55", direct_to="cath_lab", phone="8440"),
    by_staff(handoff.DepartmentAnswered, "06:21:15", department="cardiology", answer="coming"),
    by_staff(handoff.DepartmentAnswered, "06:21:30", department="emergency", answer="coming"),
    by_staff(handoff.Acknowledged, "06:22:30"),
    by_staff(handoff.MilestoneReached, "06:30:35", milestone="first_doctor"),
    by_staff(handoff.PatientArrived, "06:30:36"),
    by_staff(handoff.HandoverSigned, "06:31:50", side="gave", staff_id="crew"),
    by_staff(handoff.HandoverSigned, "06:32:00", side="received"),
)


class Example:
    """One patient, as the services decide."""

    def __init__(self) -> None:
        self.told: list[tuple[datetime, int, Event, str]] = []
        self._facility = loader.facilities().of(FACILITY)
        self._numbers = count()
        self._waiting: list[tuple[datetime, int, str, Event]] = []
        self._triage: State | None = None
        self._case = Case(
            encounter_id=ENCOUNTER, reserved=NUMBER, formalities=self._facility.formalities or ()
        )

    def whole(self, given: Sequence[tuple[Event, str]]) -> None:
        """Take in everything, each when it is learned."""
        for event, source in given:
            self._say(event, learned(event), source)
        for each in ACTS:
            self._push(each.recorded_at or each.occurred_at, "act", each)
        self._push(at("06:18:01"), "screen", ACTS[0])
        while self._waiting:
            now, _, what, event = heapq.heappop(self._waiting)
            self._take(now, what, event)
            late = fall_due(self._case, self._facility, now)[1]
            assert not late, late

    def _push(self, now: datetime, what: str, event: Event) -> None:
        heapq.heappush(self._waiting, (now, next(self._numbers), what, event))

    def _say(self, event: Event, now: datetime, source: str) -> None:
        """It stands on its topic; who reads that hears of it."""
        self.told.append((now, next(self._numbers), event, source))
        topic = encode(event, source).topic
        if "triage" in registry().topics[topic].readers:
            self._push(now, "triage", event)
        if topic in TOPICS:
            wait = TOLD if isinstance(event, TriageDecided) else TOLD / 2
            self._push(now + timedelta(seconds=wait), "loop", event)

    def _take(self, now: datetime, what: str, event: Event) -> None:
        if what == "triage":
            self._triage, events = step(self._triage, event, now, active())
        else:
            case, events = self._at_the_bridge(now, what, event)
            self._case = keep(case, self._facility, now)
        for each in events:
            self._say(each, now, f"greenchannel/{'triage' if what == 'triage' else 'bridge'}")

    def _at_the_bridge(self, now: datetime, what: str, event: Event) -> Decision:
        if what == "act":
            assert isinstance(event, HandoffEvent)
            return act(self._case, event, now)
        if what == "loop":
            return hear(self._case, ENCOUNTER, event, now)
        shown = Receipt(encounter_id=ENCOUNTER, version=self._case.version, displayed=True)
        case, events = receive(self._case, FACILITY, shown, now)
        return case or self._case, events


def learned(event: Event) -> datetime:
    """When it stands on its topic."""
    if event.recorded_at is not None:
        return event.recorded_at
    is_streamed = isinstance(event, VitalSignsRecorded) and event.method == "streamed"
    return event.occurred_at + timedelta(seconds=STREAMED if is_streamed else LEARNED)


def written() -> list[tuple[Event, str]]:
    """What others have written, in the order in which it was learned, with who wrote it."""
    added: list[tuple[Event, str]] = [(each, "greenchannel/dispatch") for each in ARRIVALS]
    added.append((LAST, "greenchannel/gateway"))
    known = {(type(event), event.event_id) for event, _ in added}
    found: list[tuple[Event, str]] = []
    for path in sorted(FOLDER.glob("*.json")):
        told = json.loads(path.read_text("utf-8"))
        source, value = told["headers"]["ce_source"], json.dumps(told["value"]).encode()
        headers = [(name, text.encode()) for name, text in told["headers"].items()]
        event = decode(told["topic"], told["key"].encode(), value, headers)
        if source not in OURS and (type(event), event.event_id) not in known:
            found.append((event, source))
    return sorted([*found, *added], key=lambda each: learned(each[0]))


def main() -> None:
    """Write all files anew."""
    example = Example()
    example.whole(written())
    for path in FOLDER.glob("*.json"):
        path.unlink()
    in_order = sorted(example.told, key=lambda each: each[:2])
    for number, (_, _, event, source) in enumerate(in_order, 1):
        message = encode(event, source)
        told = {
            "topic": message.topic,
            "key": message.key.decode(),
            "headers": {name: raw.decode() for name, raw in message.headers},
            "value": json.loads(message.value),
        }
        path = FOLDER / f"{number:02}-{message.topic}.{type(event).__name__}.json"
        path.write_text(json.dumps(told, ensure_ascii=False, indent=2) + "\n", "utf-8")


if __name__ == "__main__":
    main()
