"""Services of the released version beside those of this one, on one database and the same topics,
while patients are carried: one after the other is replaced, and nothing is lost or doubled."""

from __future__ import annotations

import asyncio
import re
import subprocess
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer

from schemas.encounter import EncounterEnded
from schemas.handoff import Acknowledged, CareTransferred, HandoverSigned, PatientArrived
from services.kit.process import ROOT, end
from services.kit.tokens import SigningKey
from tests import promises
from tests.crashes import PARTS, QUICKLY, City, Kept, Ledger, Patient, Systems
from tests.platform import Platform, platform_of_its_own
from tests.services import Service, now, until

pytestmark = [pytest.mark.timeout(400)]
#: The commit that the changelog names as this version.
VERSION = "0.1.0"
_named = re.search(
    rf"## \[{re.escape(VERSION)}\].*?Commit (\w+)", (ROOT / "CHANGELOG.md").read_text("utf-8"), re.S
)
COMMIT = _named[1] if _named else ""
#: In this order they are replaced: who reads an event before who writes it. The last three read
#: each other's.
ORDER = (("triage",), ("gateway",), ("dispatch", "bridge", "tracker"))
#: What the earlier version promised too.
HELD = (
    promises.every_clinical_event_stands_in_exactly_one_decision,
    promises.every_sample_was_recorded_under_its_own_id,
    promises.decisions_are_numbered_without_gaps_and_worst_never_falls,
    promises.records_are_numbered_without_gaps_in_each_queue,
    promises.every_decision_that_changed_something_is_shown_in_its_order,
    promises.a_boarding_opened_exactly_one_admission,
    promises.every_acknowledged_request_is_exactly_one_event,
    promises.the_encounter_began_and_ended_once,
    promises.the_unit_departed_once_and_was_stamped_once_by_gps,
)


class Rolling(City):
    """A city whose clients speak to whichever version answers."""

    def turn_to(self, name: str, service: Service) -> None:
        """From now on clients of this service ask there."""
        for caller in self.callers.values():
            if caller.service_name == name:
                caller.http.base_url = service.url

    async def _hand_over(self, patient: Patient) -> None:
        await until(lambda: self.ledger.shown(patient.encounter), 90, f"{patient.name}: not shown")
        path = f"facilities/{patient.facility}/encounters/{patient.encounter}"
        at, ward = {"occurred_at": now()}, patient.facility
        await self.act(patient, Acknowledged, ward, f"{path}/acknowledgement", at)
        await self.act(patient, PatientArrived, ward, f"{path}/arrival", at)
        door = f"{path}/handover"
        if (await self.callers["crew"].http.post(f"/v1/{door}", json={})).status_code == 404:
            given = {"handed_over_by": "crew-7", **at}
            await self.act(patient, CareTransferred, ward, f"{path}/transfer", given)
        else:
            signed = {**at, "not_aboard_reason": "登车可能尚未得知"}
            await self.act(patient, HandoverSigned, "crew", door, signed)
            await self.act(patient, HandoverSigned, ward, f"{path}/transfer", signed)
        await until(lambda: self.ledger.each(EncounterEnded, patient.encounter), 90, "ended")


@pytest.fixture
async def platform() -> AsyncIterator[Platform]:
    """Of its own: nothing of this version has been there before."""
    async with platform_of_its_own("rolling") as made:
        yield made


@pytest.fixture
def earlier(tmp_path: Path) -> Path:
    """The code of the released version."""
    folder = tmp_path / VERSION
    folder.mkdir()
    packed = subprocess.run(["git", "archive", COMMIT], cwd=ROOT, check=True, capture_output=True)
    subprocess.run(["tar", "-x", "-C", folder], input=packed.stdout, check=True)
    return folder


@asynccontextmanager
async def rolling(platform: Platform, folder: Path, earlier: Path) -> AsyncIterator[Rolling]:
    key, systems = SigningKey(), Systems()
    async with Ledger(platform) as ledger:
        kept = {
            name: Kept(Service(name, platform, folder, key, extra=QUICKLY, root=earlier))
            for name in PARTS
        }
        made = Rolling(platform, kept, ledger, systems)
        made.writer = AIOKafkaProducer(
            **platform.kafka("admin"), acks="all", enable_idempotence=True
        )
        await made.writer.start()
        try:
            for one in kept.values():
                one.begin()
            yield made
        finally:
            for one in made.kept.values():
                await one.leave()
                await asyncio.to_thread(end, [one.service.child])
            for caller in made.callers.values():
                await caller.http.aclose()
            await made.writer.stop()


async def replace(made: Rolling, names: Sequence[str], folder: Path) -> None:
    """The earlier version is asked to end, and this one begins (docs/operating.md, upgrading)."""
    old = {name: made.kept[name] for name in names}
    for kept in old.values():
        await kept.leave()
    await asyncio.to_thread(end, [kept.service.child for kept in old.values()])
    assert [k.service.child.status for k in old.values()] == [0] * len(old)
    for name, before in old.items():
        new = Service(name, made.platform, folder, before.service.key, 1, extra=QUICKLY)
        made.kept[name] = Kept(new)
        made.kept[name].begin()
    for name in names:
        await until(made.kept[name].is_ready, 60, f"{name} of this version is not ready")
        made.turn_to(name, made.kept[name].service)


@pytest.mark.needs_commit(COMMIT)
async def test_service_after_service_is_replaced_and_nothing_is_lost_or_doubled(
    platform: Platform, tmp_path: Path, earlier: Path
) -> None:
    async with rolling(platform, tmp_path, earlier) as made:
        await made.ready()
        done = asyncio.Event()
        carrying = asyncio.create_task(made.carry_until(done.is_set, 240))
        await until(lambda: len(made.patients) >= 3, 60)
        for names in ORDER:
            before = len(made.patients)
            await replace(made, names, tmp_path)
            await until(lambda: len(made.patients) > before + 1, 60)  # noqa: B023
        done.set()
        await carrying
        await made.quiet()
        dead = {
            (consumer, str(record.headers)[-200:])
            for consumer, records in made.ledger.dead.items()
            for record in records
        }
        assert dead == set()
        assert made.faults == []
        for patient in made.patients:
            for promise in HELD:
                promise(made.ledger, patient)
        assert [death for kept in made.kept.values() for death in kept.deaths] == []
