"""What a bedside monitor showed, minute by minute: one file is one patient, one row one sample.

Numerics of the MIMIC waveform database (PhysioNet, ODbL 1.0). 0 means that the signal was lost;
an empty cell, that no reading was due.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple, TypeAlias

from simulator.replays.account import Unreadable
from simulator.replays.table import rows_of

#: The contract's name and the columns it is read from, the first that has a signal: heart rate is
#: the pulse oximeter's where the electrodes are off, as monitors do; a cuff's pressure stands
#: before that of an arterial line. Means, which the contract has no word for, are not read.
SOURCES: Mapping[str, tuple[str, ...]] = {
    "heart_rate": ("HR_bpm", "PULSE_bpm"),
    "respiratory_rate": ("RESP_pm",),
    "spo2": ("SpO2_%",),
    "systolic_bp": ("NBPSys_mmHg", "ABPSys_mmHg"),
    "diastolic_bp": ("NBPDias_mmHg", "ABPDias_mmHg"),
}
#: These stand in every file; an arterial line is not in each.
_COLUMNS = ("minute", "HR_bpm", "PULSE_bpm", "RESP_pm", "SpO2_%", "NBPSys_mmHg", "NBPDias_mmHg")


class Minute(NamedTuple):
    """One sample: ``minute`` of the recording, and values in the contract's units."""

    place: str
    minute: float
    vitals: Mapping[str, float]


Row: TypeAlias = Minute | Unreadable


def read(text: str, file: str) -> Iterator[Row]:
    """The minutes of a file. Raises ``WrongTable``."""
    header = text.partition("\n")[0].strip().split(",")
    wanted = dict.fromkeys(column for columns in SOURCES.values() for column in columns)
    columns = [*_COLUMNS, *(c for c in wanted if c in header and c not in _COLUMNS)]
    for place, row in rows_of(text, file, columns):
        try:
            yield _minute(place, row)
        except ValueError:
            yield Unreadable(place, "a number that cannot be read")


def _minute(place: str, row: Mapping[str, str]) -> Row:
    vitals = {}
    for name, columns in SOURCES.items():
        given = [float(row[column]) for column in columns if row.get(column)]
        if given:  # 0 is sent as 0: a lost signal
            vitals[name] = next((value for value in given if value), 0.0)
    if not vitals:
        return Unreadable(place, "no value in the whole row")
    return Minute(place, float(row["minute"]), vitals)
