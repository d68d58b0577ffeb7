"""What a process is told by its environment: one frozen value, read once, at the start."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, Field, PositiveFloat, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from schemas.event import Phone

PREFIX = "GREENCHANNEL_"


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (OSError, ValueError, KeyError):
        raise ValueError("no time zone of this name, as Asia/Shanghai is one") from None
    return name


def _shifts(given: str) -> str:
    if not re.fullmatch(r"([01]\d|2[0-3]):[0-5]\d(,([01]\d|2[0-3]):[0-5]\d)*", given):
        raise ValueError("hours and minutes with commas, such as 08:00,20:00")
    return given


class Misconfigured(Exception):
    """The environment cannot be understood; the message names each variable to mend."""


class Settings(BaseSettings):
    """Environment of a service; every name begins with ``GREENCHANNEL_``."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        frozen=True,
        extra="ignore",
        hide_input_in_errors=True,
        use_attribute_docstrings=True,
    )

    kafka_bootstrap_servers: str = "127.0.0.1:9092"
    """The brokers: HOST:PORT, several with commas."""
    kafka_security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = "PLAINTEXT"
    """How they are spoken to."""
    kafka_sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = "SCRAM-SHA-512"
    """With SASL."""
    kafka_sasl_plain_username: str | None = None
    """The service's own user, as `greenchannel apply` makes them."""
    kafka_sasl_plain_password: SecretStr | None = None
    """Its password."""
    kafka_ca_file: Path | None = None
    """With SSL: who vouches for the brokers [the system's list]."""

    postgres_dsn: SecretStr = SecretStr("postgresql://127.0.0.1:5432/greenchannel")
    """The database, with the service's own role."""

    jwks: str | None = None
    """Verifies tokens: a file or an https URL that holds a JSON Web Key Set [client keys alone]."""
    jwt_issuer: str = "greenchannel"
    """The `iss` of a good token."""
    jwt_audience: str = "greenchannel"
    """Its `aud`."""

    host: str = "127.0.0.1"
    """Where the service listens."""
    port: Annotated[int, Field(ge=0, le=65535)] = 0
    """And at which port; 0 picks one."""
    tls_certificate: Path | None = None
    """With what it proves itself by TLS: a PEM file with the certificate and its chain,"""
    tls_key: Path | None = None
    """and one with its key, without a password."""
    tls_at_proxy: bool = False
    """Whether something in front ends TLS; else, but on the loopback, it listens by TLS alone."""

    worker: Annotated[int, Field(ge=0)] = 0
    """Which of several workers of the same service this is: makes its Kafka membership static."""
    time_zone: Annotated[str, AfterValidator(_zone)] = "Asia/Shanghai"
    """Days and shifts begin, and admission numbers carry the date, by this zone."""
    dispatch_clocks: Path | None = None
    """A YAML file with the clocks of dispatch as this site keeps them [those that are shipped]."""
    dispatch_roads: Path | None = None
    """A YAML file with what this site knows of its roads [assumptions that are shipped]."""
    dispatch_fleet: Path | None = None
    """A YAML file with the reserve for emergencies, and what calls need aboard [ours]."""
    dispatch_shifts: Annotated[str, AfterValidator(_shifts)] = "08:00,20:00"
    """When the shifts of dispatch begin, with commas."""
    signature_within_s: PositiveFloat = 120.0
    """How many seconds after a sign-in a handover may be signed."""
    bridge_facilities: Path | None = None
    """A YAML file with what facilities owe, who hears it is late, and their interfaces [ours]."""
    triage_protocols: str = "default"
    """The set of protocols that decides: the name of one that is shipped, or a folder."""
    triage_on_trial: str | None = None
    """A set that sees the same and is published beside it; nobody acts on it."""
    triage_site: Path | None = None
    """A YAML file with what this site sets otherwise: ages, altitude, response times."""
    boards_url: str = "http://127.0.0.1:8121"
    """Where people open the boards: https, or http on the loopback, without a path."""
    boards_issuer: str | None = None
    """Where people sign in: an OpenID Connect provider that gives access tokens as above."""
    boards_client_id: str = "boards"
    """What the provider calls the boards,"""
    boards_client_secret: SecretStr | None = None
    """and their secret there [none: a public client with PKCE]."""
    boards_scope: str = "openid profile offline_access"
    """What they ask it for."""
    boards_dispatch: str = "http://127.0.0.1:8001"
    """Where dispatch answers to HTTP,"""
    boards_gateway: str = "http://127.0.0.1:8002"
    """the gateway,"""
    boards_bridge: str = "http://127.0.0.1:8003"
    """and the bridge."""
    boards_session_s: PositiveFloat = 12 * 3600.0
    """How many seconds after a sign-in it ends at the latest,"""
    boards_idle_s: PositiveFloat = 1800.0
    """and after how many without an open page."""
    boards_tiles: str | None = None
    """Where map tiles in WGS 84 are, as https://HOST/{z}/{x}/{y}.png [a map without streets]."""
    boards_tiles_credit: str | None = None
    """Whose the tiles are, as their owner wants it written on the map [nothing]."""
    boards_codes: str | None = None
    """Where codes for phones of crews are given out: the page that asks for one leads there."""
    boards_dispatch_phone: Phone | None = None
    """What crews telephone dispatch by: a button on their phones [none]."""
    patience: PositiveFloat = 60.0
    """How many seconds broker or database may be away before the process stops."""
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    """The least that is logged; of libraries only warnings and errors are."""

    fail_point: str | None = None
    """Tests only: the process kills itself when it first reaches this point,"""
    fail_point_log: Path | None = None
    """and notes it here."""


def from_environment() -> Settings:
    """The settings of this process. Raises ``Misconfigured``."""
    try:
        return Settings()
    except ValidationError as error:
        wrong = (f"{PREFIX}{str(e['loc'][0]).upper()}: {e['msg']}" for e in error.errors())
        raise Misconfigured("; ".join(wrong)) from None


def described() -> Iterator[tuple[str, str, str]]:
    """Each variable with what it means and what holds without it; those of tests are left out."""
    for name, field in Settings.model_fields.items():
        if not name.startswith("fail_point"):
            default = field.default
            if isinstance(default, SecretStr):
                default = default.get_secret_value()
            shown = f"{default:g}" if isinstance(default, float) else str(default)
            yield (
                f"{PREFIX}{name.upper()}",
                field.description or "",
                "" if default is None else shown,
            )
