"""Every service is killed at every named point while patients are carried: nothing that was
acknowledged is lost, and nothing has a second effect."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterable

import asyncpg
import pytest

from schemas.clinical import VitalSignsRecorded
from schemas.encounter import (
    DestinationSelected,
    DeviceAttached,
    EncounterEnded,
    EncounterOpened,
    PatientBoarded,
)
from schemas.handoff import (
    Acknowledged,
    AdmissionOpened,
    CareTransferred,
    PatientArrived,
    PreArrivalNotified,
)
from schemas.incident import IncidentOpened
from schemas.triage import Centre, TriageDecided
from schemas.unit import UnitAssigned, UnitDeparted, UnitStatus, UnitStatusChanged
from tests.crashes import FROM_OUTBOXES, PARTS, POISONED, City, city, points_of
from tests.platform import Platform

pytestmark = pytest.mark.timeout(500)
#: Traffic flows until every point has fired, and no longer than this.
TRAFFIC_S = 240


@pytest.fixture(scope="module")
async def aftermath(platform: Platform, tmp_path_factory: pytest.TempPathFactory) -> City:
    async with city(platform, tmp_path_factory.mktemp("crashes"), points_of) as made:
        for topic in set(POISONED.values()):
            await made.spoil(topic)
        spoiling = asyncio.create_task(made.spoil_for_points())
        await made.carry_until(lambda: not any(k.left for k in made.kept.values()), TRAFFIC_S)
        spoiling.cancel()
        await made.quiet()
    return made


def once(found: Iterable[object]) -> bool:
    return set(Counter(found).values()) <= {1}


@pytest.mark.parametrize("service", PARTS)
def test_every_point_was_reached_and_was_the_end_of_the_process(
    aftermath: City, service: str
) -> None:
    assert aftermath.kept[service].fired == points_of(service)


def test_nothing_died_elsewhere_and_no_client_was_told_a_wrong_thing(aftermath: City) -> None:
    assert [death for kept in aftermath.kept.values() for death in kept.deaths] == []
    assert aftermath.faults == []


def test_every_clinical_event_stands_in_exactly_one_decision(aftermath: City) -> None:
    assert sum(len(p.sent) for p in aftermath.patients) > 200
    for patient in aftermath.patients:
        decisions = aftermath.ledger.each(TriageDecided, patient.encounter)
        folded = [event_id for decision in decisions for event_id in decision.folded]
        assert sorted(folded) == sorted(patient.sent)


def test_decisions_are_numbered_without_gaps_and_worst_never_falls(aftermath: City) -> None:
    for patient in aftermath.patients:
        decisions = aftermath.ledger.each(TriageDecided, patient.encounter)
        assert [d.number for d in decisions] == list(range(1, len(decisions) + 1))
        urgencies = [d.worst.urgency for d in decisions]
        assert urgencies == sorted(urgencies)


def test_records_are_numbered_without_gaps_in_each_queue(aftermath: City) -> None:
    for patient in aftermath.patients:
        records = aftermath.ledger.each(PreArrivalNotified, patient.encounter)
        assert {r.facility_id for r in records} == {patient.facility}
        queues = {c: [r for r in records if r.centre is c] for c in Centre}
        versions = {c: [r.version for r in queue] for c, queue in queues.items()}
        last = len(queues[Centre.EMERGENCY])
        assert versions[Centre.EMERGENCY] == list(range(1, last + 1))
        first = versions[Centre.CHEST_PAIN][0]  # this centre's name came with the first decision
        assert versions[Centre.CHEST_PAIN] == list(range(first, last + 1))


def test_every_decision_that_changed_something_is_shown_in_its_order(aftermath: City) -> None:
    for patient in aftermath.patients:
        decisions = aftermath.ledger.each(TriageDecided, patient.encounter)
        numbers = {d.event_id: d.number for d in decisions}
        records = aftermath.ledger.each(PreArrivalNotified, patient.encounter)
        queue = [r for r in records if r.centre is Centre.EMERGENCY]
        shown = [numbers[r.decision] for r in queue if r.decision]
        assert shown == sorted(shown)
        changed = {d.number for d in decisions if d.changed}
        assert {n for n in changed if shown[0] <= n <= shown[-1]} <= set(shown)


def test_every_boarding_opened_exactly_one_admission(aftermath: City) -> None:
    numbers = []
    for patient in aftermath.patients:
        (opened,) = aftermath.ledger.each(AdmissionOpened, patient.encounter)
        assert opened.occurred_at.isoformat() == patient.boarded_at
        numbers.append(opened.admission.admission_number)
    assert once(numbers)


def test_every_acknowledged_request_is_exactly_one_event(aftermath: City) -> None:
    ledger = aftermath.ledger
    for patient in aftermath.patients:
        for kind in (
            DeviceAttached, DestinationSelected, PatientBoarded, Acknowledged, PatientArrived,
            CareTransferred,
        ):  # fmt: skip
            asked = [key for key, asked in patient.asked.items() if asked is kind]
            assert [e.event_id for e in ledger.each(kind, patient.encounter)] == asked
        assert len(ledger.each(EncounterOpened, patient.encounter)) == 1
        assert len(ledger.each(EncounterEnded, patient.encounter)) == 1
        (order,) = ledger.each(UnitAssigned, patient.unit)
        assert patient.asked[order.event_id] is UnitAssigned
    ours = {p.name for p in aftermath.patients}
    opened = [e for e in ledger.each(IncidentOpened) if e.external_number in ours]
    assert sorted(e.external_number for e in opened) == sorted(ours)
    assert all(any(e.event_id in p.asked for p in aftermath.patients) for e in opened)


def test_every_sample_was_recorded_under_its_own_id(aftermath: City) -> None:
    for patient in aftermath.patients:
        recorded = aftermath.ledger.each(VitalSignsRecorded, patient.encounter)
        acts = {key for key, kind in patient.asked.items() if key in patient.sent}
        assert sorted(e.event_id for e in recorded) == sorted(set(patient.sent) - acts)


def test_every_leg_departed_once_and_was_stamped_once_by_gps(aftermath: City) -> None:
    for patient in aftermath.patients:
        (departed,) = aftermath.ledger.each(UnitDeparted, patient.unit)
        stamps = aftermath.ledger.each(UnitStatusChanged, patient.unit)
        told = [(s.status, s.source) for s in stamps]
        assert sorted(told) == [(UnitStatus.DEPARTED, "gps"), (UnitStatus.NOTIFIED, "dispatcher")]
        assert {s.leg_id for s in stamps} == {departed.leg_id}


def test_what_was_sent_again_was_the_same(aftermath: City) -> None:
    for (topic, event_id), contents in aftermath.ledger.bytes.items():
        if topic.startswith((*FROM_OUTBOXES, "centre-")) and topic != "dispatch-movements":
            assert len(contents) == 1, (topic, event_id)


def test_what_nobody_can_read_was_set_down_by_each_consumer_and_nothing_else_was(
    aftermath: City,
) -> None:
    for consumer, topic in POISONED.items():
        letters = aftermath.ledger.dead[consumer]
        origins = set()
        for letter in letters:
            told = {n: raw.decode() for n, raw in letter.headers if n.startswith("dead_")}
            origin = told["dead_topic"], int(told["dead_partition"]), int(told["dead_offset"])
            origins.add(origin)
            spoilt = aftermath.poison[origin]
            assert (letter.key, letter.value) == (spoilt.key, spoilt.value)
            assert list(letter.headers[:2]) == spoilt.headers
            assert told["dead_kind"] == "invalid"
            assert "JSON" not in told["dead_reason"]
        assert origins == {place for place in aftermath.poison if place[0] == topic}
        assert origins


async def test_nothing_was_decided_or_kept_that_was_not_told(
    aftermath: City, platform: Platform
) -> None:
    connection = await asyncpg.connect(platform.admin_dsn)
    try:
        for patient in aftermath.patients:
            decisions = aftermath.ledger.each(TriageDecided, patient.encounter)
            number = await connection.fetchval(
                "SELECT state->'decided'->>'number' FROM triage.pictures WHERE id = $1",
                patient.encounter,
            )
            assert int(number) == len(decisions)
            admissions = await connection.fetchval(
                "SELECT count(*) FROM bridge.acts"
                " WHERE type = 'AdmissionOpened' AND encounter_id = $1",
                patient.encounter,
            )
            assert admissions == 1
    finally:
        await connection.close()
