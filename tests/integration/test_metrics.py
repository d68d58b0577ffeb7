"""The metrics of real services: what happens is counted, what stands is shown, and what nobody
counts any more is missing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import REGISTRY

from services.kit import census, postgres
from services.kit import metrics as seen
from services.kit.census import Census, Figure
from services.kit.postgres import Connection
from services.kit.role import Role
from services.kit.settings import Settings
from tests.boards import Site, somebody
from tests.journey import CRITICAL, Traveller, called
from tests.platform import Platform
from tests.services import ago, until

HOSPITAL = "F-metrics"
NAMES = ("dispatch", "gateway", "triage", "bridge")


@pytest.fixture(scope="module")
async def site(platform: Platform, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Site]:
    people = (somebody("nurse-1", Role.CENTRE, HOSPITAL),)
    async with Site(platform, tmp_path_factory.mktemp("metrics"), people).open(*NAMES) as opened:
        yield opened


@pytest.fixture(scope="module")
async def patient(site: Site) -> Traveller:
    (one,) = await called(site, {"complaint": "chest_pain"})
    await one.bound_for(HOSPITAL)
    await one.reading(CRITICAL)
    await one.boards()
    await until(lambda: one.item("admission"))
    return one


async def values(site: Site, service: str) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    """All that one of them shows, by name and labels."""
    async with httpx.AsyncClient(trust_env=False) as http:
        answer = await http.get(f"{site[service].url}/metrics")
    families = text_string_to_metric_families(answer.text)
    return {
        (each.name, frozenset(each.labels.items())): each.value
        for family in families
        for each in family.samples
    }


async def comes_to(
    site: Site, of: str, name: str, is_right: Callable[[float], bool], **labels: str
) -> None:
    """Wait until what is shown is right."""
    wanted, found = (name, frozenset(labels.items())), list[float | None]()

    async def is_shown() -> bool:
        found.append((await values(site, of)).get(wanted))
        return found[-1] is not None and is_right(found[-1])

    await until(is_shown, 30, f"{name}{labels}")


def one(value: float) -> bool:
    return value >= 1


def none(value: float) -> bool:
    return value == 0


async def test_every_service_says_its_version_and_whether_it_is_ready(site: Site) -> None:
    for service in ("dispatch", "triage", "bridge"):
        await comes_to(site, service, "greenchannel_ready", one, service=service)
        await comes_to(site, service, "greenchannel_outbox_messages", none, service=service)
    for service in NAMES:
        shown = await values(site, service)
        (version,) = [dict(labels) for name, labels in shown if name == "greenchannel_build_info"]
        assert version["service"] == service


async def test_what_a_facility_owes_is_shown_until_it_is_done(
    site: Site, patient: Traveller
) -> None:
    there = {"facility": HOSPITAL}
    await comes_to(site, "bridge", "greenchannel_handoffs_open", one, **there)
    await comes_to(site, "bridge", "greenchannel_handoffs_unacknowledged", one, **there)
    since = "greenchannel_handoffs_unacknowledged_oldest_timestamp_seconds"
    await comes_to(site, "bridge", since, one, **there)
    owed = {**there, "owed": "acknowledged"}
    await comes_to(site, "bridge", "greenchannel_promises_open", one, **owed)
    await patient.act("acknowledgement")
    await comes_to(site, "bridge", "greenchannel_handoffs_unacknowledged", none, **there)
    assert (since, frozenset(there.items())) not in await values(site, "bridge")
    took = "greenchannel_handoff_seconds_count"
    await comes_to(site, "bridge", took, one, step="acknowledged", level="critical")
    fate = {"window": "1h", "owed": "acknowledged", "level": "critical", "fate": "kept"}
    await comes_to(site, "bridge", "greenchannel_promises", one, **fate)


async def test_decisions_and_records_are_counted_once_they_are_said(
    site: Site, patient: Traveller
) -> None:
    said = {"level": "critical", "changed": "True"}
    await comes_to(site, "triage", "greenchannel_decisions_total", one, **said)
    lag = {"consumer": "triage"}
    await comes_to(site, "triage", "greenchannel_consumer_lag_records", none, **lag)
    await comes_to(site, "triage", "greenchannel_consumer_lag_seconds", none, **lag)
    await comes_to(site, "triage", "greenchannel_consumer_turn_timestamp_seconds", one, **lag)
    raw = {"consumer": "gateway.raw"}
    await comes_to(site, "gateway", "greenchannel_consumer_lag_records", none, **raw)
    await comes_to(site, "gateway", "greenchannel_consumer_turn_timestamp_seconds", one, **raw)
    await patient.tell("level", level="severe", reason="车组判断")
    crew = {"role": "crew", "level": "severe"}
    await comes_to(site, "gateway", "greenchannel_overrides_total", one, **crew)


async def test_the_three_minutes_stand_in_every_window_and_who_is_late_at_once(site: Site) -> None:
    name = "greenchannel_dispatch_within_3min"
    (late,) = await called(site, {"complaint": "trauma"})
    order = {"unit_id": "U-late-metrics", "station": {"latitude": 34.2, "longitude": 117.28},
             "occurred_at": ago(200)}  # fmt: skip
    await late.desk.do("POST", f"/v1/incidents/{late.incident}/units", order)
    for window in ("5m", "30m", "1h"):
        told = {"window": window, "witness": "reported", "fate": "missing"}
        await comes_to(site, "dispatch", name, one, **told)
    await comes_to(site, "dispatch", "greenchannel_dispatch_overdue_units", one, station="unknown")
    stamp = {"status": "departed", "occurred_at": ago(1)}
    await late.crew.do("POST", "/v1/units/U-late-metrics/stamps", stamp)
    told = {"window": "1h", "witness": "reported", "fate": "late"}
    await comes_to(site, "dispatch", name, one, **told)
    await comes_to(site, "dispatch", "greenchannel_dispatch_seconds_count", one, source="crew")


async def test_a_request_is_counted_by_its_route_and_never_by_its_path(site: Site) -> None:
    async with httpx.AsyncClient(trust_env=False) as http:
        url = site["bridge"].url
        await http.get(f"{url}/v1/facilities/F-secret-name/queue")
        await http.get(f"{url}/nowhere/secret-name")
        await http.request("SECRET", f"{url}/v1/facilities/F-secret-name/queue")
        text = (await http.get(f"{url}/metrics")).text
    assert "secret" not in text.lower()
    shown = await values(site, "bridge")
    counted = {
        (dict(labels)["route"], dict(labels)["method"], dict(labels)["status"])
        for name, labels in shown
        if name == "greenchannel_request_seconds_count"
    }
    assert ("/v1/facilities/{facility_id}/queue", "GET", "401") in counted
    assert ("none", "GET", "404") in counted
    assert {method for _, method, _ in counted} <= {"GET", "POST", "other"}


async def test_what_nobody_counts_any_more_is_missing_and_not_as_it_was(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(census, "LOOK_S", 0.05)
    monkeypatch.setattr(census, "FRESH_S", 0.5)
    breaks = False

    async def look(_: Connection) -> AsyncIterator[Figure]:
        if breaks:
            raise RuntimeError("a table has gone")
        yield Figure(seen.UNITS, 3, ("a-test",))

    def shown() -> float | None:
        return REGISTRY.get_sample_value("greenchannel_units", {"status": "a-test"})

    def missing() -> float | None:
        """How many looks: its outbox is counted all the time."""
        return REGISTRY.get_sample_value("greenchannel_looks_missing", {"service": "a-test"})

    settings = Settings(postgres_dsn=platform.dsn("dispatch"))
    async with await postgres.connect(settings, "dispatch", size=1) as pool:
        counted = Census("a-test", pool, [look])
        task = asyncio.create_task(counted.run())
        try:
            await until(lambda: shown() == 3)
            assert missing() == 0
            breaks = True
            await until(lambda: shown() is None)
            assert missing() == 1
            breaks = False
            await until(lambda: shown() == 3)
            assert missing() == 0
        finally:
            task.cancel()
            await asyncio.wait([task])
    assert shown() is None


async def test_a_count_that_takes_long_and_fails_is_not_made_again_at_once(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(census, "LOOK_S", 0.05)
    tries = list[str]()

    async def slow(_: Connection) -> AsyncIterator[Figure]:
        tries.append("slow")
        await asyncio.sleep(0.2)
        raise RuntimeError("a table has gone")
        yield Figure(seen.UNITS, 3, ("never",))

    async def quick(_: Connection) -> AsyncIterator[Figure]:
        tries.append("quick")
        yield Figure(seen.UNITS, 3, ("a-test",))

    settings = Settings(postgres_dsn=platform.dsn("dispatch"))
    async with await postgres.connect(settings, "dispatch", size=1) as pool:
        task = asyncio.create_task(Census("a-test", pool, [slow, quick]).run())
        try:
            await until(lambda: tries.count("quick") >= 5)
        finally:
            task.cancel()
            await asyncio.wait([task])
    assert tries.count("slow") == 1
