"""The boards let in who has signed in, hand on what pages ask, and keep everybody else out."""

from __future__ import annotations

import asyncio
import base64
import json
import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import httpx
import pytest

from services.boards import api, forward, pages
from services.boards.cli import new_code
from services.boards.page import PAGES
from services.boards.store import make_enrolment
from services.kit import postgres
from services.kit.duty import LATE
from services.kit.role import Role
from services.kit.settings import Settings
from tests.boards import Site, somebody
from tests.platform import Platform
from tests.services import Caller, now, until

PEOPLE = (
    somebody("nurse-b1", Role.CENTRE, "F-boards-1"),
    somebody("doctor-b1", Role.CENTRE, "F-boards-1"),
    somebody("dispatcher-b1", Role.DISPATCHER),
    somebody("dispatcher-b2", Role.DISPATCHER),
    somebody("crew-b1", Role.CREW),
    somebody("crew-b2", Role.CREW),
    somebody("ops-b1", Role.OPS),
)
QUEUE = "/hospital/api/bridge/v1/facilities/F-boards-1/queue"


@pytest.fixture(scope="module")
async def site(platform: Platform, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Site]:
    made = Site(platform, tmp_path_factory.mktemp("boards"), PEOPLE)
    async with made.open("dispatch", "gateway", "bridge"):
        yield made


@pytest.fixture
async def client(site: Site) -> AsyncIterator[httpx.AsyncClient]:
    async with visitor(site) as opened:
        yield opened


def visitor(site: Site) -> httpx.AsyncClient:
    return httpx.AsyncClient(
        base_url=site.url, timeout=15, trust_env=False, headers={"origin": site.url}
    )


async def come(client: httpx.AsyncClient, site: Site, who: str, desk: str) -> httpx.Response:
    """Sign in at a desk by the whole way; what the boards answer in the end."""
    begun = await client.get(f"/{desk}/sign-in", params={"to": f"/{desk}/"})
    assert begun.status_code == 303
    chosen = await client.get(begun.headers["location"])
    ticket = re.search(r'name="ticket" value="([^"]+)"', chosen.text)
    assert ticket
    form = {"ticket": ticket[1], "person": who}
    back = await client.post(f"{site.issuer}/choice", data=form, headers={"origin": site.issuer})
    return await client.get(back.headers["location"])


async def test_who_signs_in_at_a_desk_sees_what_is_theirs_and_nothing_else(
    site: Site, client: httpx.AsyncClient
) -> None:
    assert (await client.get(QUEUE)).status_code == 401
    landed = await come(client, site, "nurse-b1", "hospital")
    assert (landed.status_code, landed.headers["location"]) == (303, "/hospital/")
    cookie = landed.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "Path=/hospital" in cookie
    assert "SameSite=lax" in cookie
    told = (await client.get("/hospital/session")).json()
    assert (told["name"], told["facility_id"], told["role"]) == ("nurse-b1", "F-boards-1", "centre")
    assert told["spoken"] == {"zh": "nurse-b1 号", "en": "nurse-b1"}
    queue = await client.get(QUEUE)
    assert (queue.status_code, queue.json()["items"]) == (200, [])
    assert queue.headers["cache-control"] == "no-store"
    other = await client.get(QUEUE.replace("F-boards-1", "F-boards-2"))
    assert other.status_code == 404
    for desk in ("dispatch", "crew"):
        assert (await client.get(f"/{desk}/session")).status_code == 401


async def test_dispatchers_are_shown_how_those_who_are_signed_in_are_called_and_nobody_else_is(
    site: Site, client: httpx.AsyncClient
) -> None:
    async with visitor(site) as nurse, visitor(site) as gone:
        assert (await nurse.get("/dispatch/colleagues")).status_code == 401
        await come(nurse, site, "nurse-b1", "hospital")
        assert (await nurse.get("/dispatch/colleagues")).status_code == 401
        await come(client, site, "dispatcher-b1", "dispatch")
        named = {"dispatcher-b1": {"zh": "dispatcher-b1 号", "en": "dispatcher-b1"}}
        await come(gone, site, "dispatcher-b2", "dispatch")

        async def colleagues() -> dict[str, Any]:
            """Of those of this file: others may be signed in too."""
            shown = await client.get("/dispatch/colleagues")
            assert (shown.status_code, shown.headers["cache-control"]) == (200, "no-store")
            return {name: one for name, one in shown.json().items() if name[:-1] == "dispatcher-b"}

        both = named | {"dispatcher-b2": {"zh": "dispatcher-b2 号", "en": "dispatcher-b2"}}
        assert await colleagues() == both
        await gone.post("/dispatch/sign-out")
        assert await colleagues() == named


@pytest.mark.parametrize(
    ("who", "desk"),
    [("dispatcher-b1", "hospital"), ("nurse-b1", "dispatch"), ("ops-b1", "dispatch"),
     ("nurse-b1", "crew")],
)  # fmt: skip
async def test_who_does_not_belong_to_a_desk_does_not_stand_at_it(
    site: Site, client: httpx.AsyncClient, who: str, desk: str
) -> None:
    landed = await come(client, site, who, desk)
    assert (landed.status_code, landed.json()["title"]) == (403, "Not your desk")
    assert (await client.get(f"/{desk}/session")).status_code == 401


async def test_a_sign_in_that_was_not_begun_here_is_not_finished_here(
    site: Site, client: httpx.AsyncClient
) -> None:
    assert (await client.get("/signed-in?code=x&state=y")).status_code == 401
    begun = await client.get("/hospital/sign-in")
    assert begun.status_code == 303
    assert (await client.get("/signed-in?code=x&state=y")).status_code == 401
    for kept in (b"not json", b"0", b"null", b'"x"', b"[1]", b"{}", b"[" * 2000, b"\xff"):
        client.cookies.set("gc_asked", base64.urlsafe_b64encode(kept).decode(), path="/signed-in")
        for accept in ("*/*", "text/html"):
            answer = await client.get("/signed-in?code=x&state=y", headers={"accept": accept})
            assert answer.status_code == 401, (kept, accept)


GOES = {"accept": "text/html,application/xhtml+xml"}


async def test_a_browser_that_is_refused_gets_a_page_and_a_way_on(
    site: Site, client: httpx.AsyncClient
) -> None:
    client.headers.update(GOES)
    unfinished = await client.get("/signed-in?code=x&state=y")
    assert (unfinished.status_code, 'href="/"' in unfinished.text) == (401, True)
    begun = await client.get("/hospital/sign-in", params={"to": "/hospital/beds"})
    assert begun.status_code == 303
    unfinished = await client.get("/signed-in?error=access_denied&state=y")
    assert unfinished.status_code == 401
    assert unfinished.headers["content-type"].startswith("text/html")
    assert "default-src 'none'" in unfinished.headers["content-security-policy"]
    assert 'href="/hospital/sign-in?to=%2Fhospital%2Fbeds"' in unfinished.text
    zh, en = (unfinished.text.index(why) for why in ("请从头再登录一次", "Begin it again."))
    assert zh < en, "it is explained in Chinese first"
    wrong = await come(client, site, "dispatcher-b1", "hospital")
    assert wrong.status_code == 403
    assert 'href="/hospital/sign-in?to=%2Fhospital%2F&amp;anew=true"' in wrong.text
    nowhere = await client.get("/hospital/nowhere")
    assert (nowhere.status_code, 'href="/hospital/"' in nowhere.text) == (404, True)
    elsewhere = await client.get("/hospital/beds", headers={"host": "another.example"})
    assert (elsewhere.status_code, site.url in elsewhere.text) == (403, True)
    asked = await client.get(QUEUE, headers={"accept": "application/json"})
    assert asked.headers["content-type"] == "application/problem+json"


async def test_what_lies_in_the_database_opens_nothing(
    site: Site, client: httpx.AsyncClient, platform: Platform
) -> None:
    await come(client, site, "doctor-b1", "hospital")
    secret = client.cookies["gc_session"]
    connection = await asyncpg.connect(platform.dsn("boards"))
    rows = await connection.fetch("SELECT * FROM boards.sessions WHERE name = 'doctor-b1'")
    await connection.close()
    assert rows
    for row in rows:
        for value in row.values():
            text = value if isinstance(value, str) else repr(value)
            assert secret not in text
            assert "eyJ" not in text  # with which a token begins
    client.cookies.clear()
    client.cookies.set("gc_session", rows[0]["hash"], path="/hospital")
    assert (await client.get("/hospital/session")).status_code == 401


async def test_signing_out_ends_the_session_and_its_feed(site: Site) -> None:
    async with visitor(site) as client:
        await come(client, site, "nurse-b1", "hospital")
        feed = QUEUE.replace("queue", "feed")
        asked = {"accept": "text/event-stream"}
        async with client.stream("GET", feed, headers=asked, timeout=60) as answer:
            pieces = answer.aiter_bytes()
            assert b"snapshot" in await anext(pieces)
            out = await client.post("/hospital/sign-out")
            assert out.json()["to"].startswith(f"{site.issuer}/end_session?")
            async with asyncio.timeout(forward.LOOK_S + 10):
                async for _ in pieces:
                    pass
        assert (await client.get("/hospital/session")).status_code == 401
        assert (await client.get(QUEUE)).status_code == 401


async def test_a_page_that_leaves_its_feed_is_no_failure(site: Site) -> None:
    def failures() -> list[str]:
        lines = site.boards.child.log.read_text().splitlines()
        return [line for line in lines if '"ERROR"' in line]

    before = failures()
    async with visitor(site) as client:
        await come(client, site, "nurse-b1", "hospital")
        for _ in range(5):
            asked = {"accept": "text/event-stream"}
            feed = QUEUE.replace("queue", "feed")
            async with client.stream("GET", feed, headers=asked, timeout=60) as answer:
                assert b"snapshot" in await anext(answer.aiter_bytes())
        await asyncio.sleep(1)
        assert (await client.get("/hospital/session")).status_code == 200
    assert failures() == before


async def test_a_new_sign_in_ends_the_session_that_it_takes_the_place_of(
    site: Site, client: httpx.AsyncClient
) -> None:
    await come(client, site, "nurse-b1", "hospital")
    before = client.cookies["gc_session"]
    await come(client, site, "doctor-b1", "hospital")
    assert (await client.get("/hospital/session")).json()["name"] == "doctor-b1"
    async with visitor(site) as thief:
        thief.cookies.set("gc_session", before, path="/hospital")
        assert (await thief.get("/hospital/session")).status_code == 401


async def test_a_token_that_is_over_is_renewed_and_requests_at_once_renew_it_once(
    site: Site, client: httpx.AsyncClient, platform: Platform
) -> None:
    await come(client, site, "nurse-b1", "hospital")
    connection = await asyncpg.connect(platform.dsn("boards"))
    for _ in range(2):
        await connection.execute(
            "UPDATE boards.sessions SET tokens_end = now() WHERE name = 'nurse-b1'"
        )
        answers = await asyncio.gather(*(client.get(QUEUE) for _ in range(8)))
        assert {answer.status_code for answer in answers} == {200}
    await connection.execute(
        "UPDATE boards.sessions SET seen_at = now() - interval '31 min' WHERE name = 'nurse-b1'"
    )
    await connection.close()
    assert (await client.get(QUEUE)).status_code == 401


@pytest.mark.parametrize(
    ("asked", "status"),
    [
        (("GET", QUEUE, {"origin": "https://elsewhere.example"}), 403),
        (("POST", "/hospital/sign-out", {"origin": "https://elsewhere.example"}), 403),
        (("GET", "/", {"host": "elsewhere.example"}), 403),
        (("GET", "/hospital/api/bridge/v1/../metrics", {}), 404),
        (("GET", "/hospital/api/bridge/v1/%2e%2e/metrics", {}), 404),
        (("GET", "/hospital/api/bridge/metrics", {}), 404),
        (("GET", "/hospital/api/elsewhere/v1/queue", {}), 422),
        (("DELETE", QUEUE, {}), 405),
        (("GET", "/nowhere/board", {}), 422),
        (("GET", "/hospital/nothing", {}), 404),
    ],
)
async def test_what_is_not_ours_is_refused(
    site: Site, client: httpx.AsyncClient, asked: tuple[str, str, dict[str, str]], status: int
) -> None:
    await come(client, site, "nurse-b1", "hospital")
    method, path, headers = asked
    answer = await client.request(method, path, headers=headers)
    assert answer.status_code == status
    assert "greenchannel_" not in answer.text


async def test_pages_are_served_with_a_policy_and_hold_nobody(client: httpx.AsyncClient) -> None:
    for desk, known in PAGES.items():
        for name in known:
            answer = await client.get(f"/{desk}/{name.replace('*', 'E-1')}")
            assert answer.status_code == 200
            policy = answer.headers["content-security-policy"]
            assert policy.startswith("default-src 'none'")
            assert "unsafe" not in policy
            assert "E-1" not in answer.text
        worker = await client.get(f"/{desk}/sw.js")
        assert worker.headers["content-type"].startswith("text/javascript")
        kept = re.search(r"const FILES = (\[.*\]);", worker.text)
        assert kept
        for file in json.loads(kept[1]):
            assert (await client.get(file)).status_code == 200
    assert (await client.get("/")).status_code == 200


async def test_a_phone_is_enrolled_once_and_acts_for_its_duty_also_when_the_session_is_over(
    site: Site, platform: Platform
) -> None:
    desk = Caller(site["dispatch"], Role.DISPATCHER)
    opened = await desk.do("POST", "/v1/incidents", call())
    encounter = opened["encounter_ids"][0]
    code, pool = new_code(), await pool_of(platform)
    await make_enrolment(pool, code, "phone 1", timedelta(minutes=1))
    async with visitor(site) as phone:
        assert (await phone.get("/crew/handset")).json()["enrolled"] is False
        assert (await phone.post("/crew/handset", json={"code": "AAAA-BBBB"})).status_code == 403
        assert (await phone.post("/crew/handset", json={"code": code})).status_code == 204
        assert (await phone.get("/crew/handset")).json()["enrolled"] is True
        assert (await phone.post("/crew/handset", json={"code": code})).status_code == 403
        assert (await phone.post("/crew/duties", json={"unit_id": "U-b1"})).status_code == 401
        await come(phone, site, "crew-b1", "crew")
        begun = await phone.post("/crew/duties", json={"unit_id": "U-b1"})
        (duty,) = begun.json()
        assert (begun.status_code, duty["name"], duty["unit_id"]) == (201, "crew-b1", "U-b1")
        # Who is signed in and names no duty reads names, and nobody's patient.
        theirs = f"/crew/api/dispatch/v1/encounters/{encounter}"
        for more in ({}, {"as-signed-in": "true"}):
            refused = await phone.get(theirs, headers=more)
            assert (refused.status_code, refused.json()["title"]) == (403, "Not on duty")
        assert (await phone.get("/crew/api/dispatch/v1/unit-names")).status_code == 200
        again = (await phone.post("/crew/duties", json={"unit_id": "U-b1"})).json()
        assert [each["duty_id"] for each in again] == [duty["duty_id"]]
        await phone.post("/crew/sign-out")

        on = {"green-channel-duty": duty["duty_id"]}
        path = f"/crew/api/dispatch/v1/encounters/{encounter}"
        found = f"/crew/api/gateway/v1/encounters/{encounter}/findings"
        assert (await phone.get(path)).status_code == 401
        await desk.do("POST", f"/v1/incidents/{opened['incident_id']}/units", sent())
        assert (await phone.get(path, headers=on)).status_code == 200
        wrong = {"green-channel-duty": "D-nobodys"}
        assert (await phone.get(path, headers=wrong)).status_code == 401
        late = act(datetime.now(UTC) - timedelta(hours=2))
        refused = await phone.post(found, json=late, headers=on)
        assert (refused.status_code, refused.json()["title"]) == (403, "Not on duty")
        for kind in ("Application/JSON", "application/vnd.act+json"):
            called = {**on, "content-type": kind}
            refused = await phone.post(found, content=json.dumps(late), headers=called)
            assert (refused.status_code, refused.json()["title"]) == (403, "Not on duty")
        assert (await phone.post(found, json=act(datetime.now(UTC)), headers=on)).is_success

        ended = await phone.delete(f"/crew/duties/{duty['duty_id']}")
        assert ended.status_code == 204
        done = datetime.now(UTC) - timedelta(seconds=1)
        connection = await asyncpg.connect(platform.admin_dsn, database="greenchannel")
        # The services ask anew after half a minute: nobody waits for that here.
        await connection.execute(
            "INSERT INTO access.duties SELECT 'D-later', handset_id, unit_id, name,"
            " began_at - interval '4 days', ends_at, began_at - interval '3 hours'"
            " FROM access.duties WHERE duty_id = $1",
            duty["duty_id"],
        )
        later = {"green-channel-duty": "D-later"}
        assert (await phone.get(path, headers=later)).status_code == 403  # nobody is on duty
        then = act(done - timedelta(hours=5))
        assert (await phone.post(found, json=then, headers=later)).is_success
        assert (await phone.post(found, json=act(done), headers=later)).status_code == 403
        await connection.execute(
            "INSERT INTO access.duties SELECT 'D-long-ago', handset_id, unit_id, name,"
            " now() - $2::interval * 2, ends_at, now() - $2::interval - interval '1 hour'"
            " FROM access.duties WHERE duty_id = $1",
            duty["duty_id"],
            LATE,
        )
        gone = {"green-channel-duty": "D-long-ago"}
        was = act(datetime.now(UTC) - LATE - timedelta(hours=2))
        assert (await phone.post(found, json=was, headers=gone)).status_code == 403
        await connection.execute("UPDATE access.handsets SET revoked_at = now()")
        await connection.execute(
            "INSERT INTO access.duties SELECT 'D-revoked', handset_id, unit_id, name, began_at,"
            " ends_at, NULL FROM access.duties WHERE duty_id = $1",
            duty["duty_id"],
        )
        await connection.close()
        gone = {"green-channel-duty": "D-revoked"}
        assert (await phone.get(path, headers=gone)).status_code == 401
    await pool.close()


async def test_a_service_that_is_away_is_said_to_be(site: Site, client: httpx.AsyncClient) -> None:
    await come(client, site, "nurse-b1", "hospital")
    site["bridge"].kill()
    await site["bridge"].died()
    try:
        answer = await client.get(QUEUE)
        assert (answer.status_code, answer.json()["title"]) == (503, "Try again")
    finally:
        site["bridge"].start()
        await site["bridge"].ready()
    assert (await client.get(QUEUE)).status_code == 200


async def test_sounds_are_counted(site: Site, client: httpx.AsyncClient) -> None:
    await come(client, site, "nurse-b1", "hospital")
    for _ in range(3):
        said = await client.post("/hospital/sounds", json={"because": "critical"})
        assert said.status_code == 204
    assert (await client.post("/hospital/sounds", json={"because": "boredom"})).status_code == 422
    name = 'greenchannel_board_sounds_total{because="critical",facility="F-boards-1"}'

    async def count() -> bool:
        return f"{name} 3.0" in (await client.get("/metrics")).text

    await until(count)


def test_every_route_of_the_boards_is_known() -> None:
    """One that is new is thought about: who may ask it, and what a stranger gets."""
    found = {
        (method, getattr(route, "path", ""))
        for router in (api.router, forward.router, pages.router)
        for route in router.routes
        for method in getattr(route, "methods", ())
    }
    anybody = {
        ("GET", "/"), ("GET", "/{desk}/sw.js"), ("GET", "/{desk}/{rest:path}"),
        ("GET", "/{desk}/sign-in"), ("GET", "/signed-in"), ("GET", "/crew/handset"),
        ("POST", "/crew/handset"),
    }  # fmt: skip
    by_phone = {("GET", "/{desk}/duties"), ("DELETE", "/{desk}/duties/{duty_id}")}
    signed_in = {
        ("GET", "/{desk}/session"), ("POST", "/{desk}/sign-out"), ("POST", "/{desk}/duties"),
        ("POST", "/{desk}/sounds"),
    }  # fmt: skip
    by_dispatcher = {("GET", "/dispatch/colleagues")}
    handed_on = {(m, "/{desk}/api/{service}/v1/{path:path}") for m in forward.METHODS}
    assert found == anybody | by_phone | signed_in | by_dispatcher | handed_on


def call() -> dict[str, Any]:
    return {
        "occurred_at": now(),
        "location": {"latitude": 34.25, "longitude": 117.30},
        "patients": [{"complaint": "chest_pain"}],
    }


def sent() -> dict[str, Any]:
    station = {"latitude": 34.20, "longitude": 117.28}
    return {"unit_id": "U-b1", "station": station, "occurred_at": now()}


def act(moment: datetime) -> dict[str, Any]:
    return {"occurred_at": moment.isoformat(), "finding": "diaphoresis", "present": True}


async def pool_of(platform: Platform) -> postgres.Pool:
    """Of an operator, who makes enrolments."""
    dsn = platform.admin_dsn.rpartition("/")[0] + "/greenchannel"
    return await postgres.connect(Settings(postgres_dsn=dsn), "access", size=1)
