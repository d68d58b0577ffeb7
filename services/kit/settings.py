"""What a process is told by its environment: one frozen value, read once, at the start."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Literal

from pydantic import SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """Environment of a service; every name begins with ``GREENCHANNEL_``."""

    model_config = SettingsConfigDict(env_prefix="GREENCHANNEL_", frozen=True, extra="ignore")

    kafka_bootstrap_servers: str = "127.0.0.1:9092"
    kafka_security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = "PLAINTEXT"
    kafka_sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = "SCRAM-SHA-512"
    kafka_sasl_plain_username: str | None = None
    kafka_sasl_plain_password: SecretStr | None = None
    kafka_ca_file: Path | None = None

    postgres_dsn: SecretStr = SecretStr("postgresql://127.0.0.1/greenchannel")

    #: Verifies tokens: a file or a URL that holds a JSON Web Key Set.
    jwks: str | None = None
    jwt_issuer: str = "greenchannel"
    jwt_audience: str = "greenchannel"

    host: str = "127.0.0.1"
    port: int = 0

    #: Which of several workers of the same service this is: makes its Kafka membership static.
    worker: int = 0
    #: Admission numbers carry the date of this zone.
    time_zone: str = "Asia/Shanghai"
    #: How long a dependency may be away before the process stops and is started anew.
    patience: timedelta = timedelta(seconds=60)
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"

    #: Tests only: the process kills itself when it first reaches this point, and notes it here.
    fail_point: str | None = None
    fail_point_log: Path | None = None
