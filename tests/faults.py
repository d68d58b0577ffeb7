"""The ways in which a watched run is hurt, with whom each has to call, and when."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

from aiokafka import AIOKafkaProducer

from tests.receivers import Mllp, listening
from tests.services import ago, now
from tests.watched import HOSPITAL, Watched

#: Seconds after its threshold by which a page has to be there.
LATE_S = 90.0
#: A rule that looks back five minutes and keeps on for five more ends after ten.
ENDS_S = 780.0


class Told(NamedTuple):
    """An alert that a fault brings about, ``after_s``: when its own condition holds."""

    alert: str
    after_s: float
    labels: dict[str, str]


class Fault(NamedTuple):
    """``hurt`` holds while the block runs, and is mended at its end."""

    name: str
    tells: Sequence[Told]
    hurt: Callable[[Watched], Any]


# -- what concerns one patient or one unit ---------------------------------------------------------


@asynccontextmanager
async def a_call_without_a_unit(run: Watched) -> AsyncIterator[None]:
    opened = await run.call()
    yield
    unit = await run.send(opened["incident_id"])
    await run.stamp(unit, "departed")
    await run.ends(opened["encounter_ids"][0], unit, "stood_down")


@asynccontextmanager
async def a_unit_that_does_not_leave(run: Watched) -> AsyncIterator[None]:
    opened = await run.call(occurred_at=ago(175))
    unit = await run.send(opened["incident_id"], ago(170))
    yield
    await run.stamp(unit, "departed")
    await run.ends(opened["encounter_ids"][0], unit, "stood_down")


@asynccontextmanager
async def a_hospital_that_sees_nothing(run: Watched) -> AsyncIterator[None]:
    """Its board is dark, its system away, and nobody has seen a critical patient."""
    encounter, unit = await run.patient(HOSPITAL)
    await run.critical(encounter)
    yield
    system = Mllp()
    system.port = run.hl7_port
    async with listening(system):
        await asyncio.sleep(20)  # it is told all that waits
        await run.ward_does(encounter, "acknowledgement")
        await run.ends(encounter, unit)
        await asyncio.sleep(20)


@asynccontextmanager
async def a_monitor_that_falls_silent(run: Watched) -> AsyncIterator[None]:
    encounter, unit = await run.patient("F-001")
    monitor = f"M-{encounter}"
    path = f"encounters/{encounter}/devices"
    body = {"device_id": monitor, "occurred_at": now()}
    await run.say("crew", "dispatch", path, body)
    await run.critical(encounter)
    for _ in range(10):
        vitals = {"heart_rate": 130, "spo2": 80}
        sample = {"occurred_at": now(), "vitals": vitals}
        await run.say("crew", "gateway", f"devices/{monitor}/vitals", sample)
        await asyncio.sleep(1)
    yield
    await run.say("crew", "dispatch", f"{path}/{monitor}/detached", {"occurred_at": now()})
    await run.ends(encounter, unit)


@asynccontextmanager
async def units_of_which_no_position_comes(run: Watched) -> AsyncIterator[None]:
    units = [(await run.patient())[1] for _ in range(3)]
    for unit in units:
        fix = {"latitude": 34.22, "longitude": 117.29, "occurred_at": now()}
        await run.say("crew", "gateway", f"units/{unit}/positions", fix)
    yield
    for unit in units:
        await run.stamp(unit, "available")


@asynccontextmanager
async def monitors_that_nobody_wears(run: Watched) -> AsyncIterator[None]:
    async def speak() -> None:
        for number in range(200):
            said = {"occurred_at": now(), "vitals": {"heart_rate": 80}}
            lines = [{**said, "device_id": f"M-nobody-{n}", "event_id": f"nobody-{number}-{n}"}
                     for n in range(60)]  # fmt: skip
            await run.say("crew", "gateway", "telemetry", "\n".join(map(json.dumps, lines)), 422)
            await asyncio.sleep(1)

    speaking = asyncio.create_task(speak())
    yield
    speaking.cancel()


@asynccontextmanager
async def vital_signs_that_nobody_can_read(run: Watched) -> AsyncIterator[None]:
    words = json.loads((run.folder / "data/passwords.json").read_text("utf-8"))
    reach = {**run.endpoints["kafka"], "sasl_plain_username": "admin",
             "sasl_plain_password": words["admin"]}  # fmt: skip
    writer = AIOKafkaProducer(**reach, acks="all")
    await writer.start()
    try:
        headers = [("ce_type", b"greenchannel.Nonsense.v1"), ("ce_source", b"a stranger")]
        await writer.send_and_wait("ambulance-vitals", b"\xff", b"E-nobody", headers=headers)
    finally:
        await writer.stop()
    yield


def stops(part: str) -> Callable[[Watched], Any]:
    return lambda run: run.stopped(part)


THERE = {"facility": HOSPITAL}
#: Together: none of them touches another.
CASES = (
    Fault("a call without a unit", [Told("CallWithoutUnit", 60, {})], a_call_without_a_unit),
    Fault("a unit does not leave", [Told("DispatchOverdue", 10, {})], a_unit_that_does_not_leave),
    Fault(
        "a dark board, a system that is away, and nobody has seen a critical patient",
        [
            Told("BoardDark", 15 + 15, THERE),
            Told("AcknowledgementOverdue", 60 + 60, THERE),
            Told("HospitalSystemAway", 60, THERE),
        ],
        a_hospital_that_sees_nothing,
    ),
    Fault(
        "a monitor falls silent",
        [Told("VitalSignsSilent", 120, {"facility": "F-001", "level": "critical"})],
        a_monitor_that_falls_silent,
    ),
    Fault(
        "ambulances of which no position comes",
        [Told("PositionsSilent", 180 + 30, {})],
        units_of_which_no_position_comes,
    ),
    Fault(
        "monitors that nobody wears",
        [Told("TelemetryRefused", 15 + 60, {})],
        monitors_that_nobody_wears,
    ),
    Fault(
        "vital signs that nobody can read",
        [Told("VitalSignsDeadLettered", 0, {"consumer": "triage"})],
        vital_signs_that_nobody_can_read,
    ),
)
#: One after the other: what a part holds up, it holds up for all.
PARTS = (
    Fault("triage hangs", [Told("ServiceDown", 9 + 15, {"job": "triage"})], stops("triage")),
    Fault("the bridge hangs", [Told("ServiceDown", 9 + 15, {"job": "bridge"})], stops("bridge")),
    Fault("the gateway hangs", [Told("ServiceDown", 9 + 15, {"job": "gateway"})], stops("gateway")),
    Fault("the broker hangs", [Told("OutboxStalled", 10 + 15, {})], stops("kafka")),
    Fault(
        "the database hangs",
        [Told("ServiceNotReady|DependencyAway", 10 + 30, {})],
        stops("postgres"),
    ),
)


async def hurts(run: Watched, fault: Fault) -> list[dict[str, Any]]:
    """Hurt it until its people are told, mend it, and wait until they are told of the end."""
    began = time.monotonic()
    async with fault.hurt(run):
        hurt = time.monotonic()
        pages = await asyncio.gather(
            *(run.receivers.fires(t.alert, began, t.after_s + 2 * LATE_S, **t.labels)
              for t in fault.tells)
        )  # fmt: skip
    mended = time.monotonic()
    ends = await asyncio.gather(*(run.receivers.resolves(page, ENDS_S) for page in pages))
    return [
        {
            "fault": fault.name, "alert": page.alert, "to": page.to,
            "threshold_s": told.after_s, "paged_s": round(page.at - hurt, 1),
            "late_s": round(page.at - hurt - told.after_s, 1),
            "ended_s": round(max(0.0, at - mended), 1),
        }
        for told, page, at in zip(fault.tells, pages, ends, strict=True)
    ]  # fmt: skip
