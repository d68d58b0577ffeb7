"""People sign in as in production: an independent client of OpenID Connect goes the whole way."""

from __future__ import annotations

import asyncio
import json
import logging
import re
import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated, Any, cast
from urllib.parse import parse_qs, urlsplit

import httpx
import jwt
import pytest
from authlib.integrations.base_client import OAuthError
from authlib.integrations.starlette_client import OAuth
from fastapi import APIRouter, Depends, FastAPI, Request
from playwright.async_api import async_playwright
from starlette.middleware.sessions import SessionMiddleware

from services.kit.auth import Gate, Principal
from services.kit.http import Access, create_app
from services.kit.postgres import Pool
from services.kit.process import free_port
from services.kit.role import Role
from services.kit.settings import Settings
from services.kit.tokens import SigningKey
from services.local.issuer import create_issuer
from services.local.people import people_of
from simulator import city
from tests.closing import chromium
from tests.premises import is_ready
from tests.serving import serving

Caller = Annotated[Principal, Depends(Access(Role.CENTRE))]
ROUTE = "/v1/facilities/F-001/who"


class Boards:
    """A client as the boards are one, by Authlib, which keeps what it was given."""

    def __init__(self, url: str, issuer: str) -> None:
        self.url = url
        self.given: dict[str, Any] = {}
        self.oauth = OAuth()
        self.oauth.register(
            "issuer",
            client_id="boards",
            server_metadata_url=f"{issuer}/.well-known/openid-configuration",
            client_kwargs={
                "scope": "openid",
                "code_challenge_method": "S256",
                "token_endpoint_auth_method": "none",
                "trust_env": False,
            },
        )
        self.client = self.oauth.issuer
        self.app = FastAPI()
        self.app.add_middleware(SessionMiddleware, secret_key="of this test")
        self.app.add_api_route("/sign-in", self.sign_in)
        self.app.add_api_route("/signed-in", self.signed_in)

    async def sign_in(self, request: Request) -> Any:
        return await self.client.authorize_redirect(request, f"{self.url}/signed-in")

    async def signed_in(self, request: Request) -> dict[str, str]:
        self.given = await self.client.authorize_access_token(request)
        return {"signed_in": self.given["userinfo"]["sub"]}

    async def renew(self, refresh_token: str) -> dict[str, Any]:
        wanted = {"grant_type": "refresh_token", "refresh_token": refresh_token}
        found: dict[str, Any] = await self.client.fetch_access_token(**wanted)
        return found


class House:
    """The issuer and the boards on loopback ports, and a service that takes the issuer's tokens."""

    def __init__(self, folder: Path) -> None:
        self.key, self.settings = SigningKey(), Settings(jwks=str(folder / "jwks.json"))
        (folder / "jwks.json").write_text(self.key.key_set())
        self.url, boards = (f"http://127.0.0.1:{free_port()}" for _ in range(2))
        self.back = f"{boards}/signed-in"
        people = people_of(city.load())
        self.issuer = create_issuer(self.key, self.settings, people, self.url, [self.back])
        self.boards = Boards(boards, self.url)
        gate = Gate(
            self.settings, cast(Pool, None)
        )  # it asks for client keys there, which are none
        self.service = create_app("service", gate, [_router()], is_ready)

    async def whom(self, bearer: str) -> tuple[int, Any]:
        """What the service answers to who comes with this token."""
        transport = httpx.ASGITransport(app=self.service)
        async with httpx.AsyncClient(transport=transport, base_url="http://service") as client:
            answer = await client.get(ROUTE, headers={"Authorization": f"Bearer {bearer}"})
        return answer.status_code, answer.json()

    async def asked(self, client: httpx.AsyncClient) -> tuple[str, str]:
        """Begin at the boards: the ticket of the issuer's page, and where its form goes."""
        there = (await client.get(f"{self.boards.url}/sign-in")).headers["location"]
        shown = await client.get(there)
        assert shown.status_code == 200
        (ticket,) = re.findall(r'name="ticket" value="([^"]+)"', shown.text)
        (action,) = re.findall(r'action="([^"]+)"', shown.text)
        return ticket, action

    async def sign_in(self, client: httpx.AsyncClient, sub: str) -> dict[str, Any]:
        """The whole way, until the boards have their tokens."""
        ticket, action = await self.asked(client)
        form = {"ticket": ticket, "person": sub}
        clicked = await client.post(action, data=form, headers={"Origin": self.url})
        assert clicked.status_code == 303
        back = await client.get(clicked.headers["location"])
        assert back.json() == {"signed_in": sub}
        return self.boards.given


def _router() -> APIRouter:
    router = APIRouter()

    @router.get("/v1/facilities/{facility_id}/who")
    async def who(facility_id: str, caller: Caller) -> list[str]:
        """Who asks."""
        return [caller.name, str(caller.facility), str(caller.signed_in_at)]

    return router


@asynccontextmanager
async def served(app: FastAPI, url: str) -> AsyncIterator[None]:
    listening = socket.create_server(("127.0.0.1", urlsplit(url).port or 0))
    async with serving(app, listening):
        yield


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    made = House(tmp_path)
    async with served(made.issuer, made.url), served(made.boards.app, made.boards.url):
        yield made


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(trust_env=False, timeout=10) as made:
        yield made


async def test_a_person_signs_in_and_opens_a_route(
    house: House, client: httpx.AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    before = int(time.time())
    given = await house.sign_in(client, "nurse-F-001")
    told = given["userinfo"]  # of the ID token, which the client has verified with its nonce
    assert (told["iss"], told["aud"], told["sub"]) == (house.url, "boards", "nurse-F-001")
    assert told["name"] == "分诊护士 · 市第一人民医院"
    assert before <= told["auth_time"] <= time.time()
    access = jwt.decode(given["access_token"], options={"verify_signature": False})
    assert access.pop("exp") - told["auth_time"] in (600, 601)
    assert access == {
        "iss": "greenchannel", "aud": "greenchannel", "sub": "nurse-F-001", "role": "centre",
        "facility": "F-001", "auth_time": told["auth_time"],
    }  # fmt: skip
    status, caller = await house.whom(given["access_token"])
    assert (status, caller[:2]) == (200, ["nurse-F-001", "F-001"])
    logged = " ".join(r.getMessage() for r in caplog.records if not r.name.startswith("http"))
    for secret in ("access_token", "id_token", "refresh_token"):
        assert given[secret] not in logged


async def test_of_a_crew_the_token_names_the_unit(house: House, client: httpx.AsyncClient) -> None:
    given = await house.sign_in(client, "doctor-U-0012")
    access = jwt.decode(given["access_token"], options={"verify_signature": False})
    assert (access["role"], access["unit"], "facility" in access) == ("crew", "U-0012", False)
    assert (await house.whom(given["access_token"]))[0] == 403


async def test_no_other_hospital_no_other_key_and_no_id_token_opens_it(
    house: House, client: httpx.AsyncClient
) -> None:
    elsewhere = await house.sign_in(client, "nurse-F-002")
    foreign = SigningKey().token(house.settings, Role.CENTRE, "F-001")
    ours = await house.sign_in(client, "nurse-F-001")
    bearers = elsewhere["access_token"], foreign, ours["id_token"], ours["access_token"]
    statuses = [(await house.whom(bearer))[0] for bearer in bearers]
    assert statuses == [404, 401, 401, 200]


async def test_tokens_are_renewed_and_a_used_refresh_token_ends_the_sign_in(
    house: House, client: httpx.AsyncClient
) -> None:
    given = await house.sign_in(client, "nurse-F-001")
    await asyncio.sleep(1.1)  # the clock of tokens goes by seconds
    newer = await house.boards.renew(given["refresh_token"])
    claims = [
        jwt.decode(each["access_token"], options={"verify_signature": False})
        for each in (given, newer)
    ]
    assert claims[0]["auth_time"] == claims[1]["auth_time"]
    assert claims[0]["exp"] < claims[1]["exp"]
    assert (await house.whom(newer["access_token"]))[0] == 200
    for token in (given["refresh_token"], newer["refresh_token"]):
        with pytest.raises(OAuthError, match="invalid_grant"):
            await house.boards.renew(token)


async def test_who_signs_out_is_renewed_no_more(house: House, client: httpx.AsyncClient) -> None:
    given = await house.sign_in(client, "nurse-F-001")
    end, hint = f"{house.url}/end_session", given["id_token"]
    for wrong in ({}, {"id_token_hint": given["access_token"]}):
        assert (await client.get(end, params=wrong)).status_code == 400
    newer = await house.boards.renew(given["refresh_token"])
    there = {"post_logout_redirect_uri": f"{house.boards.url}/", "state": "s"}
    left = await client.get(end, params={"id_token_hint": hint, **there})
    assert left.headers["location"] == f"{house.boards.url}/?state=s"
    with pytest.raises(OAuthError, match="invalid_grant"):
        await house.boards.renew(newer["refresh_token"])
    del there["state"]
    again = await client.get(end, params={"id_token_hint": hint, **there})
    assert again.headers["location"] == f"{house.boards.url}/"
    page = await client.post(end, data={"id_token_hint": hint})
    assert (page.status_code, "已退出登录" in page.text) == (200, True)
    for place in ("http://example.org/", f"{house.boards.url}@example.org/", "http://["):
        elsewhere = {"id_token_hint": hint, "post_logout_redirect_uri": place}
        answer = await client.get(end, params=elsewhere)
        assert (answer.status_code, "location" in answer.headers) == (400, False)


async def test_each_sign_in_shows_the_page_and_one_that_may_not_is_told_so(
    house: House, client: httpx.AsyncClient
) -> None:
    await house.sign_in(client, "nurse-F-001")
    for _ in range(2):  # ``asked`` sees the page again, whoever signed in before
        await house.asked(client)
    there = (await client.get(f"{house.boards.url}/sign-in")).headers["location"]
    silent = await client.get(f"{there}&prompt=none")
    place = urlsplit(silent.headers["location"])
    told = parse_qs(place.query)
    assert silent.headers["location"].startswith(house.back)
    assert (told["error"], told["iss"]) == (["login_required"], [house.url])
    assert told["state"] == parse_qs(urlsplit(there).query)["state"]


async def test_a_wrong_client_is_told_on_a_page_and_sent_nowhere(
    house: House, client: httpx.AsyncClient
) -> None:
    there = (await client.get(f"{house.boards.url}/sign-in")).headers["location"]
    for right, wrong in (("client_id=boards", "client_id=b"), ("signed-in", "elsewhere")):
        answer = await client.get(there.replace(right, wrong))
        assert (answer.status_code, "location" in answer.headers) == (400, False)
        assert "text/html" in answer.headers["content-type"]


async def test_a_choice_is_made_on_the_page_alone(house: House, client: httpx.AsyncClient) -> None:
    ticket, action = await house.asked(client)
    right = {"ticket": ticket, "person": "nurse-F-001"}
    for form, origin, status in (
        (right, "http://example.org", 403),
        (right, "null", 403),
        ({**right, "ticket": "made-up"}, house.url, 400),
        ({**right, "person": "admin"}, house.url, 400),
        ({**right, "redirect_uri": "http://example.org/"}, house.url, 303),
    ):
        answer = await client.post(action, data=form, headers={"Origin": origin})
        assert answer.status_code == status
    assert answer.headers["location"].startswith(f"{house.back}?")


async def test_a_host_that_is_not_this_machine_is_refused(
    house: House, client: httpx.AsyncClient
) -> None:
    for path in ("/authorize", "/jwks", "/.well-known/openid-configuration"):
        answer = await client.get(f"{house.url}{path}", headers={"Host": "example.org"})
        assert answer.status_code == 403


@pytest.mark.parametrize(
    ("form", "status", "error"),
    [
        ({"client_id": "other", "grant_type": "refresh_token"}, 401, "invalid_client"),
        ({"grant_type": "refresh_token"}, 401, "invalid_client"),
        ({"client_id": "boards"}, 400, "invalid_request"),
        ({"client_id": "boards", "grant_type": "password"}, 400, "unsupported_grant_type"),
        ({"client_id": "boards", "grant_type": "refresh_token"}, 400, "invalid_request"),
        ({"client_id": "boards", "grant_type": "refresh_token", "refresh_token": "é."}, 400,
         "invalid_grant"),
        ({"client_id": "boards", "grant_type": "authorization_code", "code": "made-up",
          "redirect_uri": "x", "code_verifier": "y"}, 400, "invalid_grant"),
    ],
)  # fmt: skip
async def test_the_token_endpoint_refuses_by_the_specification(
    house: House, client: httpx.AsyncClient, form: dict[str, str], status: int, error: str
) -> None:
    answer = await client.post(f"{house.url}/token", data=form)
    assert (answer.status_code, answer.json()["error"]) == (status, error)
    assert answer.headers["cache-control"] == "no-store"
    assert ("www-authenticate" in answer.headers) == (status == 401)


async def test_a_body_without_end_is_refused(house: House, client: httpx.AsyncClient) -> None:
    answer = await client.post(f"{house.url}/token", content=b"a" * (1 << 20))
    assert answer.status_code == 413


def test_it_sends_people_to_this_machine_alone() -> None:
    for url, back in (
        ("http://127.0.0.1:1", "http://192.0.2.1/signed-in"),
        ("http://issuer.example", "http://127.0.0.1:1/signed-in"),
    ):
        with pytest.raises(ValueError, match="loopback"):
            create_issuer(SigningKey(), Settings(), [], url, [back])


@pytest.mark.needs_chromium
async def test_in_a_browser_one_click_signs_in(house: House) -> None:
    """A browser keeps the page's policy, and follows the form to the boards."""
    async with async_playwright() as play:
        opened = await play.chromium.launch(executable_path=chromium(), args=["--no-sandbox"])
        page = await opened.new_page(java_script_enabled=False)
        said: list[str] = []
        page.on("console", lambda message: said.append(message.text))
        await page.set_viewport_size({"width": 360, "height": 800})
        await page.goto(f"{house.boards.url}/sign-in")
        await page.get_by_role("button", name="分诊护士 · 市中医院").click()
        await page.wait_for_url(f"{house.back}*")
        assert json.loads(await page.inner_text("body")) == {"signed_in": "nurse-F-002"}
        assert [line for line in said if "404" not in line] == []  # a picture of the site
        await opened.close()
