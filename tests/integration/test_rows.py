"""Who sees which row, and who has read it: on a real PostgreSQL, as the roles that really work."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import AsyncIterator, Collection, Iterable
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from typing import Any
from zoneinfo import ZoneInfo

import asyncpg
import httpx
import pytest

from schemas.encounter import DestinationSelected
from schemas.event import Event
from schemas.triage import Input
from services.bridge import feed as feed_module
from services.bridge import journal, reading_api
from services.bridge.feed import MOST_OPEN, Feeds
from services.bridge.handoff import hear
from services.bridge.promise import keep
from services.bridge.store import CASES, CaseStore, confined
from services.kit import outbox, postgres
from services.kit.auth import Principal
from services.kit.errors import TransientFailure
from services.kit.postgres import Connection, Row, transaction
from services.kit.role import Role
from services.kit.settings import Settings
from services.kit.tokens import SigningKey
from tests.platform import Platform
from tests.premises import opened
from tests.unit.test_promise import decided

HERE, THERE = "H-rows-1", "H-rows-2"
#: They hold nothing of a patient or a facility: counters, and which files were applied.
OPEN_TO_THE_SERVICE = {"migrations", "positions", "admission_numbers"}
#: Of these a facility reads its own; of the others of the schema nothing at all.
OWN_ROWS = {"cases", "queue", "facilities", "wakings", "acts", "reads", "beds", "vitals"}
NUMBERS = itertools.count(1)
NURSE = Principal("nurse-1", Role.CENTRE, HERE)


@dataclass(frozen=True)
class House:
    """The bridge's interface as it runs: requests have one connection that may see nothing until a
    transaction is confined, and the service has its own."""

    key: SigningKey
    settings: Settings
    app: Any
    service: postgres.Pool
    asked: postgres.Pool

    async def ask(
        self, method: str, path: str, role: Role = Role.CENTRE, facility: str = HERE, **said: Any
    ) -> httpx.Response:
        of = facility if role is Role.CENTRE else None
        headers = {"Authorization": f"Bearer {self.key.token(self.settings, role, of)}"}
        transport = httpx.ASGITransport(app=self.app)
        async with httpx.AsyncClient(
            transport=transport, base_url="http://b", headers=headers
        ) as http:
            return await http.request(method, f"/v1/facilities/{facility}/{path}", **said)

    def cases(self, told: list[Collection[str]]) -> CaseStore:
        """A store of which ``told`` hears."""
        return CaseStore(ZoneInfo("Asia/Shanghai"), self.app.state.facilities, told.append)

    async def bind(
        self, facility: str = HERE, name: str | None = None, cases: CaseStore | None = None
    ) -> str:
        """A patient whom dispatch sends there, as the loop takes it in."""
        name = name or f"E-rows-{next(NUMBERS)}"
        now = datetime.now(UTC)
        chosen = DestinationSelected(
            event_id=f"to-{facility}", occurred_at=now, encounter_id=name, facility_id=facility,
            selected_by="d-1",
        )  # fmt: skip
        async with transaction(self.service) as connection:
            row = (await CASES.load(connection, [name]))[name]
            case, told = row.state, list[Event]()
            pulse = Input(name="heart_rate", value=120, occurred_at=now, method="streamed")
            for event in (decided("critical", 1, 0).but(inputs=(pulse,)), chosen):
                case, more = hear(case, name, event, now)
                told += more
            assert case is not None
            kept = keep(case, self.app.state.facilities.of(facility), now)
            cases = cases or self.app.state.cases
            await cases.save(connection, {name: Row(kept, row.version)}, told)
            await outbox.append(connection, "bridge", told)
        return name

    async def noted(self, way: str, encounter_id: str) -> list[tuple[str, str, str]]:
        rows = await self.service.fetch(
            "SELECT facility_id, name, role FROM reads"
            " WHERE way = $1 AND $2 = ANY (encounter_ids) ORDER BY read_at",
            way,
            encounter_id,
        )
        return [tuple(row) for row in rows]


@pytest.fixture(scope="module")
async def house(
    platform: Platform, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[House]:
    folder = tmp_path_factory.mktemp("keys")
    async with (
        opened(platform, "bridge", folder) as at,
        await postgres.connect(at.settings, "bridge", size=1, acts_for="nobody") as asked,
    ):
        yield House(at.key, at.settings, at.app(asked), at.pool, asked)


@pytest.fixture(scope="module")
async def two(house: House) -> tuple[str, str]:
    """A patient at each of two facilities, read by somebody there."""
    found = await house.bind(HERE), await house.bind(THERE)
    for facility in (HERE, THERE):
        assert (await house.ask("GET", "queue", facility=facility)).status_code == 200
        counted = {"free": 3, "emergency": 1, "occurred_at": datetime.now(UTC).isoformat()}
        said = await house.ask("PUT", "beds/icu", facility=facility, json=counted)
        assert said.status_code == 200, said.text
    return found


async def tables(connection: Connection) -> set[str]:
    rows = await connection.fetch(
        "SELECT relname FROM pg_class"
        " WHERE relnamespace = 'bridge'::regnamespace AND relkind IN ('r', 'p')"
    )
    return {row["relname"] for row in rows}


async def seen(connection: Connection, names: Iterable[str]) -> dict[str, int]:
    """How many rows of each table there are for this transaction."""
    return {name: await connection.fetchval(f"SELECT count(*) FROM {name}") for name in names}


# -- rows ------------------------------------------------------------------------------------------


async def test_no_table_with_something_of_a_patient_is_open_to_its_owner(house: House) -> None:
    rows = await house.service.fetch(
        "SELECT relname, relrowsecurity AND relforcerowsecurity AS kept FROM pg_class"
        " WHERE relnamespace = 'bridge'::regnamespace AND relkind IN ('r', 'p')"
    )
    assert {row["relname"] for row in rows if not row["kept"]} == OPEN_TO_THE_SERVICE
    assert {row["relname"] for row in rows} >= OWN_ROWS


async def test_a_facility_finds_its_own_rows_and_no_others(
    house: House, two: tuple[str, str]
) -> None:
    for facility in (HERE, THERE):
        async with confined(house.asked, facility) as connection:
            for name in OWN_ROWS:
                rows = await connection.fetch(f"SELECT DISTINCT facility_id FROM {name}")
                assert [row["facility_id"] for row in rows] == [facility], name
        for name in await tables(house.service) - OWN_ROWS:
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                async with confined(house.asked, facility) as connection:
                    await connection.fetch(f"SELECT FROM {name}")


async def test_who_says_nothing_finds_nothing(house: House, two: tuple[str, str]) -> None:
    nothing = dict.fromkeys(OWN_ROWS, 0)
    async with transaction(house.asked) as connection:
        assert await connection.fetchval("SELECT current_user") == "greenchannel_bridge"
        owned = {*OWN_ROWS, "outbox", "set_aside"}
        assert await seen(connection, owned) == dict.fromkeys(owned, 0), "also the owner of it all"
    async with transaction(house.asked) as connection:
        await connection.execute("SET LOCAL ROLE greenchannel_bridge_facility")
        assert await seen(connection, OWN_ROWS) == nothing
    async with confined(house.asked, "") as connection:
        assert await seen(connection, OWN_ROWS) == nothing
    async with confined(house.asked, HERE) as connection:
        await connection.execute("SET LOCAL greenchannel.acts_for = 'service'")
        assert {row[0] for row in await connection.fetch("SELECT facility_id FROM cases")} == {
            HERE
        }, "to say so is not enough: it is the role that counts"
    async with transaction(house.service) as connection:
        assert not [name for name, many in (await seen(connection, OWN_ROWS)).items() if many < 2]


FOREIGN = {
    "cases": f"""INSERT INTO cases (id, version, state)
                 VALUES ('E-x', 1, '{{"encounter_id": "E-x", "facility_id": "{THERE}"}}')""",
    "queue": f"INSERT INTO queue VALUES ('{THERE}', 'E-x', 1, true, '{{}}')",
    "facilities": """INSERT INTO facilities VALUES ('H-rows-9', 1)
                     ON CONFLICT (facility_id) DO UPDATE SET feed = 1""",
    "wakings": f"INSERT INTO wakings VALUES ('E-x', now(), '{THERE}')",
    "acts": f"""INSERT INTO acts (event_id, encounter_id, type, occurred_at, event)
                VALUES ('x', 'E-x', 'Accepted', now(), '{{"facility_id": "{THERE}"}}')""",
    "reads": f"""INSERT INTO reads (facility_id, name, role, way, encounter_ids)
                 VALUES ('{THERE}', 'x', 'centre', 'queue', '{{}}')""",
    "vitals": f"""INSERT INTO vitals
                  VALUES ('{THERE}', 'E-x', 'spo2', now(), '97', 'reading', false)""",
    "outbox": f"""INSERT INTO outbox (topic, key, value, headers)
                  VALUES ('bridge-handoffs', 'E-x', '{{"facility_id": "{THERE}"}}', '{{}}')""",
}


@pytest.mark.parametrize("name", FOREIGN)
async def test_a_facility_adds_no_row_of_another(house: House, name: str) -> None:
    own = FOREIGN[name].replace(THERE, HERE).replace("H-rows-9", HERE)
    for statement in (FOREIGN[name], FOREIGN[name].replace(f'"facility_id": "{THERE}"', '"a": 1')):
        if statement == own:
            continue
        with pytest.raises(asyncpg.InsufficientPrivilegeError, match="row-level security"):
            async with confined(house.asked, HERE) as connection:
                await connection.execute(statement)
    async with confined(house.asked, HERE) as connection:
        back = connection.transaction()
        await back.start()
        assert await connection.execute(own) == "INSERT 0 1", "its own it may"
        await back.rollback()


async def test_a_facility_changes_no_row_of_another_and_gives_none_away(
    house: House, two: tuple[str, str]
) -> None:
    _, there = two
    async with confined(house.asked, HERE) as connection:
        for changed in (
            f"UPDATE cases SET version = 1 WHERE id = '{there}'",
            f"UPDATE queue SET feed = 1 WHERE encounter_id = '{there}'",
            f"UPDATE facilities SET feed = 1 WHERE facility_id = '{THERE}'",
            f"UPDATE wakings SET due_at = now() WHERE encounter_id = '{there}'",
            f"DELETE FROM wakings WHERE encounter_id = '{there}'",
        ):
            assert (await connection.execute(changed)).endswith(" 0"), changed
    for given in ("queue", "facilities", "wakings"):
        with pytest.raises(asyncpg.InsufficientPrivilegeError, match="row-level security"):
            async with confined(house.asked, HERE) as connection:
                await connection.execute(f"UPDATE {given} SET facility_id = 'H-rows-9'")
    with pytest.raises(asyncpg.InsufficientPrivilegeError, match="row-level security"):
        async with confined(house.asked, HERE) as connection:
            await connection.execute("UPDATE cases SET state = '{}'")


@pytest.mark.parametrize(
    "change",
    [
        "DELETE FROM acts", "UPDATE acts SET type = 'x'", "TRUNCATE acts",
        "DELETE FROM reads", "UPDATE reads SET way = 'x'", "TRUNCATE reads",
        "DELETE FROM vitals", "UPDATE vitals SET value = '0'", "TRUNCATE vitals",
    ],
)  # fmt: skip
async def test_what_is_kept_for_good_the_service_itself_cannot_change(
    house: House, change: str
) -> None:
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await house.service.execute(change)


async def test_what_is_remembered_is_given_to_nobody_who_may_not_see_the_row(house: House) -> None:
    name = await house.bind(THERE)
    async with transaction(house.service) as connection:
        assert (await CASES.load(connection, [name]))[name].state is not None
    async with confined(house.asked, HERE) as connection:
        assert await CASES.load(connection, [name]) == {name: Row(None)}
    async with confined(house.asked, THERE) as connection:
        assert (await CASES.load(connection, [name]))[name].state is not None


async def test_a_connection_keeps_nothing_of_the_facility_before(
    house: House, two: tuple[str, str]
) -> None:
    async with confined(house.asked, HERE) as connection:
        used = connection.get_server_pid()
        assert (await seen(connection, ["queue"]))["queue"] > 0
    with pytest.raises(ZeroDivisionError):
        async with confined(house.asked, HERE):
            raise ZeroDivisionError
    async with transaction(house.asked) as connection:
        assert connection.get_server_pid() == used, "it is the same one"
        assert await connection.fetchval("SELECT current_user") == "greenchannel_bridge"
        assert not await connection.fetchval("SELECT current_setting('greenchannel.facility')")
        assert await seen(connection, OWN_ROWS) == dict.fromkeys(OWN_ROWS, 0)


async def test_after_another_hospital_was_chosen_the_former_one_reads_nothing(
    house: House,
) -> None:
    name = await house.bind(HERE)
    body = {"occurred_at": datetime.now(UTC).isoformat()}
    acts = f"encounters/{name}/acknowledgement"
    assert (await house.ask("POST", acts, json=body)).status_code == 200
    before = (await house.ask("GET", "queue")).json()["feed"]
    was = (await house.ask("GET", f"encounters/{name}")).json()["version"]
    await house.bind(THERE, name)

    queue = (await house.ask("GET", "queue")).json()
    assert name not in {item["encounter_id"] for item in queue["items"]}
    for method, path, said in (
        ("POST", acts, body),
        ("GET", f"encounters/{name}", None),
        ("GET", f"encounters/{name}/timeline", None),
    ):
        assert (await house.ask(method, path, json=said)).status_code == 404
    feed = Feeds(house.asked).subscribe(HERE, before, NURSE)
    item = json.loads((await anext(feed))[2])
    await feed.aclose()  # type: ignore[attr-defined]
    assert (item["encounter_id"], item["withdrawn"]) == (name, True)
    assert (item["record"], item["handoff"], item["centres"]) == (None, None, [])
    assert item["version"] == was, "the next one is another hospital's"

    there = await house.ask("GET", f"encounters/{name}/timeline", facility=THERE)
    kinds = [entry["type"] for entry in there.json()["entries"]]
    assert kinds == ["PreArrivalNotified"], "of what was said elsewhere nothing"


async def test_whoever_asks_for_anothers_patient_waits_for_nobody_there(house: House) -> None:
    name = await house.bind(THERE)
    body = {"occurred_at": datetime.now(UTC).isoformat()}
    async with transaction(house.service) as connection, asyncio.timeout(3):
        await CASES.load(connection, [name])  # somebody there is at work, and holds it
        for asked in (name, "E-rows-none"):
            act = await house.ask("POST", f"encounters/{asked}/acceptance", json=body)
            item = await house.ask("GET", f"encounters/{asked}")
            assert (act.status_code, act.text) == (item.status_code, item.text)
            assert act.status_code == 404


# -- timeline and item -----------------------------------------------------------------------------


async def test_a_timeline_tells_what_came_and_what_was_said_oldest_first(house: House) -> None:
    name = await house.bind()
    now = datetime.now(UTC)
    for act, after_s in (("acceptance", 2), ("acknowledgement", 1), ("arrival", 3)):
        at = (now + timedelta(seconds=after_s)).isoformat()
        said = await house.ask("POST", f"encounters/{name}/{act}", json={"occurred_at": at})
        assert said.status_code == 200
    told = (await house.ask("GET", f"encounters/{name}/timeline")).json()
    kinds = [entry["type"] for entry in told["entries"]]
    assert kinds == ["PreArrivalNotified", "Acknowledged", "Accepted", "PatientArrived"]
    assert told["entries"][0]["event"]["record"]["worst"] == "critical"
    assert {entry["event"]["facility_id"] for entry in told["entries"]} == {HERE}
    item = (await house.ask("GET", f"encounters/{name}")).json()
    queue = (await house.ask("GET", "queue")).json()
    assert item in queue["items"]


# -- the log of reads ------------------------------------------------------------------------------


async def test_each_read_is_noted_with_who_and_by_which_way(house: House) -> None:
    name = await house.bind()
    by = [(HERE, f"centre-{HERE}", "centre")]
    for way, method, path, body in (
        ("queue", "GET", "queue", None),
        ("item", "GET", f"encounters/{name}", None),
        ("timeline", "GET", f"encounters/{name}/timeline", None),
        ("act", "POST", f"encounters/{name}/acceptance", {"occurred_at": "2026-03-09T06:12:00Z"}),
    ):
        assert await house.noted(way, name) == []
        assert (await house.ask(method, path, json=body)).status_code == 200
        assert await house.noted(way, name) == by
    refused = await house.ask("POST", f"encounters/{name}/acceptance", json={
        "occurred_at": "2026-03-09T06:13:00Z"})  # fmt: skip
    assert refused.status_code == 409
    assert await house.noted("act", name) == by, "what is refused shows nothing"
    assert (await house.ask("GET", f"encounters/{name}", facility=THERE)).status_code == 404
    assert await house.noted("item", name) == by


async def test_what_cannot_be_noted_is_not_shown(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = await house.bind()

    async def away(*_: Any) -> None:
        raise TransientFailure

    monkeypatch.setattr(journal, "note", away)
    for path in ("queue", f"encounters/{name}", f"encounters/{name}/timeline"):
        assert (await house.ask("GET", path)).status_code == 503
    with pytest.raises(TransientFailure):
        await anext(Feeds(house.asked).subscribe(HERE, None, NURSE))


async def test_the_log_is_read_by_an_administrator_who_is_noted_too(house: House) -> None:
    name = await house.bind()
    began = datetime.now(UTC)
    await house.ask("GET", f"encounters/{name}")
    asked = {"since": began.isoformat(), "until": (began + timedelta(minutes=1)).isoformat()}
    told = (await house.ask("GET", "reads", Role.ADMIN, params=asked)).json()
    assert [(read["way"], read["name"], read["encounter_ids"]) for read in told["reads"]] == [
        ("item", f"centre-{HERE}", [name]),
        ("reads", "admin", []),
    ]
    elsewhere = await house.ask("GET", "reads", Role.ADMIN, THERE, params=asked)
    assert [read["way"] for read in elsewhere.json()["reads"]] == ["reads"]


@pytest.mark.parametrize("hours", [0, -1, 31 * 24 + 1])
async def test_the_log_is_asked_for_by_a_period(house: House, hours: int) -> None:
    since = datetime(2026, 3, 1, tzinfo=UTC)
    asked = {"since": since.isoformat(), "until": (since + timedelta(hours=hours)).isoformat()}
    assert (await house.ask("GET", "reads", Role.ADMIN, params=asked)).status_code == 422


async def test_too_much_of_the_log_is_asked_for_in_parts(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading_api, "MOST", 1)
    await house.ask("GET", "reads", Role.ADMIN)
    assert (await house.ask("GET", "reads", Role.ADMIN)).status_code == 422


# -- the feed --------------------------------------------------------------------------------------


async def test_a_feed_is_noted_with_its_first_event_and_with_who_comes_later(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = await house.bind()
    lines = house.app.state.feeds.subscribe(HERE, None, NURSE)
    async with asyncio.timeout(5):
        _, kind, _ = await anext(lines)
        assert kind == "snapshot"
        assert await house.noted("feed", there) == [(HERE, "nurse-1", "centre")]
        later = await house.bind()
        _, kind, text = await anext(lines)
        assert (kind, json.loads(text)["encounter_id"]) == ("item", later)
        assert await house.noted("feed", later) == [(HERE, "nurse-1", "centre")]
        for act in ("acknowledgement", "acceptance"):
            await house.ask("POST", f"encounters/{later}/{act}", json={
                "occurred_at": datetime.now(UTC).isoformat()})  # fmt: skip
            await anext(lines)
        assert len(await house.noted("feed", later)) == 1, "it goes on being read"
        monkeypatch.setattr(feed_module, "NOTE_S", 0.0)
        await house.ask("POST", f"encounters/{later}/arrival", json={
            "occurred_at": datetime.now(UTC).isoformat()})  # fmt: skip
        await anext(lines)
        assert len(await house.noted("feed", later)) == 2
    await lines.aclose()


@asynccontextmanager
async def running(feeds: Feeds) -> AsyncIterator[None]:
    task = asyncio.create_task(feeds.run())
    yield
    task.cancel()
    await asyncio.wait([task])


async def test_who_writes_notifies_nobody_and_another_worker_hears_all_the_same(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard = list[str]()
    ear = await asyncpg.connect(house.settings.postgres_dsn.get_secret_value())
    await ear.add_listener(feed_module.CHANNEL, lambda *told: heard.append(told[3]))
    told = list[Collection[str]]()
    monkeypatch.setattr(feed_module, "LOOK_S", 60)
    async with await postgres.connect(house.settings, "bridge", acts_for="nobody") as pool:
        one, another = Feeds(pool), Feeds(pool)
        async with asyncio.timeout(10), running(another):
            lines = another.subscribe(HERE, None, NURSE)
            await anext(lines)
            await asyncio.sleep(0.2)  # its desk has looked, and waits for a hint
            name = await house.bind(cases=house.cases(told))
            await ear.execute("SELECT 1")
            assert (list(map(set, told)), heard) == ([{HERE}], [])
            one.changed(told[0])
            one.changed([HERE])
            async with running(one):
                _, _, text = await anext(lines)
            assert json.loads(text)["encounter_id"] == name
            await ear.execute("SELECT 1")
            assert heard == [HERE], "once for all that changed meanwhile"
            await lines.aclose()  # type: ignore[attr-defined]
    await ear.close()


async def test_what_was_rolled_back_is_no_news(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_: Any) -> None:
        raise ZeroDivisionError

    told = list[Collection[str]]()
    await house.bind(cases=house.cases(told))
    monkeypatch.setattr(outbox, "append", broken)  # the last thing that the transaction does
    with pytest.raises(ZeroDivisionError):
        await house.bind(cases=house.cases(told))
    assert len(told) == 1


async def test_one_feed_too_many_is_told_what_to_do_and_one_that_ended_makes_room(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def one_line(*_: Any) -> AsyncIterator[Any]:
        yield 1, "snapshot", "{}"

    feeds = house.app.state.feeds
    monkeypatch.setattr(feeds, "subscribe", one_line)
    caller = Principal(f"centre-{HERE}", Role.CENTRE, HERE)
    with ExitStack() as places:
        for _ in range(MOST_OPEN - 1):
            places.enter_context(feeds.place(caller))
        for _ in range(3):
            answer = await house.ask("GET", "feed")
            assert (answer.status_code, answer.text.count("event: snapshot")) == (200, 1)
        places.enter_context(feeds.place(caller))
        answer = await house.ask("GET", "feed")
        assert answer.status_code == 429
        assert answer.headers["content-type"] == "application/problem+json"
        assert "Close one" in answer.json()["detail"]
        assert (await house.ask("GET", "feed", facility=THERE)).status_code == 200


# -- what an earlier version stored ----------------------------------------------------------------


async def test_what_was_stored_before_belongs_to_whom_it_says(platform: Platform) -> None:
    database = await asyncpg.connect(platform.admin_dsn)
    try:
        await database.execute("CREATE SCHEMA rows_before; SET search_path = rows_before")
        scripts = [
            file.read_text("utf-8")
            for name in ("kit", "bridge")
            for file in sorted(
                (files(f"services.{name}") / "migrations").iterdir(), key=lambda file: file.name
            )
            if file.name.endswith(".sql")
        ]
        at = next(n for n, script in enumerate(scripts) if "ROW LEVEL SECURITY" in script)
        for script in scripts[:at]:
            await database.execute(script)
        await database.execute(f"""
            INSERT INTO cases VALUES ('E-1', 1, '{{"facility_id": "{HERE}"}}'), ('E-2', 1, '{{}}');
            INSERT INTO acts VALUES
                ('a', 'E-1', 'Accepted', now(), now(), '{{"facility_id": "{HERE}"}}');
            INSERT INTO wakings VALUES ('E-1', now()), ('E-2', now());
        """)
        await database.execute(scripts[at])
        for table, key in (("cases", "id"), ("acts", "encounter_id"), ("wakings", "encounter_id")):
            rows = await database.fetch(f"SELECT {key}, facility_id FROM {table}")
            wanted = {"E-1": HERE} if table == "acts" else {"E-1": HERE, "E-2": None}
            assert {row[0]: row[1] for row in rows} == wanted, table
    finally:
        await database.execute("DROP SCHEMA rows_before CASCADE")
        await database.close()
