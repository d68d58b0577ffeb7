"""Systems of hospitals that answer, refuse, hang, hang up or talk rubbish: nothing is lost, nothing
is told under a second id, each channel hears in order, and one that hangs holds up itself alone."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from importlib.resources import files
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import pytest
from aiokafka import AIOKafkaProducer
from click.testing import CliRunner
from prometheus_client import REGISTRY

from schemas.clinical import FindingRecorded
from schemas.encounter import DestinationSelected, EncounterEnded, PatientBoarded
from schemas.envelope import encode
from schemas.event import Event
from schemas.handoff import IdentityBound, PatientArrived
from services.bridge import courier, delivery, loader, mllp, outlet
from services.bridge.acts import act
from services.bridge.case import Case
from services.bridge.courier import Courier
from services.bridge.facility import Facilities
from services.bridge.feed import Feeds
from services.bridge.handoff import hear
from services.bridge.outlet import InterfaceRefused, outlets
from services.bridge.promise import keep
from services.bridge.store import CASES, CaseStore, confined
from services.cli import main
from services.kit import outbox, postgres
from services.kit.postgres import Row, transaction
from services.kit.settings import Settings
from services.kit.tokens import SigningKey
from services.kit.work import Received
from tests.platform import Platform
from tests.receivers import SECRET, Mllp, Web, certified, listening, runs
from tests.services import Service, running, until
from tests.unit.test_promise import decided

pytestmark = pytest.mark.timeout(90)

NUMBERS = itertools.count(1)
ZONE = ZoneInfo("Asia/Shanghai")
SETTINGS = Settings()


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Seconds in place of minutes."""
    monkeypatch.setattr(delivery, "FIRST", timedelta(seconds=0.01))
    monkeypatch.setattr(delivery, "OPEN", timedelta(seconds=0.1))
    monkeypatch.setattr(mllp, "ANSWER_S", 0.5)
    monkeypatch.setattr(outlet, "ANSWER_S", 0.5)
    monkeypatch.setattr(outlet, "CONNECT_S", 0.5)
    monkeypatch.setattr(courier, "LOOK_S", 0.1)
    monkeypatch.setenv("H_SECRET", SECRET)


@pytest.fixture(scope="module")
async def pool(platform: Platform) -> AsyncIterator[postgres.Pool]:
    settings = Settings(postgres_dsn=platform.dsn("bridge"))
    async with await postgres.connect(settings, "bridge", size=12) as opened:
        folders = [files(f"services.{name}") / "migrations" for name in ("kit", "bridge")]
        await postgres.migrate(opened, "bridge", folders)
        yield opened
        for table in ("outbox", "wakings", "deliveries"):
            await opened.execute(f"DELETE FROM {table}")


class City:
    """A bridge without topics: what happens is decided and saved as its loop and interface do."""

    def __init__(self, pool: postgres.Pool, interfaces: Mapping[str, Sequence[Any]]) -> None:
        self.pool = pool
        shipped = loader.facilities().model_dump(mode="json")
        own = {name: {"interfaces": each} for name, each in interfaces.items()}
        self.facilities = Facilities.model_validate({**shipped, "facilities": own})
        self.feeds = Feeds(pool)
        self.cases = CaseStore(ZONE, self.facilities, self.feeds.changed)

    async def hears(self, *events: Any, fails: bool = False) -> None:
        """Events of one patient, in one transaction."""
        key, now = events[0].encounter_id, datetime.now(UTC)
        batch = {key: [Received(key, each, now, record=None) for each in events]}
        async with transaction(self.pool) as connection:
            row = (await self.cases.load(connection, batch))[key]
            case, told = row.state, list[Event]()
            for event in events:
                case, more = hear(case, key, event, datetime.now(UTC))
                told += more
            assert case is not None
            await self._save(connection, case, row.version, told)
            if fails:
                raise RuntimeError("after the effect")

    async def does(self, kind: type[Event], name: str, facility: str, **more: Any) -> None:
        """An act of the facility, in a transaction that is confined to it."""
        async with confined(self.pool, facility) as connection:
            row = (await CASES.load(connection, [name]))[name]
            event = about(kind, name, facility_id=facility, staff_id="n", **more)
            case, told = act(row.state, event, datetime.now(UTC))
            await self._save(connection, case, row.version, list(told))

    async def _save(self, connection: Any, case: Case, version: int, told: list[Event]) -> None:
        kept = keep(case, self.facilities.of(case.facility_id), datetime.now(UTC))
        await self.cases.save(connection, {case.encounter_id: Row(kept, version)}, told)
        await outbox.append(connection, "bridge", told)

    async def bind(self, facility: str, name: str = "") -> str:
        """A patient who is bound for the facility; each is another one."""
        name = name or f"E-hospital-{next(NUMBERS)}"
        level = decided("severe", 1, 0).but(encounter_id=name, event_id=f"t-{name}")
        await self.hears(level, chosen(name, facility))
        return name

    async def case(self, name: str) -> Case:
        async with transaction(self.pool) as connection:
            state = (await CASES.load(connection, [name], lock=False))[name].state
        assert state is not None
        return state

    async def waiting(self, facility: str) -> int:
        asked = "SELECT count(*) FROM deliveries WHERE facility_id = $1 AND refused_at IS NULL"
        return int(await self.pool.fetchval(asked, facility))

    async def all_told(self, *facilities: str) -> bool:
        return sum([await self.waiting(each) for each in facilities]) == 0

    async def delivered(self, name: str) -> list[tuple[str, int]]:
        """By which way the record had come there, and which version, as others are told."""
        rows = await self.pool.fetch(
            "SELECT value FROM outbox WHERE key = $1 AND headers ->> 'ce_type' LIKE '%Delivered%'",
            name.encode(),
        )
        told = [json.loads(row["value"]) for row in rows]
        return [(each["via"], each["version"]) for each in told]

    def courier(self) -> Courier:
        ways = outlets(self.facilities, ZONE)
        return Courier(SETTINGS, self.pool, self.cases, self.facilities, ways)


def about(kind: type[Event], name: str, **more: Any) -> Any:
    common = {"event_id": f"x-{next(NUMBERS)}", "encounter_id": name,
              "occurred_at": datetime.now(UTC)}  # fmt: skip
    return kind.model_validate({**common, **more})


def chosen(name: str, facility: str) -> Any:
    return about(DestinationSelected, name, facility_id=facility, selected_by="d-1")


def found(name: str) -> Any:
    return about(FindingRecorded, name, finding="shock", present=True)


def fresh() -> str:
    return f"H-own-{next(NUMBERS)}"


def hl7_to(receiver: Mllp, **more: Any) -> dict[str, Any]:
    scheme = "mllps" if more else "mllp"
    return {"channel": "hl7", "address": f"{scheme}://127.0.0.1:{receiver.port}", **more}


def web_to(receiver: Web, channel: str = "webhook") -> dict[str, Any]:
    address = f"http://127.0.0.1:{receiver.port}/in?x=1"
    return {"channel": channel, "address": address, "secret": "H_SECRET"}


@asynccontextmanager
async def telling(city: City) -> AsyncIterator[asyncio.Task[None]]:
    """A courier at work, and who tells it of news; in the end they are killed as they stand."""
    task = asyncio.create_task(city.courier().run())
    feeds = asyncio.create_task(city.feeds.run())
    try:
        yield task
    finally:
        task.cancel()
        feeds.cancel()
        await asyncio.wait([task, feeds])
        if not task.cancelled():
            task.result()


def triggers(receiver: Mllp) -> list[str]:
    return [message.split("|")[8].split("^")[1] for _, message in receiver.came]


def patients(receiver: Mllp) -> list[str]:
    pids = (message.split("\rPID|")[1].split("|")[2] for _, message in receiver.came)
    return [pid.split("^")[0] for pid in pids]


# -- all is well -----------------------------------------------------------------------------------


async def test_a_hospital_hears_of_each_step_in_order_and_over_one_connection(
    pool: postgres.Pool,
) -> None:
    his, home = Mllp(), fresh()
    async with listening(his):
        city = City(pool, {home: [hl7_to(his)]})
        async with telling(city):
            name = await city.bind(home)
            await city.hears(about(PatientBoarded, name, unit_id="A-1"))
            await city.hears(found(name))
            await city.does(IdentityBound, name, home, reference="V-1")
            await city.does(PatientArrived, name, home)
            other = await city.bind(home)
            await until(lambda: city.all_told(home))
    assert triggers(his) == ["A05", "A08", "A08", "A08", "A04", "A05"]
    assert patients(his) == [name] * 5 + [other]
    assert len(set(his.ids)) == 6
    assert his.connections == 1
    number = (await city.case(name)).admission
    assert number is not None
    assert number.admission_number in his.came[1][1]
    assert "V-1^^^" in his.came[4][1]


async def test_the_first_that_brings_the_record_says_so_once(pool: postgres.Pool) -> None:
    his, web, home = Mllp(), Web(), fresh()
    async with listening(his), listening(web):
        city = City(pool, {home: [hl7_to(his), web_to(web)]})
        his.plan.extend(["AE"] * 20)
        name = await city.bind(home)
        assert (await city.case(name)).handoff.delivered_at is None
        async with telling(city):
            await until(lambda: city.all_told(home))
            await city.hears(found(name))
            await until(lambda: city.all_told(home))
    assert await city.delivered(name) == [("webhook", 1)]
    case = await city.case(name)
    assert case.handoff.delivered_at is not None
    assert [p.is_open for p in case.handoff.promises if p.owed == "delivered"] == [False]
    acts = "SELECT count(*) FROM acts WHERE encounter_id = $1 AND type = 'RecordDelivered'"
    assert await pool.fetchval(acts, name) == 1


async def test_what_is_written_is_told_without_waiting_for_the_next_look(
    pool: postgres.Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    his, home = Mllp(), fresh()
    async with listening(his):
        city = City(pool, {home: [hl7_to(his)]})
        async with telling(city):
            await city.bind(home)
            await until(partial(_has_taken, his, 1))
            monkeypatch.setattr(courier, "LOOK_S", 4.0)
            await asyncio.sleep(0.3)  # the last look that was shorter is over
            began = time.monotonic()
            for count in (2, 3, 4):
                await city.bind(home)
                await until(partial(_has_taken, his, count))
            assert time.monotonic() - began < 2


async def test_a_facility_without_interface_has_nothing_waiting(pool: postgres.Pool) -> None:
    his, home, other = Mllp(), fresh(), fresh()
    async with listening(his):
        city = City(pool, {home: [hl7_to(his)]})
        await city.bind(other)
        assert await city.waiting(other) == 0


# -- what hospitals do -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "answer", ["AE", "garbage", "unframed", "half", "other", "huge", "late", "hang"]
)
async def test_what_was_not_taken_is_told_again_under_the_same_id_before_the_next(
    pool: postgres.Pool, answer: str
) -> None:
    his, home = Mllp(), fresh()
    async with listening(his):
        city = City(pool, {home: [hl7_to(his)]})
        his.plan.extend(["AA", answer, answer, answer, "AA", answer])
        async with telling(city):
            names = [await city.bind(home) for _ in range(4)]
            await until(lambda: city.all_told(home), why="not all was told")
    assert [count for _, count in runs(his.ids)] == [1, 4, 2, 1]
    assert len(set(his.ids)) == 4, "no event has two ids"
    assert [name for name, _ in itertools.groupby(patients(his))] == names
    assert [len({m for n, m in his.came if n == each}) for each in his.taken] == [1] * 4


async def test_what_is_refused_is_set_down_with_its_reason_and_the_next_goes_on(
    pool: postgres.Pool, caplog: pytest.LogCaptureFixture
) -> None:
    his, home = Mllp(), fresh()
    async with listening(his):
        city = City(pool, {home: [hl7_to(his)]})
        his.plan.extend(["AR", "AA"])
        async with telling(city):
            refused, taken = await city.bind(home), await city.bind(home)
            await until(lambda: city.all_told(home))
            await until(lambda: waits_for_somebody(home) == 1)
        async with telling(city):
            last = await city.bind(home)
            await until(lambda: city.all_told(home))
    assert patients(his) == [refused, taken, last], "nor is it told after a new start"
    kept = "SELECT encounter_id, reason, attempts FROM deliveries WHERE facility_id = $1"
    assert [tuple(row) for row in await pool.fetch(kept, home)] == [(refused, "AR no bed free", 1)]
    name = await pool.fetchval("SELECT id FROM deliveries WHERE facility_id = $1", home)
    why = {"facility": home, "channel": "hl7", "outcome": "refused", "cause": "AR"}
    assert logged(caplog, "delivery_refused") == [{"id": name, **why}], "nor what it wrote"
    assert (await city.case(refused)).handoff.delivered_at is None
    assert (await city.case(taken)).handoff.delivered_at is not None


async def asked(platform: Platform, *words: str, role: str = "bridge") -> tuple[int, list[str]]:
    """What the command says to who runs it, and its status."""
    named = {"GREENCHANNEL_POSTGRES_DSN": platform.dsn(role)}
    call = partial(CliRunner().invoke, main, ["deliveries", *words], env=named)
    done = await asyncio.to_thread(call)
    return done.exit_code, done.output.splitlines()


async def test_what_was_refused_is_listed_and_told_again_under_its_id(
    pool: postgres.Pool, platform: Platform
) -> None:
    his, home = Mllp(), fresh()
    async with listening(his):
        city = City(pool, {home: [hl7_to(his)]})
        his.plan.extend(["AE"] * 6 + ["AR"])
        async with telling(city):
            name = await city.bind(home)
            await until(lambda: city.all_told(home))
        status, lines = await asked(platform)
        (line,) = [each for each in lines if home in each]
        told, *place, at, why = line.split("  ")
        assert (status, place) == (0, [home, "hl7", "PreArrivalNotified", name])
        assert why == "AR no bed free"
        assert datetime.fromisoformat(at) <= datetime.now(UTC)
        later = await city.bind(home)
        assert await asked(platform, "--again", told) == (0, [f"{told}  is told again"])
        tries = "SELECT attempts FROM deliveries WHERE id = $1"
        assert await pool.fetchval(tries, told) == 0, "its circuit was open"
        async with telling(city):
            await until(lambda: city.all_told(home))
    assert patients(his) == [name] * 8 + [later]
    assert len(set(his.ids)) == 2
    assert not [each for each in (await asked(platform))[1] if home in each]
    missing = f"{told}  no delivery of this id was refused"
    assert await asked(platform, "--again", told) == (1, [missing])


async def test_of_a_patient_who_is_bound_otherwise_nothing_is_told_again(
    pool: postgres.Pool, platform: Platform
) -> None:
    """A hospital that was left would be told of the patient; one that is chosen again would hear
    that nobody comes."""
    his, home = Mllp(), fresh()

    async def refused(kind: str) -> str:
        asked = "SELECT id FROM deliveries WHERE facility_id = $1 AND type = $2"
        return str(await pool.fetchval(asked, home, kind))

    async with listening(his):
        city = City(pool, {home: [hl7_to(his)]})
        his.plan.extend(["AR", "AR", "AA"])
        async with telling(city):
            name = await city.bind(home)
            await until(lambda: city.all_told(home))
            record = await refused("PreArrivalNotified")
            await city.hears(chosen(name, fresh()).but(event_id="away"))
            await until(lambda: city.all_told(home))
            left = await refused("PreArrivalWithdrawn")
            why = "is not told: the patient was bound otherwise since then; --forget it"
            assert await asked(platform, "--again", record) == (1, [f"{record}  {why}"])
            await city.hears(chosen(name, home).but(event_id="back"))
            await until(lambda: city.all_told(home))
            assert await asked(platform, "--again", left) == (1, [f"{left}  {why}"])
            told = len(his.came)
            done = await asked(platform, "--forget", record, "--forget", left)
            assert done == (0, [f"{each}  is forgotten" for each in (record, left)])
            await until(lambda: waits_for_somebody(home) == 0)
    assert len(his.came) == told == 3
    missing = f"{left}  no delivery of this id was refused"
    assert await asked(platform, "--forget", left) == (1, [missing])


async def test_who_may_only_look_tells_nothing_again(
    pool: postgres.Pool, platform: Platform
) -> None:
    status, lines = await asked(platform, "--again", "x", role="observer")
    assert (status, len(lines)) == (1, 1), lines
    assert "permission denied" in lines[0]
    assert (await asked(platform, role="observer"))[0] == 0


def waits_for_somebody(facility: str) -> float | None:
    place = {"facility": facility, "channel": "hl7"}
    return REGISTRY.get_sample_value("greenchannel_deliveries_refused", place)


def logged(caplog: pytest.LogCaptureFixture, action: str) -> list[dict[str, str]]:
    """What was said of it, as it stands in a line of the log."""
    names = ("id", "facility", "channel", "outcome", "cause")
    records = [each for each in caplog.records if getattr(each, "action", None) == action]
    return [{n: getattr(each, n) for n in names if hasattr(each, n)} for each in records]


@pytest.mark.parametrize(
    ("plan", "outcome", "cause"),
    [
        ("AE", "erred", "AE"),
        ("hang", "away", "no answer in time"),
        ("half", "away", "the connection was closed without an answer"),
    ],
)
async def test_why_a_circuit_opens_stands_in_the_log(
    pool: postgres.Pool, caplog: pytest.LogCaptureFixture, plan: str, outcome: str, cause: str
) -> None:
    his, home = Mllp(), fresh()
    async with listening(his):
        city = City(pool, {home: [hl7_to(his)]})
        his.plan.extend([plan] * delivery.OPENS)
        async with telling(city):
            await city.bind(home)
            await until(lambda: city.all_told(home))
    why = {"facility": home, "channel": "hl7", "outcome": outcome, "cause": cause}
    assert logged(caplog, "circuit_opened") == [why]


async def test_a_status_stands_in_the_log(
    pool: postgres.Pool, caplog: pytest.LogCaptureFixture
) -> None:
    web, home = Web(), fresh()
    async with listening(web):
        city = City(pool, {home: [web_to(web)]})
        web.plan.extend(["503"] * delivery.OPENS + ["422"])
        async with telling(city):
            await city.bind(home)
            await until(lambda: city.all_told(home))
    (opened,), (refused,) = (logged(caplog, n) for n in ("circuit_opened", "delivery_refused"))
    assert (opened["outcome"], opened["cause"]) == ("away", "HTTP 503")
    assert (refused["outcome"], refused["cause"]) == ("refused", "HTTP 422")


async def test_an_error_of_its_own_is_given_up_after_a_while(pool: postgres.Pool) -> None:
    his, home = Mllp(), fresh()
    async with listening(his):
        city = City(pool, {home: [hl7_to(his)]})
        his.plan.extend(["AE"] * 3 + ["hang"] * 99)
        async with telling(city):
            first = await city.bind(home)
            since = "SELECT erring_since FROM deliveries WHERE facility_id = $1"
            began = await until(lambda: pool.fetchval(since, home))
            tries = "SELECT attempts FROM deliveries WHERE facility_id = $1"
            await until(lambda: _first(pool, tries, home, 3))
            assert await pool.fetchval(since, home) == began
        # As if it had begun ten minutes ago.
        await pool.execute(
            "UPDATE deliveries SET erring_since = now() - interval '10 min' WHERE facility_id = $1",
            home,
        )
        his.plan.clear()
        his.plan.append("AE")
        async with telling(city):
            second = await city.bind(home)
            await until(lambda: city.all_told(home))
    assert list(dict.fromkeys(patients(his))) == [first, second]
    assert len(his.taken) == 1, "the second alone"
    reason = "SELECT reason FROM deliveries WHERE facility_id = $1"
    assert await pool.fetchval(reason, home) == "AE no bed free"


async def test_a_hospital_that_hangs_holds_up_no_other_and_no_other_way_to_itself(
    pool: postgres.Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mllp, "ANSWER_S", 5.0)
    stuck, well, web, hangs, other = Mllp(), Mllp(), Web(), fresh(), fresh()
    async with listening(stuck), listening(well), listening(web):
        city = City(pool, {hangs: [hl7_to(stuck), web_to(web)], other: [hl7_to(well)]})
        stuck.plan.extend(["hang"] * 10_000)
        waits: list[float] = []
        async with telling(city):
            held = [await city.bind(hangs) for _ in range(3)]
            await until(lambda: len(stuck.came) > 0)
            for count in range(1, 31):
                began = time.monotonic()
                await city.bind(other)
                await until(partial(_has_taken, well, count))
                waits.append(time.monotonic() - began)
            await until(lambda: len(web.taken) == 3)
            await until(lambda: (_age(hangs) or 0) > 0.5)
            await until(lambda: _age(other) == 0)
        assert _age(hangs) is None, "who has no turn knows nothing"
        assert set(patients(stuck)) == {held[0]}, "the others wait behind it"
        assert sorted(waits)[15] < 1, waits
        stuck.plan.clear()
        async with telling(city):
            await until(lambda: city.all_told(hangs))
    assert list(dict.fromkeys(patients(stuck))) == held
    assert stuck.taken == list(dict.fromkeys(stuck.ids))


async def test_a_hospital_that_was_not_there_is_told_all_when_it_comes(pool: postgres.Pool) -> None:
    his, home = Mllp(), fresh()
    async with listening(his):
        pass  # its port is known now
    city = City(pool, {home: [hl7_to(his)]})
    async with telling(city):
        names = [await city.bind(home) for _ in range(5)]
        tries = "SELECT attempts FROM deliveries WHERE facility_id = $1 ORDER BY seq"
        await until(lambda: _first(pool, tries, home, delivery.OPENS + 1))
        assert [row[0] for row in await pool.fetch(tries, home)][1:] == [0] * 4
        async with listening(his):
            await until(lambda: city.all_told(home))
    assert patients(his) == names
    assert len(set(his.ids)) == 5


def _age(facility: str) -> float | None:
    labels = {"facility": facility, "channel": "hl7"}
    return REGISTRY.get_sample_value("greenchannel_deliveries_oldest_age_seconds", labels)


def _has_taken(receiver: Mllp, count: int) -> bool:
    return len(receiver.taken) == count


async def _first(pool: postgres.Pool, asked: str, home: str, least: int) -> bool:
    return int(await pool.fetchval(asked, home)) >= least


# -- what we do ------------------------------------------------------------------------------------


async def test_who_dies_between_telling_and_noting_it_tells_the_same_again(
    pool: postgres.Pool,
) -> None:
    his, home = Mllp(), fresh()
    his.late_s = 0.4
    async with listening(his):
        city = City(pool, {home: [hl7_to(his)]})
        his.plan.append("late")
        name = await city.bind(home)
        async with telling(city):
            await until(lambda: len(his.came) == 1)
        async with telling(city):
            await until(lambda: city.all_told(home))
    assert len(his.came) == 2
    assert len(set(his.came)) == 1, "the same message, under the same id"
    assert await city.delivered(name) == [("hl7", 1)]


async def test_of_two_workers_one_tells_and_the_other_takes_over(pool: postgres.Pool) -> None:
    his, home = Mllp(), fresh()
    async with listening(his):
        city = City(pool, {home: [hl7_to(his)]})
        async with telling(city) as first:
            await city.bind(home)
            await until(partial(_has_taken, his, 1))  # the turn is the first's
            async with telling(city):
                for count in range(2, 11):
                    await city.bind(home)
                    await until(partial(_has_taken, his, count))
                assert his.connections == 1
                first.cancel()
                await city.bind(home)
                await until(lambda: city.all_told(home))
                assert his.connections == 2
    assert len(his.ids) == len(set(his.ids)) == 11


async def test_what_did_not_happen_is_not_told(pool: postgres.Pool) -> None:
    his, home = Mllp(), fresh()
    async with listening(his):
        city = City(pool, {home: [hl7_to(his)]})
        name = await city.bind(home)
        with pytest.raises(RuntimeError, match="after the effect"):
            await city.hears(found(name), fails=True)
        async with telling(city):
            await until(lambda: city.all_told(home))
    assert triggers(his) == ["A05"]


async def test_what_cannot_be_said_any_more_is_set_down_and_the_next_goes_on(
    pool: postgres.Pool, caplog: pytest.LogCaptureFixture
) -> None:
    his, home = Mllp(), fresh()
    async with listening(his):
        city = City(pool, {home: [hl7_to(his)]})
        await city.bind(home)
        spoil = 'UPDATE deliveries SET state = \'{"version": "x"}\' WHERE facility_id = $1'
        await pool.execute(spoil, home)
        good = await city.bind(home)
        async with telling(city):
            await until(lambda: city.all_told(home))
    assert patients(his) == [good]
    reason = "SELECT reason FROM deliveries WHERE facility_id = $1"
    assert await pool.fetchval(reason, home) == "unsaid: ValidationError"
    (told,) = (each for each in caplog.records if each.message == "a delivery cannot be told")
    assert told.exc_info is None, "an error may repeat what stands in a record"


async def test_a_database_that_hangs_up_costs_a_turn_and_no_message(pool: postgres.Pool) -> None:
    his, home = Mllp(), fresh()
    async with listening(his):
        city = City(pool, {home: [hl7_to(his)]})
        async with telling(city):
            await city.bind(home)
            await until(lambda: city.all_told(home))
            await pool.fetch(
                "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory'"
            )
            with contextlib.suppress(Exception):
                await pool.fetchval("SELECT 1")
            await city.bind(home)
            await until(lambda: city.all_told(home))
    # What was cut between the answer and its note is told again, under the same id.
    assert len(set(his.taken)) == 2


# -- patients who go elsewhere ---------------------------------------------------------------------


@pytest.mark.parametrize("arrived", [False, True])
async def test_a_patient_who_goes_elsewhere_is_taken_back(
    pool: postgres.Pool, arrived: bool
) -> None:
    his, theirs, home, other = Mllp(), Mllp(), fresh(), fresh()
    async with listening(his), listening(theirs):
        city = City(pool, {home: [hl7_to(his)], other: [hl7_to(theirs)]})
        async with telling(city):
            name = await city.bind(home)
            if arrived:
                await city.does(PatientArrived, name, home)
            for facility in (other, home, other):
                await until(lambda: city.all_told(home, other))
                await city.hears(chosen(name, facility))
            await until(lambda: city.all_told(home, other))
    there = ["A05", "A04", "A11"] if arrived else ["A05", "A38"]
    assert triggers(his) == [*there, "A05", "A38"]
    assert triggers(theirs) == ["A05", "A38", "A05"]
    assert all(other not in message for _, message in his.came)


@pytest.mark.parametrize("channel", ["hl7", "webhook", "fhir"])
async def test_a_hospital_that_was_away_and_is_left_hears_nothing_of_the_patient(
    pool: postgres.Pool, channel: str
) -> None:
    his: Mllp | Web = Mllp() if channel == "hl7" else Web()
    home, other = fresh(), fresh()
    async with listening(his):
        pass  # its port is known now
    way = hl7_to(his) if isinstance(his, Mllp) else web_to(his, channel)
    city = City(pool, {home: [way]})
    async with telling(city):
        name = await city.bind(home)
        await city.hears(found(name))
        tries = "SELECT attempts FROM deliveries WHERE facility_id = $1 ORDER BY seq"
        await until(lambda: _first(pool, tries, home, 2))
        await city.hears(chosen(name, other))
        await until(lambda: city.all_told(home), why="one try may be under way just then")
        async with listening(his):
            stays = await city.bind(home)
            await until(lambda: city.all_told(home))
    assert len(his.came) == 1
    assert stays in his.came[0][1]


async def test_what_may_have_come_there_is_told_to_its_end_and_then_taken_back(
    pool: postgres.Pool,
) -> None:
    his, home, other = Mllp(), fresh(), fresh()
    async with listening(his):
        city = City(pool, {home: [hl7_to(his)]})
        his.plan.append("hang")
        name = await city.bind(home)
        await city.hears(found(name))
        async with telling(city):
            await until(lambda: len(his.came) == 1)
            await city.hears(chosen(name, other))
            await until(lambda: city.all_told(home))
    assert triggers(his) == ["A05", "A05", "A38"], "what was found is nobody's there any more"
    assert his.came[0] == his.came[1]


async def test_what_was_told_is_taken_back_and_what_waits_behind_it_is_dropped(
    pool: postgres.Pool,
) -> None:
    his, home, other = Mllp(), fresh(), fresh()
    async with listening(his):
        city = City(pool, {home: [hl7_to(his)]})
        async with telling(city):
            name = await city.bind(home)
            await until(lambda: city.all_told(home))
        await city.hears(found(name))
        await city.hears(chosen(name, other))
        await city.hears(chosen(name, home))
        await city.hears(chosen(name, other))
        async with telling(city):
            await until(lambda: city.all_told(home))
    assert triggers(his) == ["A05", "A38"]


@pytest.mark.parametrize("heard", [False, True])
async def test_who_is_left_while_a_connection_is_tried_is_dropped_if_there_was_none(
    pool: postgres.Pool, heard: bool
) -> None:
    his, home, other = Mllp(), fresh(), fresh()
    async with listening(his):
        city = City(pool, {home: [hl7_to(his)]})
        name = await city.bind(home)
        under_way = (
            "UPDATE deliveries SET spoken = $2 WHERE facility_id = $1 AND type LIKE '%ified'"
        )
        await pool.execute(under_way, home, True)
        await city.hears(chosen(name, other))
        assert await city.waiting(home) == 2
        await pool.execute(under_way, home, heard)
        async with telling(city):
            await until(lambda: city.all_told(home))
    assert triggers(his) == (["A05", "A38"] if heard else [])


async def test_a_hospital_that_was_chosen_and_left_at_once_hears_nothing(
    pool: postgres.Pool,
) -> None:
    his, theirs, home, other = Mllp(), Mllp(), fresh(), fresh()
    async with listening(his), listening(theirs):
        city = City(pool, {home: [hl7_to(his)], other: [hl7_to(theirs)]})
        name = f"E-hospital-{next(NUMBERS)}"
        await city.hears(chosen(name, home), chosen(name, other))
        async with telling(city):
            await until(lambda: city.all_told(home, other))
    assert (triggers(his), triggers(theirs)) == ([], ["A05"])


async def test_a_hospital_that_is_chosen_and_left_at_once_again_hears_nothing_either(
    pool: postgres.Pool,
) -> None:
    his, home, other = Mllp(), fresh(), fresh()
    async with listening(his):
        city = City(pool, {home: [hl7_to(his)]})
        name = await city.bind(other)
        for _ in range(2):
            await city.hears(chosen(name, home), chosen(name, other))
        async with telling(city):
            await until(lambda: city.all_told(home))
    assert triggers(his) == []


async def test_what_is_learned_with_the_next_choice_is_not_told_to_the_hospital_before(
    pool: postgres.Pool,
) -> None:
    his, fhir, web, home, other = Mllp(), Web(), Web(), fresh(), fresh()
    async with listening(his), listening(fhir), listening(web):
        city = City(pool, {home: [hl7_to(his), web_to(fhir, "fhir"), web_to(web)]})
        async with telling(city):
            name = await city.bind(home)
            await until(lambda: city.all_told(home))
            await city.hears(chosen(name, other), about(PatientBoarded, name, unit_id="A-1"))
            await until(lambda: city.all_told(home))
    admission = (await city.case(name)).admission
    assert admission is not None
    told = [said for receiver in (his, fhir, web) for _, said in receiver.came]
    assert len(told) == 6
    assert not [said for said in told if admission.admission_number in said]
    item = json.loads(web.came[-1][1])["data"]
    assert (item["version"], item["withdrawn"]) == (1, True)
    assert json.loads(fhir.came[-1][1])["identifier"]["value"] == f"{name}.1.withdrawn"


async def test_a_cancelled_admission_is_taken_back_by_its_number(pool: postgres.Pool) -> None:
    his, home = Mllp(), fresh()
    async with listening(his):
        city = City(pool, {home: [hl7_to(his)]})
        name = await city.bind(home)
        await city.hears(about(PatientBoarded, name, unit_id="A-1"))
        admission = (await city.case(name)).admission
        assert admission is not None
        async with telling(city):
            await until(lambda: city.all_told(home))
            await city.hears(about(EncounterEnded, name, outcome="refused_transport"))
            await until(lambda: city.all_told(home))
    assert triggers(his) == ["A05", "A08", "A38"]
    assert admission.admission_number in his.came[-1][1]


# -- HTTP ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("answer", ["500", "503", "429", "408", "401", "307", "half", "hang"])
async def test_a_webhook_is_tried_again_under_the_same_id_before_the_next(
    pool: postgres.Pool, answer: str
) -> None:
    web, home = Web(), fresh()
    async with listening(web):
        city = City(pool, {home: [web_to(web)]})
        web.plan.extend(["200", answer, answer, "200", answer])
        async with telling(city):
            names = [await city.bind(home) for _ in range(4)]
            await until(lambda: city.all_told(home))
    assert [count for _, count in runs(web.ids)] == [1, 3, 2, 1]
    assert set(web.paths) == {"/in?x=1"}, "no redirect is followed"
    told = [json.loads(body) for _, body in web.came]
    assert list(dict.fromkeys(each["data"]["encounter_id"] for each in told)) == names
    assert [len({b for n, b in web.came if n == each}) for each in web.taken] == [1] * 4
    assert {each["content-type"] for each in web.headers} == {"application/json"}


async def test_a_webhook_that_is_refused_is_set_down_and_the_next_goes_on(
    pool: postgres.Pool,
) -> None:
    web, home = Web(), fresh()
    async with listening(web):
        city = City(pool, {home: [web_to(web)]})
        web.plan.append("422")
        async with telling(city):
            for _ in range(2):
                await city.bind(home)
            await until(lambda: city.all_told(home))
    assert len(web.came) == 2
    reason = "SELECT reason FROM deliveries WHERE facility_id = $1"
    assert await pool.fetchval(reason, home) == "HTTP 422"


async def test_fhir_is_posted_to_its_base_with_its_bearer(pool: postgres.Pool) -> None:
    web, home = Web(), fresh()
    async with listening(web):
        city = City(pool, {home: [web_to(web, "fhir")]})
        name = await city.bind(home)
        web.plan.append("503")
        async with telling(city):
            await until(lambda: city.all_told(home))
            assert await city.delivered(name) == [("fhir", 1)]
            await city.does(PatientArrived, name, home)
            await until(lambda: city.all_told(home))
            await city.hears(chosen(name, fresh()))
            await until(lambda: city.all_told(home))
    bundles = [json.loads(body) for _, body in web.came]
    assert [each["resourceType"] for each in bundles] == ["Bundle"] * 4
    assert bundles[0] == bundles[1], "the same when it is told again"
    states = [
        [e["resource"]["status"] for e in each["entry"] if _is_visit(e["resource"])]
        for each in bundles[1:]
    ]
    assert states == [["planned"], ["arrived"], ["cancelled"]]
    assert web.headers[0]["content-type"] == "application/fhir+json"
    assert web.headers[0]["authorization"] == f"Bearer {SECRET}"


def _is_visit(resource: dict[str, Any]) -> bool:
    return (resource["resourceType"], resource.get("class", {}).get("code")) == (
        "Encounter",
        "EMER",
    )


# -- TLS and secrets -------------------------------------------------------------------------------


async def test_a_listener_is_spoken_to_by_tls_if_it_is_the_right_one(
    pool: postgres.Pool, tmp_path: Path
) -> None:
    own, pem = certified(tmp_path)
    other, _ = certified(tmp_path, "other")
    his, home = Mllp(), fresh()
    async with AsyncExitStack() as stack:
        impostor = await stack.enter_async_context(_entered(listening(his, other)))
        city = City(pool, {home: [hl7_to(his, ca_file=str(pem))]})
        async with telling(city):
            await city.bind(home)
            tries = "SELECT attempts FROM deliveries WHERE facility_id = $1"
            await until(lambda: _first(pool, tries, home, 2))
            assert his.came == [], "nothing is told to another"
            reason = "SELECT reason FROM deliveries WHERE facility_id = $1"
            assert await pool.fetchval(reason, home) == "TLS: CERTIFICATE_VERIFY_FAILED"
            await impostor()
            await stack.enter_async_context(listening(his, own))
            await until(lambda: city.all_told(home))
    assert triggers(his) == ["A05"]


@asynccontextmanager
async def _entered(opened: Any) -> AsyncIterator[Any]:
    """What was opened, to be closed before its time."""
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(opened)
        yield stack.aclose


def test_nothing_is_said_in_clear_over_a_wire() -> None:
    with pytest.raises(ValueError, match="has to be spoken to by TLS"):
        mllp.Line("10.0.0.1", 2575, None)


@pytest.mark.parametrize(
    ("interface", "said"),
    [
        ({"secret": "H_NONE"}, "there is no secret in H_NONE"),
        ({"secret": "/nowhere/key"}, "No such file"),
        ({"channel": "fhir", "secret": "H_ODD"}, "a bearer is written in plain characters"),
        ({"secret": "H_SHORT"}, "the secret of a webhook is whsec_"),
        ({"secret": "H_SECRET", "ca_file": "/nowhere/ca.pem"}, "No such file"),
    ],
)
def test_a_secret_that_is_not_there_is_told_at_the_start(
    monkeypatch: pytest.MonkeyPatch, interface: dict[str, str], said: str
) -> None:
    monkeypatch.setenv("H_SHORT", "whsec_xyz0")
    monkeypatch.setenv("H_ODD", "xyz0\nHost: x")
    told = {"channel": "webhook", "address": "https://his.example/in", **interface}
    shipped = loader.facilities().model_dump(mode="json")
    named = Facilities.model_validate({**shipped, "facilities": {"H-1": {"interfaces": [told]}}})
    with pytest.raises(InterfaceRefused, match=f"^H-1: {told['channel']}: .*{said}") as refused:
        outlets(named, ZONE)
    assert "xyz0" not in str(refused.value)


async def test_a_secret_may_lie_in_a_file(pool: postgres.Pool, tmp_path: Path) -> None:
    (tmp_path / "key").write_text(f"{SECRET}\n")
    web, home = Web(), fresh()
    async with listening(web):
        city = City(pool, {home: [{**web_to(web), "secret": str(tmp_path / "key")}]})
        async with telling(city):
            await city.bind(home)
            await until(lambda: city.all_told(home))
    assert len(web.taken) == 1


# -- the service -----------------------------------------------------------------------------------


async def test_the_bridge_tells_by_its_file_when_it_runs(
    platform: Platform, tmp_path: Path
) -> None:
    his, home = Mllp(), fresh()
    async with listening(his):
        interfaces = f"{home}: {{interfaces: [{json.dumps(hl7_to(his))}]}}"
        file = tmp_path / "ours.yaml"
        file.write_text(f"facilities: {{{interfaces}}}", "utf-8")
        named = {"GREENCHANNEL_BRIDGE_FACILITIES": str(file)}
        service = Service("bridge", platform, tmp_path, SigningKey(), extra=named)
        writer = AIOKafkaProducer(**platform.kafka("dispatch"), acks="all")
        async with running(service):
            await writer.start()
            try:
                message = encode(chosen("E-hospital-run", home), "greenchannel/dispatch")
                await writer.send_and_wait(
                    message.topic, message.value, message.key, headers=message.headers
                )
            finally:
                await writer.stop()
            await until(lambda: his.taken, 30)
            async with httpx.AsyncClient(trust_env=False) as http:
                counted = (await http.get(f"{service.url}/metrics")).text
    assert triggers(his) == ["A05"]
    labels = f'channel="hl7",facility="{home}",outcome="accepted"'
    assert f"greenchannel_deliveries_total{{{labels}}} 1.0" in counted
