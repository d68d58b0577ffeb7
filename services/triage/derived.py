"""Numbers that follow from two others by a formula, which is no threshold."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping


def _shock_index(heart_rate: float, systolic_bp: float) -> float:
    """Of a pressure of next to nothing still a number."""
    return min(heart_rate / systolic_bp, sys.float_info.max)


def _mean_pressure(diastolic_bp: float, systolic_bp: float) -> float:
    return (systolic_bp + 2 * diastolic_bp) / 3


#: What each follows from: the value that leads, and the one beside it.
DERIVED: Mapping[str, tuple[str, str]] = {
    "shock_index": ("heart_rate", "systolic_bp"),
    "mean_pressure": ("diastolic_bp", "systolic_bp"),
}
FORMULAS: Mapping[str, Callable[[float, float], float]] = {
    "shock_index": _shock_index,
    "mean_pressure": _mean_pressure,
}
