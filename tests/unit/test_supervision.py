"""A child process lives as long as it is kept, and no longer than we do."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from functools import partial
from pathlib import Path
from typing import Any

import psutil
import pytest

from services.kit.fleet import CannotEnd, CannotStart, Fleet
from services.kit.process import ROOT, Child, end, free_port, hold, write_whole


def until(holds: Callable[[], Any], seconds: float = 60.0) -> Any:
    deadline = time.monotonic() + seconds
    while not (found := holds()):
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.05)
    return found


def is_alive(pid: int) -> bool:
    """A zombie that nobody has buried yet is dead."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


async def is_up() -> bool:
    return True


def child(folder: Path, program: str, **options: Any) -> Child:
    return Child("child", [sys.executable, "-c", program], folder / "child.log", **options)


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
async def fleet(said: list[str]) -> AsyncIterator[Fleet]:
    made = Fleet(lambda: None, said.append)
    yield made
    await made.end([list(made.keepers)])


def has_recovered(fleet: Fleet, times: int) -> bool:
    return len(fleet.recoveries()["child"]) == times


async def test_a_killed_child_is_started_again_at_once_and_its_recovery_measured(
    tmp_path: Path, fleet: Fleet
) -> None:
    await fleet.add(child(tmp_path, "import time; print('here'); time.sleep(60)"), is_up)
    for kills in (1, 2):
        before = fleet.pid("child")
        await fleet.kill("child")
        await asyncio.to_thread(until, partial(has_recovered, fleet, kills), 5)
        assert fleet.pid("child") not in (None, before)
    assert all(0 < seconds < 2 for seconds in fleet.recoveries()["child"])
    await fleet.end([["child"]])
    assert fleet.pid("child") is None


async def test_one_that_dies_young_again_and_again_waits_longer_each_time(
    tmp_path: Path, fleet: Fleet, said: list[str]
) -> None:
    """Three times at once; then after a quarter, half a second, a second …"""
    starts = tmp_path / "starts"

    async def never() -> bool:
        return starts.exists() and "x" * 7 not in starts.read_text()

    program = f"open({str(starts)!r}, 'a').write('x'); print('alas')"
    began = time.monotonic()
    await fleet.add(child(tmp_path, program), never)
    await asyncio.to_thread(until, lambda: starts.read_text() == "x" * 6, 20)
    assert time.monotonic() - began > 0.25 + 0.5
    (told,) = (line for line in said if "\n" in line)
    assert "alas" in told


async def test_a_child_that_cannot_start_says_why(tmp_path: Path, fleet: Fleet) -> None:
    async def silent() -> bool:
        return False

    with pytest.raises(CannotStart, match="no such thing"):
        await fleet.add(child(tmp_path, "raise SystemExit('no such thing')"), silent)


async def test_one_that_may_end_is_waited_for_and_not_started_again(
    tmp_path: Path, fleet: Fleet
) -> None:
    await fleet.add(child(tmp_path, "import time; time.sleep(0.3)"), is_up, may_end=True)
    await fleet.until_ended("child")
    assert fleet.recoveries() == {"child": []}
    assert fleet.pid("child") is None


async def test_one_that_does_not_end_in_time_says_where_it_stands(
    tmp_path: Path, fleet: Fleet
) -> None:
    program = "import time; print('still counting', flush=True); time.sleep(60)"
    made = child(tmp_path, program)
    await fleet.add(made, is_up, may_end=True)
    await asyncio.to_thread(until, made.last_words, 10)
    with pytest.raises(CannotEnd, match="still counting"):
        await fleet.until_ended("child", patience=0.2)


async def test_what_fails_in_our_own_process_ends_the_wait(tmp_path: Path, fleet: Fleet) -> None:
    async def fails() -> None:
        raise OSError("the page")

    await fleet.add(child(tmp_path, "import time; time.sleep(60)"), is_up, may_end=True)
    fleet.watch("web", fails())
    with pytest.raises(OSError, match="the page"):
        await fleet.until_ended("child")


def test_one_that_does_not_listen_is_killed(tmp_path: Path) -> None:
    deaf = child(
        tmp_path,
        "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "print('deaf', flush=True); time.sleep(60)",
    )
    deaf.start()
    until(lambda: "deaf" in deaf.last_words())
    began = time.monotonic()
    end([deaf], patience=0.5)
    assert deaf.status == -signal.SIGKILL
    assert time.monotonic() - began < 5


def test_a_log_is_kept_over_restarts_and_bounded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    talker = child(tmp_path, "print('word')")
    for _ in range(2):
        talker.start()
        assert talker.process
        talker.process.wait()
    assert talker.log.read_text() == "word\nword\n"
    monkeypatch.setattr("services.kit.process._LOG_BYTES", 5)
    talker.bound_log()
    assert talker.log.read_text() == ""


def test_ports_are_free_and_never_given_twice() -> None:
    given = [free_port() for _ in range(50)]
    assert len(set(given)) == len(given)
    assert all(20_000 <= port < 32_000 for port in given)


@pytest.mark.skipif(sys.platform != "linux", reason="the system ends orphans on Linux alone")
def test_a_child_does_not_outlive_a_killed_parent(tmp_path: Path) -> None:
    program = (
        "import sys, time; from pathlib import Path; from services.kit.process import Child\n"
        f"c = Child('c', ['sleep', '60'], Path({str(tmp_path / 'log')!r}))\n"
        "c.start(); print(c.pid, flush=True); time.sleep(60)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program], cwd=ROOT, stdout=-1, text=True
    ) as parent:
        assert parent.stdout
        pid = int(parent.stdout.readline())
        assert psutil.pid_exists(pid)
        parent.kill()
    until(lambda: not is_alive(pid), 5)


def test_the_folder_stays_locked_as_long_as_a_broker_lives_on_it(tmp_path: Path) -> None:
    lock = hold(tmp_path)
    broker = child(tmp_path, "import time; time.sleep(60)", options={"pass_fds": (lock,)})
    broker.start()
    os.close(lock)
    with pytest.raises(BlockingIOError):
        hold(tmp_path)
    end([broker])
    os.close(hold(tmp_path))


def test_a_private_file_is_never_seen_half_written(tmp_path: Path) -> None:
    file = write_whole(tmp_path / "endpoints.json", "one")
    assert file.stat().st_mode & 0o777 == 0o600
    write_whole(file, "two")
    assert file.read_text() == "two"
    assert [found.name for found in tmp_path.iterdir()] == ["endpoints.json"]
