"""Every alert fires, is silent, and says what it does without data: by Prometheus itself."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
import yaml

from deploy.prometheus import alerts
from services.local.prometheus import configured

ROOT = Path(__file__).resolve().parents[2]
RULES = ROOT / "deploy" / "prometheus" / "rules"
TESTS = sorted(RULES.glob("*_test.yml"))


def run(*words: str | Path) -> str:
    """What a program says that ends well."""
    done = subprocess.run(words, cwd=RULES, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_every_alert_has_its_tests_its_texts_and_its_runbook() -> None:
    assert alerts.main() == 0


@pytest.mark.timeout(600)  # days are gone through in steps of seconds
@pytest.mark.needs_program("promtool")
@pytest.mark.parametrize("file", TESTS, ids=lambda file: file.stem)
def test_every_rule_does_what_its_tests_say(file: Path) -> None:
    assert "SUCCESS" in run("promtool", "test", "rules", file)


@pytest.mark.needs_program("promtool")
def test_the_configuration_of_prometheus_is_sound() -> None:
    assert "SUCCESS" in run("promtool", "check", "config", RULES.parent / "prometheus.yml")


def test_where_there_are_no_boards_nobody_is_missed() -> None:
    """A target that is not there would be down: theirs is looked for by name, and every other one
    has to be there."""
    told = yaml.safe_load((RULES.parent / "prometheus.yml").read_text("utf-8"))
    found = {job["job_name"]: job for job in told["scrape_configs"]}
    boards = found.pop("boards")
    assert "static_configs" not in boards
    (looked_for,) = boards["dns_sd_configs"]
    assert (looked_for["names"], looked_for["type"], looked_for["port"]) == (["boards"], "A", 8000)
    # Whose address is another after a start is the same one to the rules.
    (named,) = boards["relabel_configs"]
    assert named == {"target_label": "instance", "replacement": "boards:8000"}
    assert [name for name, job in found.items() if not job.get("static_configs")] == []


@pytest.mark.needs_program("promtool")
def test_a_run_looks_at_its_own_addresses_alone(tmp_path: Path) -> None:
    there = {name: f"127.0.0.1:{port}" for port, name in enumerate(("triage", "boards"), 9101)}
    told = configured(there)
    assert told["scrape_configs"] == [
        {"job_name": name, "static_configs": [{"targets": [address]}]}
        for name, address in there.items()
    ]
    file = tmp_path / "prometheus.yml"
    file.write_text(yaml.safe_dump(told), "utf-8")
    assert "SUCCESS" in run("promtool", "check", "config", file)


@pytest.mark.needs_program("amtool")
def test_the_configuration_of_alertmanager_is_sound() -> None:
    file = ROOT / "deploy" / "alertmanager" / "alertmanager.yml"
    assert "SUCCESS" in run("amtool", "check-config", file)


@pytest.mark.needs_program("amtool")
@pytest.mark.parametrize(
    ("labels", "receiver"),
    [
        ({"severity": "page", "audience": "operations"}, "operations"),
        ({"severity": "ticket", "audience": "operations"}, "tickets"),
        ({"severity": "page", "audience": "dispatch"}, "dispatch"),
        ({"severity": "ticket", "audience": "dispatch"}, "dispatch"),
        ({"severity": "page", "audience": "facility"}, "facility"),
        ({"severity": "ticket", "audience": "facility"}, "facility"),
        ({"severity": "none", "audience": "watch"}, "watch"),
    ],
)
def test_clinical_alarms_go_to_clinical_people(labels: dict[str, str], receiver: str) -> None:
    file = ROOT / "deploy" / "alertmanager" / "alertmanager.yml"
    words = [f"{name}={value}" for name, value in labels.items()]
    told = run("amtool", "config", "routes", "test", f"--config.file={file}", *words)
    assert told.strip() == receiver
