"""120 调度软件样例：从 Kafka 读取绿色通道的事件 · An example for 120 software: reads what happens.

    pip install aiokafka
    python dispatch_centre.py --endpoints endpoints.json

It needs Python 3.11 and aiokafka, and nothing of Green Channel's code: copy it, and put your own
work in the place of the line that ``Desk.take`` prints. docs/kafka.md says what stands on the
topics, and why this program does what it does.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import sqlite3
import ssl
import sys
import time
from datetime import datetime, timedelta, timezone
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

from aiokafka import AIOKafkaConsumer
from aiokafka.errors import (
    GroupAuthorizationFailedError,
    KafkaError,
    TopicAuthorizationFailedError,
)

USER = "dispatch_centre"
#: What is read, and which field of its events is the key.
TOPICS = {
    "dispatch-incidents": "incident_id",
    "dispatch-units": "unit_id",
    "dispatch-encounters": "encounter_id",
    "dispatch-movements": "unit_id",
    "bridge-handoffs": "encounter_id",
    "bridge-capacity": "facility_id",
}
#: An event and its version: in Chinese, in English, and the fields worth a look. What people wrote
#: in their own words is left out: it may be about the patient, and a screen is no place for it.
KNOWN = {
    "IncidentOpened.v1": ("受理呼救", "call accepted", "external_number classification origin"),
    "IncidentLocated.v1": ("定位更新", "located", "location.latitude location.longitude source"),
    "IncidentClassified.v1": ("呼救分类", "call classified", "classification"),
    "CallCorrected.v1": (
        "来电时刻更正", "a time of the call was wrong",
        "call.received_at call.answered_at call.accepted_at",
    ),
    "IncidentHeld.v1": ("待派", "call waits", ""),
    "IncidentResumed.v1": ("恢复处理", "call worked on again", ""),
    "IncidentAbandoned.v1": ("来电挂断", "caller lost", ""),
    "IncidentDismissed.v1": ("骚扰电话", "call was a nuisance", ""),
    "CallerCalledBack.v1": ("回拨", "caller called back", "answered"),
    "IncidentMerged.v1": ("合并", "call goes on as another", "into"),
    "IncidentUnmerged.v1": ("取消合并", "another call after all", "out_of"),
    "IncidentClosed.v1": ("结案", "call closed", ""),
    "DeadlineWarned.v1": ("时限提醒", "a limit comes near", "clock unit_id encounter_id"),
    "DeadlineMissed.v1": (
        "逾时", "a limit has passed", "clock unit_id encounter_id facility_id phone",
    ),
    "UnitAssigned.v1": ("派车", "unit told to go", "incident_id leg_id replaces diverted_from"),
    "UnitDirected.v1": ("指定去向", "unit told where to go", "place facility_id leg_id"),
    "UnitStatusChanged.v1": ("车辆状态", "status of the unit", "status source leg_id"),
    "UnitRegistered.v1": ("车辆登记", "unit of a station", "station_id kind force equipment"),
    "ReadinessReported.v1": ("备勤", "readiness of the unit", "crew equipment oxygen fuel"),
    "UnitMobilised.v1": ("机动力量启用", "unit called up", ""),
    "UnitReleased.v1": ("机动力量解除", "unit called up no more", ""),
    "StampCorrected.v1": ("更正", "a stamp was wrong", "status source corrected_to leg_id"),
    "EncounterOpened.v1": ("登记患者", "patient expected", "incident_id origin continues"),
    "EncounterUpdated.v1": ("患者信息更新", "more known of the patient", "patient.complaint"),
    "EmergencyTransferRequested.v1": (
        "紧急转运申请", "transfer requested", "incident_id from_facility_id to_facility_id",
    ),
    "PatientReached.v1": ("到达患者身边", "crew at the patient", "unit_id"),
    "DeviceAttached.v1": ("接上监护仪", "monitor attached", "device_id"),
    "DeviceDetached.v1": ("取下监护仪", "monitor detached", "device_id"),
    "DestinationSelected.v1": ("选定医院", "hospital chosen", "facility_id"),
    "PatientBoarded.v1": ("上车即入院", "aboard, and so admitted", "unit_id"),
    "BoardingRevoked.v1": ("撤回上车", "not aboard after all", "unit_id"),
    "PatientHandedToUnit.v1": ("换车接力", "another unit goes on", "unit_id to_unit_id reason"),
    "ArrivalExpected.v1": ("预计到达", "expected at the hospital", "unit_id arrives_at"),
    "EncounterEnded.v1": ("转归", "how it ended", "outcome"),
    "UnitDeparted.v1": ("出车（GPS）", "left, as GPS shows", "leg_id distance_m"),
    "UnitArrived.v1": ("到达（GPS）", "arrived, as GPS shows", "place leg_id"),
    "UnitLeftScene.v1": ("离开现场（GPS）", "left the scene, as GPS shows", "leg_id"),
    "EtaUpdated.v1": ("预计到达", "expected to arrive", "arrives_at place leg_id"),
    "UnitLocated.v1": ("车辆位置", "where the unit is", "point.latitude point.longitude moves"),
    "UnitFellSilent.v1": ("位置中断", "no position comes", "last_seen_at is_overdue leg_id"),
    "UnitHeardAgain.v1": ("位置恢复", "positions come again", "leg_id"),
    "AdmissionOpened.v1": ("绿色通道登记", "admitted", "admission.admission_number facility_id"),
    "AdmissionCancelled.v1": ("取消登记", "not admitted", "admission.admission_number because"),
    "Acknowledged.v1": ("医院确认", "seen by the hospital", "facility_id"),
    "Accepted.v1": ("同意接收", "accepted", "facility_id"),
    "RedirectRequested.v1": (
        "建议改送", "another hospital proposed", "facility_id alternative_facility_id reason",
    ),
    "RedirectWithdrawn.v1": ("撤回建议改送", "no other hospital proposed any more", "facility_id"),
    "CentreActivated.v1": ("启动中心", "team called", "facility_id centre activation"),
    "ActivationWithdrawn.v1": ("启动撤销", "team not called after all", "facility_id centre"),
    "AcceptanceWithdrawn.v1": ("撤回接受", "not accepted after all", "facility_id"),
    "DirectToConfirmed.v1": ("绕行急诊直达", "straight to", "facility_id direct_to phone"),
    "DirectToRevoked.v1": ("取消直达", "not straight there", "facility_id direct_to"),
    "BedReserved.v1": ("预留床位", "a bed waits", "facility_id department"),
    "BedReleased.v1": ("取消留床", "no bed waits", "facility_id department"),
    "IdentityBound.v1": ("绑定身份", "known to the hospital", "facility_id provisional"),
    "LevelOverridden.v1": ("人工定级", "level set by a clinician", "facility_id level"),
    "PatientArrived.v1": ("到院", "at the hospital", "facility_id"),
    "ArrivalRevoked.v1": ("撤销到院", "not at the hospital after all", "facility_id"),
    "MilestoneReached.v1": ("院内时间节点", "in the hospital", "facility_id milestone"),
    "MilestoneRevoked.v1": ("撤销时间节点", "not reached after all", "facility_id milestone"),
    "AdmissionBound.v1": ("登记改属", "admission is another hospital's now", "facility_id before"),
    "AdmissionRevoked.v1": ("登记已撤回", "not aboard, and not admitted", "facility_id"),
    "AdmissionConfirmed.v1": ("登车时间已确认", "boarding was confirmed", "facility_id"),
    "DepartmentAnswered.v1": ("科室应答", "a department answers", "facility_id department answer"),
    "IdentityMerged.v1": ("身份合并", "two numbers are one patient's", "facility_id"),
    "IdentitySplit.v1": ("身份拆分", "the number was another's", "facility_id"),
    "FormalityCompleted.v1": ("手续补办", "a formality was done", "facility_id formality"),
    "DeathDeclared.v1": ("宣布死亡", "death was declared", "facility_id"),
    "RecordDelivered.v1": ("已送达", "reached the hospital", "facility_id"),
    "RecordDisplayed.v1": ("已显示", "on the hospital's screen", "facility_id"),
    "HandoverSigned.v1": ("交接签名", "one side has signed", "facility_id side"),
    "AddendumWritten.v1": ("交接补记", "an addendum to the handover", "facility_id"),
    "CareTransferred.v1": ("交接完成", "care handed over", "facility_id"),
    "OutcomeReported.v1": ("院内结局", "outcome in the hospital", "facility_id outcome"),
    "Escalated.v1": ("升级催办", "a hospital is late", "facility_id owed step to"),
    "CapacityReported.v1": ("床位与分流", "beds, and advice", "facility_id divert divert_until"),
    "BedManagerAlerted.v1": ("床位告急", "a bed is wanted", "facility_id department because"),
}  # fmt: skip
#: Codes that have a word; others are shown as they are, for there may be more of them tomorrow.
WORDS = {
    "notified": "已派车", "acknowledged": "接令", "departed": "出车", "on_scene": "到达现场",
    "left_scene": "离开现场", "at_destination": "到达医院", "returning": "返程",
    "available": "待命", "stood_down": "召回", "out_of_service": "停用",
    "scene": "现场", "destination": "医院",
    "complete": "齐全", "incomplete": "不全", "enough": "充足", "low": "不足",
}  # fmt: skip
BEIJING = timezone(timedelta(hours=8))
#: Longer than any of the topics keeps a record: whatever can be read again is remembered.
REMEMBERED_S = 35 * 86_400
#: What reading raises where a record is not as the contract says.
UNREADABLE = (LookupError, TypeError, AttributeError, ValueError, OverflowError, RecursionError)


class Event(NamedTuple):
    """What a record says."""

    kind: str
    key: str
    id: str
    value: dict[str, Any]


def read(record: Any) -> Event:
    """A record is a CloudEvent: its attributes stand in headers, JSON in its value."""
    headers = {name: raw.decode() for name, raw in record.headers}
    source, _, kind = headers["ce_type"].partition(".")
    event = Event(kind, record.key.decode(), headers["ce_id"], json.loads(record.value))
    named = (event.value["event_id"], event.value[TOPICS[record.topic]])
    if source != "greenchannel" or named != (event.id, event.key):
        raise ValueError("type, id or key do not fit")
    return event


def line_of(event: Event) -> str:
    """When, whom it is about, what happened."""
    chinese, english, fields = KNOWN[event.kind]
    found = ((path.rpartition(".")[2], inner(event.value, path)) for path in fields.split())
    shown = [f"{name}={spoken(name, value)}" for name, value in found if value is not None]
    when = clock(event.value["occurred_at"], "%Y-%m-%d %H:%M:%S")
    return "  ".join([when, event.key, f"{chinese} · {english}", *shown])


def inner(value: Any, path: str) -> Any:
    """What stands at this place; none where it was left out, as what is not known is."""
    for name in path.split("."):
        value = value.get(name) if isinstance(value, dict) else None
    return value


def spoken(name: str, value: Any) -> str:
    """A time by our clock, a code with its word, all else as it is."""
    if name.endswith(("_at", "corrected_to")):
        return clock(value, "%H:%M:%S")
    text = ",".join(map(str, value)) if isinstance(value, list) else str(value)
    return f"{text} {WORDS[text]}" if text in WORDS else text


def clock(text: str, form: str) -> str:
    """A time of an event, as clocks in China show it."""
    return datetime.fromisoformat(text).astimezone(BEIJING).strftime(form)


class Desk:
    """What the software does with what it reads, and the events that it has done it for."""

    def __init__(self, memory: Path) -> None:
        self._unknown: set[str] = set()
        self._done = sqlite3.connect(memory)
        self._done.execute(
            "CREATE TABLE IF NOT EXISTS done"
            " (kind, key, facility, id, at, PRIMARY KEY (kind, key, facility, id))"
        )
        self._done.execute("DELETE FROM done WHERE at < ?", (time.time() - REMEMBERED_S,))

    def take(self, record: Any) -> None:
        """One record. In the place of the line, write a row of yours to the database that holds
        the ids: then both are kept by one ``commit``, or neither is."""
        try:
            event = read(record)
            line = line_of(event) if event.kind in KNOWN else None
        except UNREADABLE as error:
            place = f"{record.topic}/{record.partition}/{record.offset}"
            complain(f"无法读取，跳过 · unreadable, passed over: {place}: {type(error).__name__}")
            return
        if line is None:
            self._pass_over(event.kind)
        elif self._is_new(event):
            print(line, flush=True)

    def _pass_over(self, kind: str) -> None:
        """A newer Green Channel says more than this program knows: told once, and no error."""
        if kind not in self._unknown:
            complain(f"未知事件，跳过 · unknown, passed over: {kind}")
        self._unknown.add(kind)

    def _is_new(self, event: Event) -> bool:
        """Senders number for themselves: an id is one within its kind, key and facility."""
        facility = str(event.value.get("facility_id"))
        named = (event.kind, event.key, facility, event.id, time.time())
        done = self._done.execute("INSERT OR IGNORE INTO done VALUES (?, ?, ?, ?, ?)", named)
        return done.rowcount == 1

    def keep(self) -> None:
        """From now on, what was taken is done."""
        self._done.commit()


async def follow(connection: dict[str, Any], group: str, desk: Desk) -> None:
    """Read on from what the group has committed; the first time from the oldest record."""
    consumer = AIOKafkaConsumer(
        *TOPICS,
        **connection,
        group_id=group,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        retry_backoff_ms=1000,
    )
    try:
        await consumer.start()
        while True:
            batch = await consumer.getmany(timeout_ms=1000, max_records=500)
            for record in chain.from_iterable(batch.values()):
                desk.take(record)
            if batch:  # first the effect, then the place: what comes again is known by its id
                desk.keep()
                await consumer.commit()
    finally:
        await consumer.stop()


async def stay(given: argparse.Namespace) -> None:
    """Begin anew whenever the connection breaks: nothing is lost by it, and nothing doubled."""
    desk = Desk(given.memory)
    while True:
        try:
            await follow(connection_of(given), given.group, desk)
        except (TopicAuthorizationFailedError, GroupAuthorizationFailedError) as error:
            sys.exit(f"无权读取 · not allowed, and no waiting mends it: {error}")
        except (KafkaError, OSError) as error:
            complain(f"3 秒后重试 · again in 3 s: {error}")
            await asyncio.sleep(3)


def connection_of(given: argparse.Namespace) -> dict[str, Any]:
    """Where the broker is and who we are: from the file that a run writes, or from the options."""
    if given.endpoints:
        found: dict[str, Any] = json.loads(given.endpoints.read_text("utf-8"))[USER]
        return found
    encryption = ssl.create_default_context(cafile=given.ca_file) if given.ca_file else None
    return {
        "bootstrap_servers": given.servers,
        "security_protocol": "SASL_SSL" if encryption else "SASL_PLAINTEXT",
        "ssl_context": encryption,
        "sasl_mechanism": "SCRAM-SHA-512",
        "sasl_plain_username": USER,
        "sasl_plain_password": given.password_file.read_text("utf-8").strip(),
    }


def complain(text: str) -> None:
    """What is no event goes where the lines do not."""
    print(text, file=sys.stderr, flush=True)


class Seldom(logging.Filter):
    """While the broker is away, aiokafka says the same many times a second: every 10 s will do."""

    def __init__(self) -> None:
        super().__init__()
        self._said: dict[str, float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        text, now = record.getMessage(), time.monotonic()
        if is_new := now - self._said.get(text, -10) >= 10:
            self._said[text] = now
        return is_new


def main() -> None:
    """Read the options, and go on until Ctrl-C."""
    options = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    options.add_argument("--endpoints", type=Path, help="the file that a run writes")
    options.add_argument("--servers", help="else: HOST:PORT, several with commas")
    options.add_argument("--password-file", type=Path, help=f"and the password of {USER}")
    options.add_argument("--ca-file", help="with TLS: who vouches for the broker")
    options.add_argument("--group", default=USER, help=f"{USER}, or a name after {USER}-")
    options.add_argument("--memory", type=Path, default=Path(f"{USER}.sqlite3"))
    given = options.parse_args()
    if not given.endpoints and not (given.servers and given.password_file):
        options.error("--endpoints, or --servers and --password-file")
    said = logging.StreamHandler()
    said.addFilter(Seldom())
    logging.basicConfig(level=logging.WARNING, handlers=[said])
    try:
        asyncio.run(stay(given))
    except KeyboardInterrupt:
        pass


if __name__ == "__main__":
    main()
