"""Runs a module on the last core alone: ``python -m benchmarks.one_core MODULE …``."""

from __future__ import annotations

import os
import runpy
import sys


def keep_to(cores: set[int]) -> None:
    """This process and all that it starts run on these alone, where the system can do that."""
    if cores and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, cores)


def last() -> set[int]:
    """The last core."""
    return {(os.cpu_count() or 1) - 1}


def others() -> set[int]:
    """All cores but the last; where there is one alone, none."""
    return set(range(os.cpu_count() or 1)) - last()


if __name__ == "__main__":
    keep_to(last())
    sys.argv = sys.argv[1:]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
