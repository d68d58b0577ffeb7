"""The published descriptions of the HTTP interfaces, and the page that is made from them."""

from __future__ import annotations

import json
import re
import shlex
import tomllib
from collections import Counter
from collections.abc import Callable, Iterator
from copy import deepcopy
from functools import cache
from html import escape
from pathlib import Path
from typing import Any, cast

import httpx
import pytest
from fastapi import APIRouter
from jsonschema import Draft202012Validator
from pydantic import TypeAdapter

from schemas.event import Identifier
from services.dispatch.bodies import Refusal
from services.dispatch.telemetry import read_lines
from services.dispatch.upload import PIECE
from services.kit.auth import Gate, Principal
from services.kit.http import access_of, create_app, routes_of
from services.kit.role import CONFINED, Role
from services.reference.example import body_of, curl, lines
from services.reference.fields import all_fields_of
from services.reference.generate import ROOT, ROUTERS, main, words
from services.reference.interface import Interface, Json, Operation
from services.reference.markup import prose
from services.reference.page import page

Spoil = Callable[[dict[str, Any]], Any]
PAGE = (ROOT / "docs/api.html").read_text("utf-8")
WORDS = words()


@cache
def interface(service: str) -> Interface:
    """As it is committed."""
    file = ROOT / f"schemas/openapi/{service}.json"
    return Interface(service, json.loads(file.read_text("utf-8")))


OPERATIONS = [each for service in ROUTERS for each in interface(service).operations]
WRITING = [each for each in OPERATIONS if each.body]


def named(operation: Operation) -> str:
    return f"{operation.service}: {operation.method} {operation.path}"


async def is_ready() -> bool:
    return True


# -- the documents ---------------------------------------------------------------------------------


def test_what_is_committed_is_what_the_routes_say() -> None:
    assert main(["--check"]) == 0


def test_a_stale_description_is_named_with_its_cure(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([], tmp_path) == 0
    assert main(["--check"], tmp_path) == 0
    names = ("docs/api.html", "schemas/openapi/bridge.json", "schemas/openapi/triage.json")
    (tmp_path / names[0]).write_text("", "utf-8")
    (tmp_path / names[1]).unlink()
    (tmp_path / names[2]).write_text("{}", "utf-8")
    assert main(["--check"], tmp_path) == 1
    said = capsys.readouterr().err.splitlines()
    assert said == [f"{name} is stale; type: make schemas" for name in names]
    assert main([], tmp_path) == 0
    assert main(["--check"], tmp_path) == 0
    assert not (tmp_path / names[2]).exists()


class OpenGate:
    """Lets anyone in."""

    async def principal(self, request: Any) -> Principal:
        return Principal("anyone", Role.OPS)


@pytest.mark.parametrize("service", ROUTERS)
async def test_a_service_serves_what_is_committed(service: str) -> None:
    app = create_app(service, cast(Gate, OpenGate()), [ROUTERS[service]], is_ready)
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://house") as http:
        for _ in range(2):  # telling it changes nothing
            assert (await http.get("/openapi.json")).json() == interface(service).document


def validator() -> Draft202012Validator:
    """The schema of OpenAPI 3.1, as its authors publish it."""
    file = ROOT / "tests/specs/openapi-3.1.schema.json"
    return Draft202012Validator(json.loads(file.read_text("utf-8")))


@pytest.mark.parametrize("service", ROUTERS)
def test_a_document_is_valid_and_whole(service: str) -> None:
    document = interface(service).document
    assert [error.message for error in validator().iter_errors(document)] == []
    for schema in interface(service).parts.values():
        Draft202012Validator.check_schema(schema)
    places = {f"#/components/schemas/{name}" for name in interface(service).parts}
    assert set(_references(document)) <= places
    for operation in interface(service).operations:
        in_path = {each["name"] for each in operation.parameters if each["in"] == "path"}
        assert in_path == set(re.findall(r"{(\w+)}", operation.path)), operation.path
    names = Counter(operation.name for operation in interface(service).operations)
    assert set(names.values()) == {1}


def _references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(value.get("$ref"), str):
            yield value["$ref"]
        value = list(value.values())
    if isinstance(value, list):
        for each in value:
            yield from _references(each)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda d: d.pop("info"),
        lambda d: d.update(openapi="3.0.3"),
        lambda d: d["paths"].update(nowhere={}),
        lambda d: d["paths"]["/v1/telemetry"]["post"].update(responses=7),
        lambda d: d["components"]["securitySchemes"]["bearer"].update(type="key"),
    ],
)
def test_a_document_that_is_none_is_refused(spoil: Spoil) -> None:
    spoiled = cast(dict[str, Any], deepcopy(interface("gateway").document))
    spoil(spoiled)
    assert not validator().is_valid(spoiled)


def test_all_that_an_item_of_a_queue_holds_is_explained() -> None:
    file = ROOT / "schemas/openapi/bridge.json"
    schemas = json.loads(file.read_text("utf-8"))["components"]["schemas"]
    found, waiting = set[str](), ["Item"]
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += re.findall(r"#/components/schemas/(\w+)", json.dumps(schemas[name]))
    assert {"Handoff", "Promise", "PreArrivalRecord", "Admission", "Reason"} <= found
    unexplained = [
        f"{name}.{field}"
        for name in sorted(found)
        for field, told in schemas[name].get("properties", {}).items()
        if not told.get("description")
    ]
    assert unexplained == []


def test_the_documents_bear_the_version_of_the_project() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    told = {interface(service).document["info"]["version"] for service in ROUTERS}
    assert told == {project["version"]}


# -- the page --------------------------------------------------------------------------------------


@cache
def entries() -> dict[str, str]:
    """Each operation's part of the page, by its anchor."""
    found = re.findall(r'<details class="operation" id="([^"]+)">(.*?)</details>', PAGE, re.DOTALL)
    return dict(found)


@pytest.mark.parametrize("service", ROUTERS)
def test_every_route_stands_on_the_page_with_who_may_call_it(service: str) -> None:
    app = create_app(service, None, [ROUTERS[service]], is_ready)
    on_page = {name for name in entries() if name.startswith(f"{service}-")}
    assert on_page == {f"{service}-{route.name}" for route in routes_of(app)}
    for route in routes_of(app):
        entry = entries()[f"{service}-{route.name}"].replace("<wbr>", "")
        summary, who = entry.split("</summary>")[0], entry.split("<h4>")[1]
        (method,) = route.methods or {""}
        assert f">{method}</b> <code>{route.path}</code>" in summary
        access = access_of(route)
        roles = access.roles if access else set()
        told = set(re.findall(r"<code>(\w+)</code>", who))
        assert told == (set() if roles == set(Role) else {str(role) for role in roles}), route.path
        at_home = "{facility_id}" in route.path and roles & CONFINED
        assert (WORDS.labels["own"].zh in who) == bool(at_home)


@pytest.mark.parametrize("operation", WRITING, ids=named)
def test_every_field_of_a_body_stands_on_the_page(operation: Operation) -> None:
    entry = entries()[operation.anchor]
    _, schema = operation.body or ("", {})
    for field in all_fields_of(schema, interface(operation.service).parts):
        within = f"<i>{field.within}</i>" if field.within else ""
        assert f"<dt><code>{within}{field.name}</code>" in entry
        assert all(f"<code>{word}</code>" in entry for word in field.shape.allowed)


def test_the_page_needs_nobody_else() -> None:
    for sign in ("://", "<script", "<img", "<link", "<iframe", " src=", "@import", "url("):
        assert sign not in PAGE, sign
    assert "default-src 'none'" in PAGE
    assert len(PAGE.encode()) < 600_000


def test_every_link_of_the_page_leads_to_one_place() -> None:
    places = Counter(re.findall(r' id="([^"]*)"', PAGE))
    assert set(places.values()) == {1}
    linked = set(re.findall(r'href="([^"]*)"', PAGE))
    assert {link for link in linked if link.removeprefix("#") not in places} == set()
    assert all(link.startswith("#") for link in linked)


def test_what_stands_in_a_text_is_no_markup() -> None:
    assert prose("<b> & `a<b`, ``c``") == "&lt;b&gt; &amp; <code>a&lt;b</code>, <code>c</code>"
    document = cast(dict[str, Any], deepcopy(interface("gateway").document))
    told = document["paths"]["/v1/telemetry"]["post"]
    told.update(description="<script>", operationId='"><script>', tags=["<script>"])
    assert "<script" not in page([Interface("gateway", document)], WORDS, "")


def test_all_that_the_page_names_has_its_words_in_both_languages() -> None:
    subjects = {operation.subject for operation in OPERATIONS}
    assert subjects - WORDS.subjects.keys() == set()
    assert WORDS.roles.keys() == set(Role)
    refusals = {status for service in ROUTERS for status in interface(service).refusals}
    assert WORDS.refusals.keys() == refusals
    kinds = {
        kind.name
        for operation in WRITING
        for field in all_fields_of(
            (operation.body or ("", {}))[1], interface(operation.service).parts
        )
        for kind in field.shape.kinds
        if not kind.is_part
    }
    assert kinds - WORDS.kinds.keys() == set()


# -- the examples ----------------------------------------------------------------------------------


def example(operation: Operation) -> Any:
    return body_of(operation, interface(operation.service).parts, WORDS.examples)


@pytest.mark.parametrize("operation", WRITING, ids=named)
def test_an_example_is_what_the_document_asks_for_and_the_service_takes(
    operation: Operation,
) -> None:
    media, schema = operation.body or ("", {})
    said = json.dumps(example(operation))
    if media.endswith("ndjson"):
        taken = [line for _, line in read_lines(lines(example(operation)).encode())]
        assert taken
        assert [line for line in taken if isinstance(line, Refusal)] == []
        return
    if media == PIECE:
        assert example(operation).startswith("@"), "a file is sent as it is"
        return
    whole = {**interface(operation.service).document, **schema}
    assert [
        error.message for error in Draft202012Validator(whole).iter_errors(json.loads(said))
    ] == []
    body = TypeAdapter(_model(operation)).validate_json(said)
    assert getattr(getattr(body, "vitals", None), "invalid", ()) == ()


def _model(operation: Operation) -> Any:
    """What the route itself reads a body with."""
    router: APIRouter = ROUTERS[operation.service]
    app = create_app(operation.service, None, [router], is_ready)
    (route,) = (route for route in routes_of(app) if route.name == operation.name)
    assert route.body_field is not None
    return route.body_field.field_info.annotation


def test_no_example_is_left_of_what_is_gone() -> None:
    known = {operation.name for operation in OPERATIONS}
    known |= {name for service in ROUTERS for name in interface(service).parts}
    assert WORDS.examples.bodies.keys() - known == set()


@pytest.mark.parametrize("operation", OPERATIONS, ids=named)
def test_an_example_can_be_copied_into_a_shell(operation: Operation) -> None:
    parts: Json = interface(operation.service).parts
    command = curl(operation, parts, WORDS.examples)
    assert f"<pre>{escape(command, quote=False)}</pre>" in entries()[operation.anchor]
    given = shlex.split(command.replace("\\\n", ""))
    assert given[0] == "curl"
    (address,) = (word for word in given if word.startswith("$"))
    place, *steps = address.split("/")
    assert place == f"${operation.service.upper()}"
    names = re.fullmatch(re.sub(r"{\w+}", "([^/{}]+)", operation.path), "/" + "/".join(steps))
    assert names is not None
    for name in names.groups():
        TypeAdapter(Identifier).validate_python(name)
    assert ("Authorization: Bearer $TOKEN" in given) == bool(operation.roles)
    if operation.body and "-d" in given:
        assert json.loads(given[given.index("-d") + 1]) == example(operation)
        assert ("Idempotency-Key" in command) == any(
            each["name"] == "idempotency-key" for each in operation.parameters
        )
