"""The picture of an ECG with twelve leads, drawn from its heart rate and what it shows.

Pure: the same arguments make the same bytes. The curve is a drawing and no recording of anybody:
its numbers are ours (evidence: design), and fit each other as the limbs' leads must.
"""

from __future__ import annotations

import math
import struct
import zlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import lru_cache
from operator import mul
from typing import TypeAlias

#: Of each wave of a beat, in millivolts.
Waves: TypeAlias = tuple[float, ...]
Picture: TypeAlias = list[bytearray]

#: When each wave stands, in seconds from the R wave, and how broad it is; what follows R comes
#: sooner in a fast heart, by the root of the time between two beats. The last two are the ST
#: segment.
TIMES = ((-0.16, 0.022), (-0.028, 0.008), (0.0, 0.011), (0.03, 0.009), (0.27, 0.045),
         (0.11, 0.035), (0.19, 0.045))  # fmt: skip
#: The first R wave of the strip, in seconds.
FIRST_S = 0.4
#: P, Q, R, S and T where nothing is wrong.
NORMAL: Mapping[str, Waves] = {
    "I": (0.08, -0.05, 0.70, -0.10, 0.20),
    "II": (0.15, -0.08, 1.00, -0.15, 0.30),
    "V1": (0.05, 0.0, 0.20, -0.85, -0.08),
    "V2": (0.07, 0.0, 0.40, -1.20, 0.35),
    "V3": (0.08, 0.0, 0.75, -0.80, 0.40),
    "V4": (0.08, -0.05, 1.20, -0.45, 0.40),
    "V5": (0.08, -0.08, 1.20, -0.20, 0.32),
    "V6": (0.08, -0.08, 0.95, -0.08, 0.25),
}
#: The other leads of the limbs, by how much of I and of II there is in them.
DERIVED = (("III", -1.0, 1.0), ("aVR", -0.5, -0.5), ("aVL", 1.0, -0.5), ("aVF", -0.5, 1.0))
#: By how much the ST segment lies above the line: the wall below, and its mirror in front.
ELEVATED: Mapping[str, float] = {"I": -0.12, "II": 0.22, "V2": -0.08, "V3": -0.05}
#: Amplitude in millivolts and frequency in hertz of what hides a heart: breath, muscles, the mains.
NOISE = ((0.35, 0.31), (0.18, 13.7), (0.15, 23.3), (0.12, 50.0))
#: As they stand on the sheet, three by four; below them one lead for the whole time.
SHEET = (("I", "aVR", "V1", "V4"), ("II", "aVL", "V2", "V5"), ("III", "aVF", "V3", "V6"))
RHYTHM = "II"

#: Pixels of a millimetre; millimetres of a second, and of a millivolt.
MM, SECOND, MILLIVOLT = 5, 25, 10
#: Seconds of the strip; a lead has a quarter of them.
STRIP_S = 10.0
#: Margin, room for the pulse of one millivolt, height of a row, and what stands above the rows.
MARGIN, PULSE, ROW, HEAD = 5, 10, 30, 15
WIDTH = round(2 * MARGIN + PULSE + STRIP_S * SECOND) * MM
HEIGHT = (HEAD + 4 * ROW + MARGIN) * MM
#: Half of how thick the curve is, in pixels.
PEN = 0.9

#: Paper, thin and thick lines, and ink from pale to full.
COLOURS = "fffaf8 fbdcd6 f0a8a0 c9bcba 8f8583 4d4746 141010"
PAPER, THIN, THICK, INK = 0, 1, 2, (2, 3, 4, 5, 6)
#: Five bits in each of seven rows.
FONT: Mapping[str, str] = {
    "0": "0e11131519110e", "1": "040c040404040e", "2": "0e11010204081f", "3": "1f02040201110e",
    "4": "02060a121f0202", "5": "1f101e0101110e", "6": "0608101e11110e", "7": "1f010204080808",
    "8": "0e11110e11110e", "9": "0e11110f01020c", "/": "00010204081000", "A": "0e11111f111111",
    "D": "1c12111111121c", "E": "1f10101e10101f", "F": "1f10101e101010", "I": "0e04040404040e",
    "L": "1010101010101f", "M": "111b1515111111", "R": "1e11111e141211", "S": "0f10100e01011e",
    "T": "1f040404040404", "U": "1111111111110e", "V": "11111111110a04", "a": "00000e010f110f",
    "i": "04000c0404040e", "m": "00001a15151515", "n": "00001619111111", "s": "00000f100e011e",
    " ": "00000000000000",
}  # fmt: skip


@lru_cache(maxsize=64)
def drawn(shows: tuple[str, ...], rate: float) -> bytes:
    """A PNG. ``shows`` as an examination tells it; ``rate`` in beats a minute."""
    picture = _paper()
    _write(picture, MARGIN, 3, f"{rate:.0f}/min")
    _write(picture, MARGIN + 100, 3, "SIMULATED")
    _write(picture, MARGIN + 200, 3, f"{SECOND} mm/s  {MILLIVOLT} mm/mV")
    leads, moments = _leads(shows), list(_moments(rate, is_hidden="not_readable" in shows))
    for row, names in enumerate((*SHEET, (RHYTHM,))):
        zero = (HEAD + row * ROW + ROW * 0.6) * MM
        _draw(picture, zero, MARGIN * MM, [0.0] * 24 + [1.0] * 52 + [0.0] * 25)
        wide = (len(moments) - 1) // len(names)
        for column, name in enumerate(names):
            left = (MARGIN + PULSE) * MM + column * wide // 2
            theirs = moments[column * wide : (column + 1) * wide + 1]
            values = [sum(map(mul, leads[name], heights)) for heights in theirs]
            _draw(picture, zero, left, values)
            _write(picture, left / MM + 1, HEAD + row * ROW + 2, name)
    return _png(picture)


def _leads(shows: Collection[str]) -> dict[str, Waves]:
    """Each lead's waves, then its ST segment, then the noise. Of the six of the limbs two are
    measured, and the others are what Einthoven and Goldberger make of them."""
    raised = ELEVATED if "st_elevation" in shows else {}
    found = {name: (*waves, *[raised.get(name, 0.0)] * 2) for name, waves in NORMAL.items()}
    for name, of_one, of_two in DERIVED:
        pairs = zip(found["I"], found["II"], strict=True)
        found[name] = tuple(of_one * one + of_two * two for one, two in pairs)
    return {name: (*waves, 1.0) for name, waves in found.items()}


def _moments(rate: float, *, is_hidden: bool) -> Iterator[Waves]:
    """Of every half pixel of the strip how much there is of each wave, and of noise."""
    apart = 60 / rate
    pace = min(1.0, math.sqrt(apart))
    near = [(at, w) if abs(at) < 0.1 else (at * pace, w * pace) for at, w in TIMES]
    before = 3 * near[0][1] - near[0][0]
    for place in range(round(STRIP_S * SECOND * MM) * 2 + 1):
        t = place / (SECOND * MM * 2)
        since = (t - FIRST_S + before) % apart - before
        noise = sum(a * math.sin(math.tau * f * t) for a, f in NOISE) if is_hidden else 0.0
        yield (*(math.exp(-(((since - at) / w) ** 2) / 2) for at, w in near), noise)


def _paper() -> Picture:
    """Lines every millimetre, thick ones every fifth."""
    thin = bytes(THIN if x % MM == 0 else PAPER for x in range(WIDTH))
    plain = bytes(THICK if x % (5 * MM) == 0 else value for x, value in enumerate(thin))
    lines = {0: bytes([THICK]) * WIDTH}
    thinly = bytes(max(value, THIN) for value in plain)
    return [
        bytearray(lines.get(y % (5 * MM)) or (thinly if y % MM == 0 else plain))
        for y in range(HEIGHT)
    ]


def _draw(picture: Picture, zero: float, left: int, values: Sequence[float]) -> None:
    """A curve, two values a pixel; in each column from its least to its greatest, its ends pale by
    what they cover of a pixel."""
    heights = [zero - value * MILLIVOLT * MM for value in values]
    for x, place in enumerate(range(0, len(heights) - 1, 2), left):
        here = heights[place : place + 3]
        top, bottom = max(0.0, min(here) - PEN), min(HEIGHT - 1.0, max(here) + PEN)
        for y in range(int(top), int(bottom) + 1):
            covered = min(bottom, y + 1) - max(top, y)
            picture[y][x] = max(picture[y][x], INK[round(covered * 4)])


def _write(picture: Picture, left: float, top: float, words: str) -> None:
    """Words, each dot two pixels wide, from a place in millimetres on."""
    for number, letter in enumerate(words):
        for row, bits in enumerate(bytes.fromhex(FONT[letter])):
            for column in (c for c in range(5) if bits >> (4 - c) & 1):
                x, y = round(left * MM) + (number * 6 + column) * 2, round(top * MM) + row * 2
                for line in picture[y : y + 2]:
                    line[x : x + 2] = bytes([INK[-1]]) * 2


def _png(picture: Picture) -> bytes:
    head = struct.pack(">IIBBBBB", WIDTH, HEIGHT, 8, 3, 0, 0, 0)
    rows = zlib.compress(b"".join(b"\0" + line for line in picture))
    parts = (b"IHDR", head), (b"PLTE", bytes.fromhex(COLOURS)), (b"IDAT", rows), (b"IEND", b"")
    told = (
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        for kind, body in parts
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(told)
