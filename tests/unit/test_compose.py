"""The container files hold what they promise, as far as it can be seen without an engine."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import jwt
import pytest
import yaml
from click.testing import CliRunner

from schemas.topics import registry
from services.cli import main
from services.kit.roles import ROLES
from services.kit.runtime import tls_of
from services.kit.settings import Misconfigured, Settings, from_environment
from services.local.prometheus import RESENT
from simulator import city
from simulator.endpoints import Endpoints
from tests import image

ROOT = Path(__file__).resolve().parents[2]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text("utf-8"))
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
DOCKERFILE = image.DOCKERFILE
FROM = re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE)

SETUP = (ROOT / "deploy/setup").read_text("utf-8")
WATCHING = ("prometheus", "alertmanager", "grafana")
#: What a container holds of deploy/secrets, but for those of broker and database by its own user.
THEIRS = {"grafana": {"grafana"}, "simulator": {"demo"}, "prometheus": set(), "alertmanager": set()}
#: Files there that are no user's password.
NO_USERS = {"demo", "grafana", "jwks"}

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
    "name",
    [n for n in SERVICES if "GREENCHANNEL_TLS_AT_PROXY" in SERVICES[n].get("environment", {})],
)
def test_a_service_listens_as_its_start_allows(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """In clear, which is refused unless a proxy ends TLS before the ports."""
    for variable, value in SERVICES[name]["environment"].items():
        if not str(value).startswith(("/run/", "${")):
            monkeypatch.setenv(variable, str(value))
    assert tls_of(from_environment()) is None
    monkeypatch.delenv("GREENCHANNEL_TLS_AT_PROXY")
    with pytest.raises(Misconfigured, match=r"^GREENCHANNEL_HOST: not the loopback"):
        tls_of(from_environment())


def test_the_city_listens_to_its_own_container_alone() -> None:
    assert SERVICES["simulator"]["environment"]["GREENCHANNEL_HOST"] == "127.0.0.1"


@pytest.mark.parametrize("named", [*FROM, *(s["image"] for s in SERVICES.values())])
def test_an_image_is_named_with_its_version(named: str) -> None:
    assert re.search(r":v?\d+\.\d+", named)


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
def test_a_container_has_its_limits(name: str) -> None:
    """As compose keeps them without a swarm."""
    limits = SERVICES[name]["deploy"]["resources"]["limits"]
    assert set(limits) == {"cpus", "memory", "pids"}
    assert float(limits["cpus"]) > 0
    assert re.fullmatch(r"[1-9]\d*[MG]", limits["memory"])


def test_the_broker_has_room_beside_its_heap() -> None:
    (heap,) = re.findall(r"-Xmx(\d+)g", SERVICES["kafka"]["environment"]["KAFKA_HEAP_OPTS"])
    memory = SERVICES["kafka"]["deploy"]["resources"]["limits"]["memory"]
    assert int(memory.removesuffix("G")) >= 2 * int(heap)


@pytest.mark.parametrize("name", sorted(set(SERVICES) - {"kafka", "postgres"}))
def test_a_container_writes_to_its_own_volumes_alone(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["tmpfs"] == ["/tmp"]
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    mounts = [mount.split(":") for mount in service.get("volumes", [])]
    assert [source for source, *_, mode in mounts if source.startswith(".") and mode != "ro"] == []


@every_service
def test_a_folder_that_is_mounted_is_there(name: str) -> None:
    for mount in SERVICES[name].get("volumes", []):
        source = mount.split(":")[0]
        there = source in COMPOSE["volumes"] if "/" not in source else (ROOT / source).exists()
        assert there, source


@pytest.mark.parametrize("name", [*WATCHING, "archive"])
def test_nobody_is_root(name: str) -> None:
    """Our own image names who it is; the broker's runs as another, the database steps down."""
    assert SERVICES[name]["user"].split(":")[0] not in {"root", "0"}
    assert re.search(r"^USER (?!root|0)\w+$", DOCKERFILE, re.MULTILINE)


def test_the_database_keeps_patients_out_of_its_log_as_anywhere() -> None:
    settings = (ROOT / "deploy/postgres/settings.conf").read_text("utf-8").splitlines()
    program, *words = SERVICES["postgres"]["command"]
    told = [word.removeprefix("-c") for word in words]
    assert program == "postgres"
    assert set(told) <= set(settings)
    assert {line for line in settings if line.startswith(("log_min", "log_err", "log_par"))} <= set(
        told
    )


def test_prometheus_is_told_what_a_run_tells_its_own() -> None:
    words = dict(word.split("=", 1) for word in SERVICES["prometheus"]["command"])
    assert words["--rules.alert.resend-delay"] == RESENT
    assert words["--storage.tsdb.retention.time"] == "90d"
    assert f"{words['--storage.tsdb.path']}" in mounted("prometheus").values()
    assert (
        words["--config.file"] == f"{mounted('prometheus')['./deploy/prometheus']}/prometheus.yml"
    )


def test_who_is_looked_at_is_a_container_that_answers_there() -> None:
    told = yaml.safe_load((ROOT / "deploy/prometheus/prometheus.yml").read_text("utf-8"))
    targets = {t for job in told["scrape_configs"] for s in job.get("static_configs", [])
               for t in s["targets"]}  # fmt: skip
    targets |= {t for to in told["alerting"]["alertmanagers"] for s in to["static_configs"]
                for t in s["targets"]}  # fmt: skip
    for name, port in (target.split(":") for target in targets - {"localhost:9090"}):
        assert "profiles" not in SERVICES[name], f"{name} may not be there"
        assert port == str(SERVICES[name].get("environment", {}).get("GREENCHANNEL_PORT", 9093))


def test_grafana_finds_its_files_and_lets_nobody_in_without_a_password() -> None:
    folder, theirs = ROOT / "deploy/grafana", mounted("grafana")
    provider = yaml.safe_load((folder / "provisioning/dashboards/greenchannel.yaml").read_text())
    source = yaml.safe_load((folder / "provisioning/datasources/prometheus.yaml").read_text())
    assert theirs["./deploy/grafana/provisioning"] == "/etc/grafana/provisioning"
    (provided,) = provider["providers"]
    assert theirs["./deploy/grafana/dashboards"] == provided["options"]["path"]
    (one,) = source["datasources"]
    assert one["url"] == "http://prometheus:9090"
    told = SERVICES["grafana"]["environment"]
    assert told["GF_SECURITY_ADMIN_PASSWORD__FILE"] == "/run/secrets/grafana"
    refused = ("AUTH_ANONYMOUS_ENABLED", "USERS_ALLOW_SIGN_UP", "ANALYTICS_REPORTING_ENABLED",
               "ANALYTICS_CHECK_FOR_UPDATES", "ANALYTICS_CHECK_FOR_PLUGIN_UPDATES",
               "PLUGINS_PLUGIN_ADMIN_ENABLED")  # fmt: skip
    assert [told[f"GF_{name}"] for name in refused] == ["false"] * len(refused)
    assert told["GF_PLUGINS_PREINSTALL_DISABLED"] == "true"


def mounted(name: str) -> dict[str, str]:
    """Where a container finds what it is given."""
    return {m.split(":")[0]: m.split(":")[1] for m in SERVICES[name]["volumes"]}


@every_service
def test_no_password_stands_in_the_environment(name: str) -> None:
    named = SERVICES[name].get("environment", {})
    assert not [n for n in named if "PASSWORD" in n and not n.endswith("_FILE")]


@every_service
def test_a_service_holds_no_secret_but_its_own(name: str) -> None:
    user = SERVICES[name].get("environment", {}).get("NAME", "admin")
    all_users = set(COMPOSE["secrets"]) - NO_USERS
    held = set(SERVICES[name].get("secrets", []))
    assert held - {"jwks"} == THEIRS.get(name, all_users if name == "apply" else {user})


def test_every_user_of_broker_and_database_has_a_secret(tmp_path: Path) -> None:
    users = set(registry().users) | set(ROLES)
    assert set(COMPOSE["secrets"]) - NO_USERS == users
    (tmp_path / "deploy").mkdir()
    script = shutil.copy(ROOT / "deploy/secrets.sh", tmp_path / "deploy")
    subprocess.run([script], check=True)
    made = {file.name: file.read_text() for file in (tmp_path / "deploy/secrets").iterdir()}
    files = {Path(secret["file"]).name for secret in COMPOSE["secrets"].values()}
    assert set(made) == files
    words = [made[name] for name in users | {"grafana"}]
    assert all(re.fullmatch("[0-9a-f]{48}", word) for word in words)
    assert len(set(words)) == len(words)
    subprocess.run([script], check=True)
    assert made == {f.name: f.read_text() for f in (tmp_path / "deploy/secrets").iterdir()}
    assert (tmp_path / "deploy/secrets").stat().st_mode & 0o077 == 0


def test_the_image_holds_all_that_its_commands_import(tmp_path: Path) -> None:
    """Each service and each command, from nothing but what is copied."""
    image.unpack(tmp_path)
    modules = [f"services.{m}" for m in ("dispatch.app", "dispatch.gateway", "dispatch.tracker",
               "triage.app", "bridge.app", "boards.app", "cli", "kit.admin", "kit.endpoints",
               "operations.doctor")]  # fmt: skip
    asked = f"{image.found(tmp_path)}import {', '.join(modules)}, simulator.play"
    done = subprocess.run(
        [sys.executable, "-P", "-c", asked], cwd="/", capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_a_demo_is_made_by_the_image_in_the_name_of_who_types_it(tmp_path: Path) -> None:
    (tmp_path / "deploy").mkdir()
    for name in ("secrets.sh", "demo.sh"):
        shutil.copy(ROOT / "deploy" / name, tmp_path / "deploy")
    docker = tmp_path / "docker"
    docker.write_text('#!/bin/sh\necho "$@"\n')
    docker.chmod(0o755)
    done = subprocess.run(
        [tmp_path / "deploy/demo.sh"],
        env={"PATH": f"{tmp_path}:/usr/bin:/bin"},
        check=True,
        capture_output=True,
        text=True,
    )
    who = f"{os.getuid()}:{os.getgid()}"
    assert done.stdout == (
        f"compose run --rm --no-deps --user {who} --volume {tmp_path}/deploy/secrets:/secrets"
        " apply demo --secrets /secrets\n"
    )
    assert (tmp_path / "deploy/secrets/observer").exists()


def demo(folder: Path) -> Any:
    """What an operator types for a demo."""
    told = {name: str(value) for name, value in SERVICES["apply"]["environment"].items()}
    told["GREENCHANNEL_POSTGRES_DSN"] = "postgresql://greenchannel_admin:word@postgres/greenchannel"
    told["GREENCHANNEL_SIGNATURE_WITHIN_S"] = "120"
    return CliRunner().invoke(main, ["demo", "--secrets", str(folder)], env=told)


def test_a_demo_signs_its_city_in_and_nobody_who_looks_after_the_system(tmp_path: Path) -> None:
    (tmp_path / "observer").write_text("a-password\n")
    (tmp_path / "jwks.json").write_text('{"keys": []}')
    mounted_as = (tmp_path / "jwks.json").stat().st_ino
    assert demo(tmp_path).exit_code == 0
    known = json.loads((tmp_path / "demo.json").read_text())
    assert set(known) == {"kafka", "http", "tokens"}
    assert set(known["tokens"]) == {"dispatcher", "crew", "primary_care", "centre", "clinic"}
    assert known["http"] == {
        name: f"http://{name}:8000" for name in ("dispatch", "gateway", "bridge")
    }
    assert known["kafka"]["sasl_plain_username"] == "observer"
    assert known["kafka"]["sasl_plain_password"] == "a-password"
    read = Endpoints.model_validate(known)
    assert set(read.tokens.centre) == {place.id for place in city.load().facilities}
    keys = jwt.PyJWKSet.from_json((tmp_path / "jwks.json").read_text())
    token, settings = known["tokens"]["crew"], Settings()
    kid = jwt.get_unverified_header(token)["kid"]
    claims = jwt.decode(token, keys[kid].key, ["ES256"], audience=settings.jwt_audience)
    assert claims["exp"] - claims["auth_time"] == 12 * 3600
    # Containers that run have the file itself, and know a key by its id.
    assert demo(tmp_path).exit_code == 0
    assert (tmp_path / "jwks.json").stat().st_ino == mounted_as
    (again,) = json.loads((tmp_path / "jwks.json").read_text())["keys"]
    assert again["kid"] != kid
    assert (tmp_path / "demo.json").stat().st_mode & 0o777 == 0o644


def test_a_demo_leaves_the_keys_of_real_people_alone(tmp_path: Path) -> None:
    (tmp_path / "observer").write_text("a-password")
    theirs = '{"keys": [{"kid": "of-the-region"}]}'
    (tmp_path / "jwks.json").write_text(theirs)
    refused = demo(tmp_path)
    assert refused.exit_code == 1
    assert "a composition of its own" in refused.output
    assert (tmp_path / "jwks.json").read_text() == theirs
    assert not (tmp_path / "demo.json").exists()


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
