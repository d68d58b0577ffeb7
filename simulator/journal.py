"""Writes the truth, and reads it as it grows."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator
from pathlib import Path

from simulator import truth

log = logging.getLogger(__name__)

#: How much of the journal is read at once.
CHUNK = 1 << 20


class Journal:
    """Appends lines. A line is with the system, and survives our death, when ``write`` returns."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = path.open("a+b")
        self._file.seek(0)
        # How long input has run goes on from an earlier process; its encounters are abandoned.
        self.epochs = 0
        self.input_began: float | None = None
        self.abandoned: dict[str, str] = {}
        last = b"\n"
        for last in self._file:
            with contextlib.suppress(KeyError, TypeError, ValueError):  # it died within a line
                self._remember(last)
        if not last.endswith(b"\n"):
            self._file.write(b"\n")

    def _remember(self, line: bytes) -> None:
        if line.startswith(b'{"k":"epoch"'):
            self.epochs += 1
        elif line.startswith(b'{"k":"end"'):
            self.input_began = None
        elif line.startswith(b'{"k":"input"') and self.input_began is None:
            self.input_began = truth.decode(line).t
        elif line.startswith((b'{"k":"begin"', b'{"k":"over"')):
            told = truth.decode(line)
            if isinstance(told, truth.EncounterBegan):
                self.abandoned[told.handle] = told.encounter_id
            elif isinstance(told, truth.EncounterOver):
                self.abandoned.pop(told.handle, None)

    def write(self, *lines: truth.TruthLine) -> None:
        """Append whole lines."""
        self._file.write("".join(map(truth.encode, lines)).encode())
        self._file.flush()

    def close(self) -> None:
        """Close the file."""
        self._file.close()


class Follower:
    """Reads whole lines of a journal as they are appended; the file may not exist yet."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._at = 0

    def news(self) -> Iterator[truth.TruthLine]:
        """Every line since the last call. A line that is none is passed over and logged."""
        try:
            with self._path.open("rb") as file:
                file.seek(self._at)
                while chunk := file.read(CHUNK):
                    whole = chunk.rfind(b"\n") + 1
                    if not whole:
                        return
                    self._at += whole
                    file.seek(self._at)
                    yield from self._decoded(chunk[:whole])
        except FileNotFoundError:
            return

    def _decoded(self, whole: bytes) -> Iterator[truth.TruthLine]:
        for line in whole.splitlines():
            if not line:
                continue
            try:
                yield truth.decode(line)
            except (KeyError, TypeError, ValueError):
                log.error("a line of the journal is none", extra={"action": "journal_gap"})
