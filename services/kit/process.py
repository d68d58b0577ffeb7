"""Child processes of ours, each in a session of its own and never outliving us; and what they
are given: a port, a lock, a private file."""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import os
import random
import signal
import socket
import subprocess
import sys
import time
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

#: Where the application was cloned to; children run here.
ROOT = Path(__file__).resolve().parents[2]
_LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None
_LOG_BYTES = 32 << 20
_given: set[int] = set()


@dataclass
class Child:
    """A program that can be started again after its death, with the same words and ports.

    Start it from the main thread: the system ties its life to the thread that made it.
    """

    name: str
    argv: Sequence[str]
    log: Path
    environ: Mapping[str, str] = field(default_factory=lambda: dict(os.environ), repr=False)
    stop_with: signal.Signals = signal.SIGTERM
    options: Mapping[str, Any] = field(default_factory=dict)
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """The first start empties the log, a later one continues it."""
        with self.log.open("ab" if self.process else "wb") as log, warnings.catch_warnings():
            # Python warns of threads that hold locks; between fork and exec we take none.
            warnings.simplefilter("ignore", DeprecationWarning)
            self.process = subprocess.Popen(  # noqa: S603 - words of our own, no shell
                self.argv, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT,
                env=self.environ, start_new_session=True, preexec_fn=self._die_with_parent,
                **{"cwd": ROOT, **self.options},
            )  # fmt: skip

    def _die_with_parent(self) -> None:
        """Linux only: were we killed ourselves, the system ends the child."""
        if _LIBC is not None:
            fast = self.stop_with is not signal.SIGTERM
            _LIBC.prctl(1, self.stop_with if fast else signal.SIGKILL)  # 1: PR_SET_PDEATHSIG

    @property
    def pid(self) -> int | None:
        """Its process id while it lives."""
        return self.process.pid if self.process and self.process.poll() is None else None

    @property
    def status(self) -> int | None:
        """Its exit status after its end."""
        return self.process.poll() if self.process else None

    def signal(self, number: signal.Signals) -> None:
        if self.process:
            self.process.send_signal(number)

    def bound_log(self) -> None:
        """The child appends, so a log that is too long can be emptied under its hands."""
        if self.log.stat().st_size > _LOG_BYTES:
            os.truncate(self.log, 0)

    def last_words(self, lines: int = 15) -> str:
        return "\n".join(self.log.read_text("utf-8", "replace").splitlines()[-lines:])


def run_once(argv: Sequence[str], **options: Any) -> None:
    """Run a program to its end. Raises ``OSError`` with its last words when it fails."""
    done = subprocess.run(  # noqa: S603 - words of our own, no shell
        argv, capture_output=True, text=True, start_new_session=True, check=False, **options
    )
    if done.returncode:
        raise OSError(f"{argv[0]}: {(done.stdout + done.stderr).strip()[-500:]}")


def end(children: Sequence[Child], patience: float = 10.0) -> None:
    """Ask all of them to end, wait, and kill those that did not, with all of their sessions."""
    for child in children:
        child.signal(child.stop_with)
    deadline = time.monotonic() + patience
    for process in [child.process for child in children if child.process]:
        try:
            process.wait(max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def free_port() -> int:
    """A loopback port nobody listens on, another one each time, and below those that outgoing
    connections take: so a child finds it free again when it is started anew."""
    for port in random.sample(range(20_000, 32_000), 200):
        if port not in _given and is_free(port):
            _given.add(port)
            return port
    raise OSError("no free port on 127.0.0.1 between 20000 and 32000")


def is_free(port: int) -> bool:
    """Whether we could listen on this loopback port now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def listens(address: str, patience: float = 2.0) -> bool:
    """Whether somebody takes connections at HOST:PORT."""
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), patience).close()
    except (OSError, ValueError, OverflowError):
        return False
    return True


def hold(folder: Path) -> int:
    """Make the folder, private, and lock it for as long as we, or a child that got the descriptor
    from us, live. Raises ``BlockingIOError`` when somebody else holds it, ``OSError`` when it
    cannot be made."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        raise
    return descriptor


def write_whole(file: Path, text: str) -> Path:
    """Write a file that only we may read; a reader sees all of it or the one before."""
    part = file.with_name(f".{file.name}.{os.getpid()}")
    part.touch(mode=0o600)
    part.write_text(text, "utf-8")
    return part.replace(file)
