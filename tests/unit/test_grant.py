"""A sign-in of the embedded run: who may be chosen, what is granted, and what is refused."""

from __future__ import annotations

import re
from typing import Any

import pytest
from pydantic import TypeAdapter

from schemas.event import Identifier
from services.kit.role import CONFINED, Role
from services.local import grant, page
from services.local.grant import (
    CODE_S,
    PAGE_S,
    PAGES,
    SIGN_IN_S,
    Grants,
    Refused,
    Request,
    SignIn,
    challenge_of,
)
from services.local.people import people_of
from simulator import city

BACK = "http://127.0.0.1:8121/signed-in"
#: RFC 7636, appendix B.
VERIFIER = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
CHALLENGE = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
ASKED = {
    "client_id": "boards",
    "redirect_uri": BACK,
    "response_type": "code",
    "scope": "openid profile",
    "state": "of the client",
    "nonce": "once",
    "code_challenge": CHALLENGE,
    "code_challenge_method": "S256",
}
PEOPLE = people_of(city.load())
NURSE = next(person for person in PEOPLE if person.sub == "nurse-F-001")
THEN = 1_800_000_000


def words(given: dict[str, str], **more: str | None) -> dict[str, list[str]]:
    """As a query is read, with ``more``; without a word that is none."""
    said = {**given, **more}
    return {name: [value] for name, value in said.items() if value is not None}


def exchange(**more: str | None) -> dict[str, list[str]]:
    return words({"code": "c", "redirect_uri": BACK, "code_verifier": VERIFIER}, **more)


def renewal(secret: str) -> dict[str, list[str]]:
    return {"refresh_token": [f"s.{secret}"]}


@pytest.fixture
def grants() -> Grants:
    """Where the nurse has signed in, and the client has not asked yet."""
    made = Grants()
    request = Request(BACK, CHALLENGE, "of the client", "once")
    made.grant("c", request, SignIn("s", NURSE, THEN))
    return made


# -- people ----------------------------------------------------------------------------------------


def test_each_hospital_dispatch_and_vehicle_has_its_people_by_pseudonyms() -> None:
    places = city.load()
    for place in places.facilities:
        there = [person for person in PEOPLE if person.facility == place.id]
        assert [person.role for person in there] == [Role.CENTRE] * 3
        assert all(place.name.zh in person.name.zh for person in there)
    crews = [person.unit for person in PEOPLE if person.role is Role.CREW]
    assert crews == [v.unit_id for v in places.vehicles(12) for _ in range(2)]
    roles = [person.role for person in PEOPLE]
    assert [roles.count(r) for r in (Role.DISPATCHER, Role.OPS, Role.ADMIN)] == [2, 1, 1]
    assert len({person.sub for person in PEOPLE}) == len({p.name.zh for p in PEOPLE}) == len(PEOPLE)
    for person in PEOPLE:
        TypeAdapter(Identifier).validate_python(person.sub)
        assert (person.role in CONFINED) == (person.facility is not None)
        assert (person.role is Role.CREW) == (person.unit is not None)


def test_the_page_has_a_button_for_each_and_says_nothing_it_was_given_as_markup() -> None:
    html = page.choice(PEOPLE, "http://127.0.0.1:1/choice", '"><script>')
    assert re.findall(r'name="person" value="([^"]+)"', html) == [person.sub for person in PEOPLE]
    assert html.count("<h2>") == len({person.role for person in PEOPLE})
    functions = re.findall(r'<section id="([a-z_]+)"', html)
    assert functions[:3] == ["dispatcher", "crew", "centre"], "few before many"
    assert re.findall(r'href="#([a-z_]+)"', html) == functions
    assert "<script" not in html
    assert not re.search(r'src=|href="[^#]|url\(', html)
    for words in ("非医疗器械认证产品", "Not a certified medical device"):
        assert words in html


# -- what is asked for -----------------------------------------------------------------------------


def test_a_request_is_understood() -> None:
    assert grant.destination(words(ASKED), [BACK]) == BACK
    found = grant.request_of(words(ASKED, prompt="login", max_age="0"), BACK)
    assert found == Request(BACK, CHALLENGE, "of the client", "once")
    assert grant.request_of(words(ASKED, state=None, nonce=None), BACK).state is None


@pytest.mark.parametrize(
    "wrong",
    [
        {"client_id": "board"},
        {"client_id": None},
        {"redirect_uri": None},
        {"redirect_uri": BACK + "/"},
        {"redirect_uri": BACK + "?to=elsewhere"},
        {"redirect_uri": BACK.replace("127.0.0.1", "localhost")},
    ],
)
def test_nothing_is_sent_to_a_place_that_is_not_the_clients(wrong: dict[str, Any]) -> None:
    with pytest.raises(Refused):
        grant.destination(words(ASKED, **wrong), [BACK])


@pytest.mark.parametrize(
    ("wrong", "error"),
    [
        ({"response_type": None}, "invalid_request"),
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"response_mode": "form_post"}, "invalid_request"),
        ({"scope": None}, "invalid_scope"),
        ({"scope": "openids"}, "invalid_scope"),
        ({"code_challenge": None}, "invalid_request"),
        ({"code_challenge": CHALLENGE + "="}, "invalid_request"),
        ({"code_challenge": CHALLENGE[1:]}, "invalid_request"),
        ({"code_challenge_method": None}, "invalid_request"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"prompt": "none"}, "login_required"),
        ({"prompt": "none login"}, "invalid_request"),
        ({"request": "e30.e30."}, "request_not_supported"),
        ({"request_uri": "http://127.0.0.1/"}, "request_uri_not_supported"),
    ],
)
def test_what_cannot_be_granted_is_refused_by_its_word(wrong: dict[str, Any], error: str) -> None:
    with pytest.raises(Refused) as refused:
        grant.request_of(words(ASKED, **wrong), BACK)
    assert refused.value.error == error
    assert re.fullmatch(r"[ !#-\[\]-~]+", str(refused.value))  # RFC 6749, 4.1.2.1


def test_a_word_that_stands_twice_is_refused() -> None:
    twice = {**words(ASKED), "nonce": ["once", "more"]}
    with pytest.raises(Refused, match="nonce once"):
        grant.request_of(twice, BACK)


def test_a_page_may_lie_open_for_a_while_and_be_clicked_twice() -> None:
    grants, asked = Grants(), Request(BACK, CHALLENGE)
    grants.keep("t", asked, THEN)
    for now in (THEN, THEN, THEN + PAGE_S):
        assert grants.kept("t", now) == asked
    for ticket, now in (("t", THEN + PAGE_S + 1), ("u", THEN)):
        with pytest.raises(Refused, match="too old"):
            grants.kept(ticket, now)


def test_more_pages_than_anybody_opens_push_out_the_oldest() -> None:
    grants = Grants()
    for number in range(PAGES + 1):
        grants.keep(f"t{number}", Request(BACK, CHALLENGE), THEN)
    with pytest.raises(Refused):
        grants.kept("t0", THEN)
    assert grants.kept("t1", THEN) == grants.kept(f"t{PAGES}", THEN)


# -- what is granted -------------------------------------------------------------------------------


def test_the_challenge_is_that_of_the_specification() -> None:
    assert challenge_of(VERIFIER) == CHALLENGE


def test_a_code_tells_who_has_signed_in_as_long_as_it_is_good(grants: Grants) -> None:
    assert grants.redeem(exchange(), "first", THEN + CODE_S) == (SignIn("s", NURSE, THEN), "once")


@pytest.mark.parametrize(
    ("wrong", "late"),
    [
        ({}, CODE_S + 1),
        ({"code": "d"}, 0),
        ({"redirect_uri": BACK + "/"}, 0),
        ({"code_verifier": VERIFIER[:-1] + "l"}, 0),
        ({"code_verifier": "short"}, 0),
        ({"code_verifier": CHALLENGE}, 0),
    ],
)
def test_a_code_is_of_who_has_asked_for_it(
    grants: Grants, wrong: dict[str, Any], late: int
) -> None:
    with pytest.raises(Refused) as refused:
        grants.redeem(exchange(**wrong), "first", THEN + late)
    assert refused.value.error == "invalid_grant"
    with pytest.raises(Refused, match="has ended"):
        grants.renew(renewal("first"), "second", THEN)


@pytest.mark.parametrize("verifier", ["a" * 42, "a" * 129, "a" * 42 + " "])
def test_a_verifier_that_can_be_guessed_or_is_none_is_refused(verifier: str) -> None:
    grants = Grants()
    grants.grant("c", Request(BACK, challenge_of(verifier)), SignIn("s", NURSE, THEN))
    with pytest.raises(Refused, match="code_verifier"):
        grants.redeem(exchange(code_verifier=verifier), "first", THEN)


@pytest.mark.parametrize("missing", ["code", "redirect_uri", "code_verifier"])
def test_an_exchange_needs_its_words(grants: Grants, missing: str) -> None:
    with pytest.raises(Refused, match=missing) as refused:
        grants.redeem(exchange(**{missing: None}), "first", THEN)
    assert refused.value.error == "invalid_request"


def test_a_code_that_was_tried_is_spent(grants: Grants) -> None:
    with pytest.raises(Refused, match="code_verifier"):
        grants.redeem(exchange(code_verifier="a" * 43), "first", THEN)
    with pytest.raises(Refused, match="used before"):
        grants.redeem(exchange(), "first", THEN)


def test_a_code_that_comes_again_ends_what_it_began(grants: Grants) -> None:
    grants.redeem(exchange(), "first", THEN)
    grants.keep("later", Request(BACK, CHALLENGE), THEN + SIGN_IN_S)  # forgets what is over
    with pytest.raises(Refused, match="used before"):
        grants.redeem(exchange(), "other", THEN + SIGN_IN_S)
    with pytest.raises(Refused, match="has ended"):
        grants.renew(renewal("first"), "second", THEN + 1)


def test_a_refresh_token_is_good_once_and_keeps_when_it_was(grants: Grants) -> None:
    grants.redeem(exchange(), "first", THEN)
    assert grants.renew(renewal("first"), "second", THEN + 600).at == THEN
    assert grants.renew(renewal("second"), "third", THEN + SIGN_IN_S).at == THEN
    with pytest.raises(Refused, match="has ended"):
        grants.renew(renewal("third"), "fourth", THEN + SIGN_IN_S + 1)


def test_a_refresh_token_that_was_used_ends_its_family(grants: Grants) -> None:
    grants.redeem(exchange(), "first", THEN)
    grants.renew(renewal("first"), "second", THEN)
    with pytest.raises(Refused, match="used before"):
        grants.renew(renewal("first"), "other", THEN)
    with pytest.raises(Refused, match="has ended"):
        grants.renew(renewal("second"), "third", THEN)


def test_what_is_over_is_forgotten(grants: Grants) -> None:
    grants.redeem(exchange(), "first", THEN)
    grants.keep("t", Request(BACK, CHALLENGE), THEN + SIGN_IN_S + 1)
    assert "c" not in grants._codes
    assert "s" not in grants._families


def test_no_secret_shows_where_a_value_is_printed(grants: Grants) -> None:
    shown = repr(grants._codes["c"])
    assert "nurse-F-001" in shown
    assert not [word for word in (CHALLENGE, "once", "sid=") if word in shown]
