"""The container files hold what they promise, as far as it can be seen without an engine."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from schemas.topics import registry
from services.kit.roles import ROLES
from services.kit.runtime import tls_of
from services.kit.settings import Misconfigured, from_environment

ROOT = Path(__file__).resolve().parents[2]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text("utf-8"))
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
DOCKERFILE = (ROOT / "Dockerfile").read_text("utf-8")
FROM = re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE)

SETUP = (ROOT / "deploy/setup").read_text("utf-8")

every_service = pytest.mark.parametrize("name", SERVICES)


@every_service
def test_a_service_that_stays_up_says_whether_it_is_well(name: str) -> None:
    service = SERVICES[name]
    if service["restart"] == "no":
        assert service["healthcheck"] == {"disable": True}
    else:
        assert service["healthcheck"]["test"]


@every_service
def test_ports_are_open_on_the_loopback_alone(name: str) -> None:
    assert all(port.startswith("127.0.0.1:") for port in SERVICES[name].get("ports", []))


@pytest.mark.parametrize(
    "name", [n for n in SERVICES if SERVICES[n].get("image", "").startswith("greenchannel")]
)
def test_a_service_listens_as_its_start_allows(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """In clear, which is refused unless a proxy ends TLS before the ports."""
    for variable, value in SERVICES[name]["environment"].items():
        if not str(value).startswith("/run/"):
            monkeypatch.setenv(variable, str(value))
    assert tls_of(from_environment()) is None
    monkeypatch.delenv("GREENCHANNEL_TLS_AT_PROXY")
    with pytest.raises(Misconfigured, match=r"^GREENCHANNEL_HOST: not the loopback"):
        tls_of(from_environment())


@pytest.mark.parametrize("image", [*FROM, *(s["image"] for s in SERVICES.values())])
def test_an_image_is_named_with_its_version(image: str) -> None:
    assert re.search(r":\d+\.\d+", image)


@pytest.mark.parametrize(
    "file", sorted(set(re.findall(r"deploy/\w+\.py|requirements[\w-]*\.lock", SETUP)))
)
def test_the_image_holds_what_its_setup_reads(file: str) -> None:
    before, _, _ = DOCKERFILE.partition("deploy/setup\n\n")
    copied = [
        word for line in re.findall(r"^COPY (.+)", before, re.MULTILINE) for word in line.split()
    ]
    assert file in copied or file in {"requirements-dev.lock", "requirements-bench.lock"}


@pytest.mark.parametrize(
    "file",
    sorted({w for line in re.findall(r"^COPY (.+) \S+$", DOCKERFILE, re.MULTILINE)
            for w in line.split()}),
)  # fmt: skip
def test_what_is_copied_is_not_shut_out(file: str) -> None:
    """All is shut out but what the file lets in again."""
    kept = (ROOT / ".dockerignore").read_text("utf-8").splitlines()
    assert "*" in kept
    assert f"!{file}" in kept


@every_service
def test_no_password_stands_in_the_environment(name: str) -> None:
    named = SERVICES[name].get("environment", {})
    assert not [n for n in named if "PASSWORD" in n and not n.endswith("_FILE")]


@every_service
def test_a_service_holds_no_secret_but_its_own(name: str) -> None:
    user = SERVICES[name].get("environment", {}).get("NAME", "admin")
    held = set(SERVICES[name]["secrets"])
    assert held - {"jwks"} == ({user} if name != "apply" else set(COMPOSE["secrets"]) - {"jwks"})


def test_every_user_of_broker_and_database_has_a_secret() -> None:
    users = set(registry().users) | set(ROLES)
    assert set(COMPOSE["secrets"]) - {"jwks"} == users
    made = re.search(
        r"^for user in (.+); do$", (ROOT / "deploy/secrets.sh").read_text(), re.MULTILINE
    )
    assert made is not None
    assert set(made[1].split()) == users


def test_the_broker_gets_settings_for_a_network_and_keeps_its_password_to_itself(
    tmp_path: Path,
) -> None:
    said = tmp_path / "said"
    (tmp_path / "bin").mkdir()
    for program in ("kafka-storage.sh", "kafka-server-start.sh"):
        file = tmp_path / "bin" / program
        file.write_text(
            f'#!/bin/sh\necho "$0 $*" >>{said}\n[ "$1" = random-uuid ] && echo ID || true\n'
        )
        file.chmod(0o755)
    (tmp_path / "secret").write_text("a-password")
    settings = tmp_path / "server.properties"
    environment = {
        "PATH": "/usr/bin:/bin",
        "KAFKA_HOME": str(tmp_path),
        "KAFKA_FOLDER": str(tmp_path / "data"),
        "KAFKA_SETTINGS": str(settings),
        "KAFKA_SECRET": str(tmp_path / "secret"),
    }
    subprocess.run([ROOT / "deploy/kafka/start"], env=environment, check=True)
    text = settings.read_text()
    lines = dict(
        line.split("=", 1) for line in text.splitlines() if not line.startswith("#") and line
    )
    assert lines["listeners"] == "SASL_PLAINTEXT://:9092,CONTROLLER://127.0.0.1:9093"
    assert lines["advertised.listeners"] == "SASL_PLAINTEXT://kafka:9092"
    assert lines["log.dirs"] == f"{tmp_path}/data/log"
    assert "$" not in text
    assert settings.stat().st_mode & 0o077 == 0
    assert "a-password" not in said.read_text()
    assert f"kafka-server-start.sh {settings}" in said.read_text()


def test_a_container_takes_its_password_out_of_a_file(tmp_path: Path) -> None:
    shown = (ROOT / "deploy/enter").read_text().replace("/run/secrets", str(tmp_path))
    (tmp_path / "triage").write_text("a-password")
    done = subprocess.run(
        ["sh", "-c", shown.replace("exec greenchannel", "exec env"), "enter"],
        env={"PATH": "/usr/bin:/bin", "NAME": "triage"},
        check=True,
        capture_output=True,
        text=True,
    )
    assert "GREENCHANNEL_KAFKA_SASL_PLAIN_PASSWORD=a-password" in done.stdout
    assert "postgresql://greenchannel_triage:a-password@postgres/greenchannel" in done.stdout
