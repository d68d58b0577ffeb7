"""What a run hands to those who look in from outside: addresses, credentials, tokens."""

from __future__ import annotations

import json
import os
import secrets
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from platform import python_version
from typing import Any

from schemas.topics import registry
from services.kit.broker import as_user, environment
from services.kit.process import ROOT, write_whole
from services.kit.role import CONFINED, Role
from services.kit.roles import ROLES, role_dsn
from services.kit.settings import Misconfigured, Settings
from services.kit.tokens import SigningKey

_LIBRARIES = ("faust-streaming", "aiokafka", "asyncpg", "confluent-kafka", "fastapi", "pydantic")
_KAFKA = ("bootstrap_servers", "security_protocol", "sasl_mechanism",
          "sasl_plain_username", "sasl_plain_password")  # fmt: skip


def passwords(file: Path) -> dict[str, str]:
    """One for each user of the broker and role of the database; kept with the data, which the
    broker's users are part of."""
    kept: dict[str, str] = json.loads(file.read_text("utf-8")) if file.exists() else {}
    fresh = {name: secrets.token_urlsafe(24) for name in (*registry().users, *ROLES)}
    write_whole(file, json.dumps({**fresh, **kept}))
    return {**fresh, **kept}


def tokens(
    jwks: Path,
    facilities: Iterable[str],
    clinics: Sequence[str],
    key: SigningKey | None = None,
) -> dict[str, Any]:
    """``bearers`` that what goes into ``jwks`` verifies. They are signed by ``key``, or without one
    by a key that is forgotten."""
    key = key or SigningKey()
    write_whole(jwks, key.key_set())
    return bearers(key, facilities, clinics)


def bearers(key: SigningKey, facilities: Iterable[str], clinics: Sequence[str]) -> dict[str, Any]:
    """A token for each role, and for who belongs to a facility one for each; ``primary_care`` is
    that of the first clinic."""
    settings = Settings()
    plain = {role.value: key.token(settings, role) for role in Role if role not in CONFINED}
    centre = {name: key.token(settings, Role.CENTRE, name) for name in facilities}
    clinic = {name: key.token(settings, Role.PRIMARY_CARE, name) for name in clinics}
    first = {Role.PRIMARY_CARE.value: clinic[clinics[0]]}
    return {**plain, **first, Role.CENTRE.value: centre, "clinic": clinic}


def observed(broker: Settings, dsn: str, words: Mapping[str, str]) -> dict[str, Any]:
    """The observer's two connections, and that of 120 software; ``words`` are the passwords."""
    return {
        "kafka": connection(as_user(broker, "observer", words["observer"])),
        "postgres": role_dsn(dsn, "observer", words["observer"]),
        "dispatch_centre": connection(as_user(broker, "dispatch_centre", words["dispatch_centre"])),
    }


def observer(file: Path) -> Settings:
    """The observer's connections, as a run wrote them. Raises ``Misconfigured``."""
    try:
        known = json.loads(file.read_text("utf-8"))
        broker = {f"kafka_{name}": value for name, value in known["kafka"].items()}
        return Settings(**broker, postgres_dsn=known["postgres"])
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise Misconfigured(f"{file}: not what greenchannel run --endpoints writes") from error


def connection(broker: Settings) -> dict[str, Any]:
    """A connection to the broker, as clients name their arguments."""
    found = {name: getattr(broker, f"kafka_{name}") for name in _KAFKA}
    secret = broker.kafka_sasl_plain_password
    return {**found, "sasl_plain_password": secret.get_secret_value() if secret else None}


def environ(name: str, broker: Settings, dsn: str, password: str) -> dict[str, str]:
    """The environment of a service: ours without the operator's credentials, and its own.
    ``broker`` and ``dsn`` are the operator's connections."""
    # The parts of a run talk to each other in clear, on the loopback.
    hidden = ("GREENCHANNEL_KAFKA_", "GREENCHANNEL_POSTGRES_", "GREENCHANNEL_TLS_", "PG")
    found = {k: v for k, v in os.environ.items() if not k.startswith(hidden)}
    found |= environment(as_user(broker, name, password))
    if name in ROLES:
        found["GREENCHANNEL_POSTGRES_DSN"] = role_dsn(dsn, name, password)
    return found


def versions() -> dict[str, str | None]:
    """Of ourselves, of Python and of the libraries that carry the load."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    libraries = {name.partition("-")[0]: version(name) for name in _LIBRARIES}
    unknown = dict.fromkeys(("kafka", "java", "postgres"))
    ours = {"greenchannel": project["version"], "python": python_version()}
    return {**ours, **unknown, **libraries}
