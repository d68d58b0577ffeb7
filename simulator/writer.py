"""Writes a day of the city to a file."""

from __future__ import annotations

import sys
from contextlib import nullcontext
from pathlib import Path
from random import Random

from tqdm import tqdm

from simulator.day import BEGINS, Wanted, lines
from simulator.realism import Realism


def write(file: Path, wanted: Wanted) -> None:
    """Everything that is said, a JSON object a line, oldest first; ``-`` is standard output."""
    realism = Realism(wanted.faults, lambda purpose: Random(f"{wanted.seed}/{purpose}"))  # noqa: S311
    into = nullcontext(sys.stdout) if str(file) == "-" else file.open("w", encoding="utf-8")
    began, told, minutes = BEGINS.timestamp(), 0, round(wanted.hours * 60)
    with into as out, tqdm(desc="  city", total=minutes, unit="min", disable=None) as bar:
        for t, _, said in lines(wanted, realism):
            out.write(said + "\n")
            if (minute := int((t - began) / 60)) > told:
                bar.update(minute - told)
                told = minute
        bar.update(minutes - told)
