"""Requests that are made up from what the interfaces say of themselves."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta, timezone
from typing import Any, TypeAlias
from urllib.parse import unquote
from zlib import crc32

import schemathesis
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError
from schemathesis import CheckContext, Response
from schemathesis.core.parameters import ParameterLocation
from schemathesis.generation.hypothesis.builder import (
    HypothesisTestConfig,
    HypothesisTestMode,
    create_test,
)
from schemathesis.generation.meta import CoveragePhaseData, CoverageScenario
from schemathesis.schemas import BaseSchema

from schemas.event import Identifier
from services.dispatch.upload import PIECE
from services.kit.role import CONFINED, Role
from services.reference.generate import ROUTERS, document

Case: TypeAlias = schemathesis.Case[Any]
#: What a body calls by a name of its own, and what that is.
OTHERS = {
    "to_encounter_id": "encounter_id",
    "mother_id": "encounter_id",
    "into": "incident_id",
    "out_of": "incident_id",
}
CHECKS = (
    "not_a_server_error", "status_code_conformance", "content_type_conformance",
    "response_schema_conformance", "unsupported_method", "refusals_are_problems",
)  # fmt: skip
CONFIG = {
    "checks": {"enabled": False, **{name: {"enabled": True} for name in CHECKS}},
    "generation": {"max-examples": 10, "deterministic": True, "with-security-parameters": False},
    # A feed has no end: its first event is looked at, and where there is none, no more is awaited.
    "max-stream-events": 1,
    "output": {"sanitization": {"enabled": False}},
    "phases": {"coverage": {"unexpected-methods": ["DELETE", "TRACE"]}},
    "request-timeout": 10,
}
_IDENTIFIER: TypeAdapter[str] = TypeAdapter(Identifier)


@schemathesis.check
def refusals_are_problems(context: CheckContext, response: Response, case: Case) -> None:
    """RFC 9457, also where the description is silent: 405 stands at no operation."""
    if response.status_code >= 400:
        assert response.headers["content-type"] == ["application/problem+json"]
        if case.method == "HEAD":
            return
        told = response.json()
        assert told["status"] == response.status_code
        assert all(told[name] for name in ("type", "title", "detail"))


#: What each service answers to ``GET /openapi.json``.
DESCRIPTIONS = {service: document(service) for service in ROUTERS}
PATHS = [(service, path) for service, told in DESCRIPTIONS.items() for path in told["paths"]]


def schema_of(service: str) -> BaseSchema:
    """The operations of a service."""
    config = schemathesis.Config.from_dict(CONFIG)
    return schemathesis.openapi.from_dict(DESCRIPTIONS[service], config=config)


def try_out(service: str, path: str, ask: Callable[[Case], object]) -> None:
    """Ask whatever can be asked there: all kinds of good and bad values, then mixtures of them."""
    schema = schema_of(service)
    for operation in schema[path].values():
        settings = schema.config.get_hypothesis_settings(operation=operation, phase="fuzzing")
        config = HypothesisTestConfig(schema.config, list(HypothesisTestMode), settings)
        create_test(operation=operation, test_func=lambda case: ask(case), config=config)()


def role_for(case: Case) -> Role:
    """One who is let in, so that the request is read; rather one who may see every patient."""
    rules = case.operation.definition.raw.get("security", ())
    roles = [Role(name) for rule in rules for name in rule["bearer"]]
    return min(roles or Role, key=CONFINED.__contains__)


def is_much_alike(case: Case) -> bool:
    """Wrong types, and names in paths and headers, are refused by the same few lines at each of
    many operations: a quarter of them is enough for all."""
    data = case.meta.phase.data if case.meta else None
    return (
        isinstance(data, CoveragePhaseData)
        and (
            data.parameter_location in {ParameterLocation.PATH, ParameterLocation.HEADER}
            or data.scenario is CoverageScenario.INCORRECT_TYPE
        )
        and crc32(f"{case.operation.label} {case!r}".encode()) % 4 > 0
    )


def moments() -> st.SearchStrategy[str]:
    """Times that can be, mostly of one morning: what lies years apart is seldom one story."""
    begin = datetime(2026, 3, 9, 4, tzinfo=UTC)
    morning = st.integers(0, 4 * 3600).map(lambda second: begin + timedelta(seconds=second))
    ever = st.integers(-45_000, 60_000).map(lambda day: begin + timedelta(days=day))
    zones = st.sampled_from([UTC, timezone(timedelta(hours=8))])
    return st.builds(
        lambda moment, zone: moment.astimezone(zone).isoformat(),
        st.one_of(morning, morning, morning, ever),
        zones,
    )


def telemetry() -> st.SearchStrategy[bytes]:
    """Lines that are like the bodies of a sample and of a fix, and some that are nothing. They
    are of the first patient's monitor, of nobody's, and of an ambulance."""
    schema = schema_of("gateway")
    sample = schema["/v1/devices/{device_id}/vitals"]["POST"].as_strategy()
    fix = schema["/v1/units/{unit_id}/positions"]["POST"].as_strategy()
    line = st.one_of(
        st.tuples(sample, st.just({"device_id": "M-0"})),
        st.tuples(sample, st.just({"device_id": "M-none"})),
        st.tuples(fix, st.just({"unit_id": "U-0"})),
    ).map(lambda each: json.dumps({**each[0].body, **each[1]}).encode())
    return st.lists(line | st.binary(max_size=40), max_size=6).map(b"\n".join)


schemathesis.openapi.format("date-time", moments())
schemathesis.openapi.media_type("application/x-ndjson", telemetry())
schemathesis.openapi.media_type(PIECE, st.binary(max_size=2000))


class Patient:
    """Somebody who exists, with all that has a name around them."""

    def __init__(self, **names: str) -> None:
        self.names = names
        #: Where these mean something else to a clinic: it has a patient of its own.
        self.clinics: dict[str, str] = {}

    def learn(self, answer: Any) -> None:
        """Take up the names that an answer tells, of what had none so far."""
        self.names = {**dict(_names(answer)), **self.names}

    def put_into(self, case: Case, role: Role, other: Patient) -> None:
        """Let good names stand for what exists: somebody whom nobody knows ends it at the door.
        What is no name stays, to be refused."""
        names = {**self.names, **(self.clinics if role is Role.PRIMARY_CARE else {})}
        for name, value in case.path_parameters.items():
            if _is_name(value):
                case.path_parameters[name] = names.get(name, value)
        if len(repr(case.body)) % 4:
            # One key for all would make repeats of them, which are refused before they are read.
            case.headers.pop("idempotency-key", None)
        if isinstance(case.body, dict):
            said = case.body.items()
            case.body = {key: _known(key, value, names, other.names) for key, value in said}


def _known(key: str, value: Any, names: dict[str, str], others: dict[str, str]) -> Any:
    if not isinstance(value, str) or not _is_name(value):
        return value
    if key in OTHERS:
        return others[OTHERS[key]]
    # A unit is sometimes the patient's own, and sometimes one that is free; so is a facility.
    return names.get(key, value) if len(value) % 2 else value


def _is_name(value: object) -> bool:
    """Whether it is one in a path, where everything is text."""
    try:
        _IDENTIFIER.validate_python(unquote(str(value)))
    except ValidationError:
        return False
    return True


def _names(told: Any) -> Iterator[tuple[str, str]]:
    if isinstance(told, list):
        for value in told:
            yield from _names(value)
    elif isinstance(told, dict):
        for key, value in told.items():
            if key.endswith("_id") and isinstance(value, str):
                yield key, value
            elif key.endswith("_ids") and value:
                yield key.removesuffix("s"), value[0]
            else:
                yield from _names(value)
