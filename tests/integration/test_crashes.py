"""Every service is killed at every named point while patients are carried: nothing that was
acknowledged is lost, and nothing has a second effect."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import asyncpg
import pytest

from schemas.triage import TriageDecided
from tests.crashes import PARTS, POISONED, City, Ledger, Patient, city, points_of
from tests.platform import Platform
from tests.promises import (
    PROMISES,
    its_systems_were_told_each_thing_in_order_and_under_one_id,
    what_a_system_was_told_again_was_the_same_and_came_before_anything_else,
    what_was_sent_again_was_the_same,
)

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


@pytest.mark.parametrize("service", PARTS)
def test_every_point_was_reached_and_was_the_end_of_the_process(
    aftermath: City, service: str
) -> None:
    assert aftermath.kept[service].fired == points_of(service)


def test_nothing_died_elsewhere_and_no_client_was_told_a_wrong_thing(aftermath: City) -> None:
    assert [death for kept in aftermath.kept.values() for death in kept.deaths] == []
    assert aftermath.faults == []


@pytest.mark.parametrize("promise", PROMISES, ids=lambda promise: promise.__name__)
def test_of_every_patient(aftermath: City, promise: Callable[[Ledger, Patient], None]) -> None:
    assert len(aftermath.patients) > 5
    for patient in aftermath.patients:
        promise(aftermath.ledger, patient)


def test_what_was_sent_again_was_the_same(aftermath: City) -> None:
    what_was_sent_again_was_the_same(aftermath.ledger)


def test_a_hospitals_systems_were_told_each_thing_in_order_and_under_one_id(
    aftermath: City,
) -> None:
    systems = aftermath.systems
    for patient in aftermath.patients:
        its_systems_were_told_each_thing_in_order_and_under_one_id(
            aftermath.ledger, systems, patient
        )
    for receiver in (systems.his, systems.web):
        what_a_system_was_told_again_was_the_same_and_came_before_anything_else(receiver)
    again = [len(r.ids) - len(set(r.ids)) for r in (systems.his, systems.web)]
    assert sum(again) > 0, "who dies between telling and noting it tells it again"


def test_what_nobody_can_read_was_set_down_by_each_consumer_and_nothing_else_was(
    aftermath: City,
) -> None:
    for consumer, topic in POISONED.items():
        origins = set()
        for letter in aftermath.ledger.dead[consumer]:
            told = {n: raw.decode() for n, raw in letter.headers if n.startswith("dead_")}
            origin = told["dead_topic"], int(told["dead_partition"]), int(told["dead_offset"])
            if origin not in aftermath.poison:  # what another test has sent, or a good record
                assert aftermath.tag.encode() not in letter.key + letter.value
                continue
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
            number = await connection.fetchval(
                "SELECT state->'course'->>'number' FROM triage.states WHERE id = $1",
                patient.encounter,
            )
            assert int(number) == len(aftermath.ledger.each(TriageDecided, patient.encounter))
            admissions = await connection.fetchval(
                "SELECT count(*) FROM bridge.acts"
                " WHERE type = 'AdmissionOpened' AND encounter_id = $1",
                patient.encounter,
            )
            assert admissions == 1
            telephoned = await connection.fetchval(
                "SELECT count(*) FROM dispatch.alarms"
                " WHERE incident_id = $1 AND state ->> 'clock' = 'hospital_displayed'",
                patient.incident,
            )
            assert telephoned == 1 or not patient.is_silent
    finally:
        await connection.close()
