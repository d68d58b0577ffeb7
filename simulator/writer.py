"""Writes a day of the city to a file."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import TextIO

from tqdm import tqdm

from simulator.day import BEGINS, Wanted, lines
from simulator.realism import Realism


def write(file: Path, wanted: Wanted) -> None:
    """Everything that is said, a JSON object a line, oldest first; ``-`` is standard output."""
    realism = Realism(wanted.faults, lambda purpose: Random(f"{wanted.seed}/{purpose}"))  # noqa: S311
    began, told, minutes = BEGINS.timestamp(), 0, round(wanted.hours * 60)
    with _whole(file) as out, tqdm(desc="  city", total=minutes, unit="min", disable=None) as bar:
        for t, _, said in lines(wanted, realism):
            out.write(said + "\n")
            if (minute := int((t - began) / 60)) > told:
                bar.update(minute - told)
                told = minute
        bar.update(minutes - told)


@contextmanager
def _whole(file: Path) -> Iterator[TextIO]:
    """By rename, once all of it is there; what is no file that can be replaced is written into."""
    if str(file) == "-":
        yield sys.stdout
    elif file.exists() and not file.is_file():
        with file.open("w", encoding="utf-8") as out:
            yield out
    else:
        draft = file.with_name(f".{file.name}.draft")
        try:
            with draft.open("w", encoding="utf-8") as out:
                yield out
            os.replace(draft, file)
        finally:
            draft.unlink(missing_ok=True)
