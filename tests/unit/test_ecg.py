"""The picture of an ECG: a sheet that says what the examination says."""

from __future__ import annotations

import struct
import time
import zlib

import pytest

from simulator import ecg

#: Rows of the sheet and places in a row of the leads that are looked at.
PLACES = {
    name: (row, column) for row, names in enumerate(ecg.SHEET) for column, name in enumerate(names)
}
REST_S, SEGMENT_S = -0.3, 0.13


def chunks(png: bytes) -> dict[bytes, bytes]:
    assert png.startswith(b"\x89PNG\r\n\x1a\n")
    found, place = {}, 8
    while place < len(png):
        (size,) = struct.unpack_from(">I", png, place)
        kind, body = png[place + 4 : place + 8], png[place + 8 : place + 8 + size]
        (checked,) = struct.unpack_from(">I", png, place + 8 + size)
        assert checked == zlib.crc32(kind + body)
        found[kind], place = body, place + 12 + size
    return found


def lines(png: bytes) -> list[bytes]:
    """The picture's pixels, by line."""
    raw, wide = zlib.decompress(chunks(png)[b"IDAT"]), ecg.WIDTH + 1
    assert len(raw) == wide * ecg.HEIGHT
    found = [raw[y * wide : (y + 1) * wide] for y in range(ecg.HEIGHT)]
    assert {line[0] for line in found} == {0}
    return [line[1:] for line in found]


def height(png: bytes, row: int, seconds: float) -> float:
    """Where the curve of a row lies at a time of the strip, in millimetres above its line."""
    x = round((ecg.MARGIN + ecg.PULSE + seconds * ecg.SECOND) * ecg.MM)
    top = (ecg.HEAD + row * ecg.ROW + 6) * ecg.MM  # below the name of the lead
    sheet = lines(png)
    inked = [y for y in range(top, top + 24 * ecg.MM) if sheet[y][x] == ecg.INK[-1]]
    zero = (ecg.HEAD + row * ecg.ROW + ecg.ROW * 0.6) * ecg.MM
    return (zero - sum(inked) / len(inked)) / ecg.MM


def raised(png: bytes, name: str) -> float:
    """How far the ST segment of a lead lies above its rest, in millimetres. At 60 beats a minute
    one beat a second is looked at, the second of the lead's own."""
    row, column = PLACES[name]
    beat = ecg.FIRST_S + int(column * 2.5 + 1)
    return height(png, row, beat + SEGMENT_S) - height(png, row, beat + REST_S)


def test_the_same_is_drawn_with_the_same_bytes_and_they_are_few() -> None:
    for shows in (("st_elevation",), (), ("not_readable",)):
        drawn = ecg.drawn(shows, 88)
        ecg.drawn.cache_clear()
        began = time.perf_counter()
        assert ecg.drawn(shows, 88) == drawn
        assert time.perf_counter() - began < 2, "well below what anybody would notice, if alone"
        assert len(drawn) < 100_000
        told = chunks(drawn)
        assert struct.unpack(">IIBB", told[b"IHDR"][:10]) == (ecg.WIDTH, ecg.HEIGHT, 8, 3)
        assert max(max(line) for line in lines(drawn)) < len(told[b"PLTE"]) // 3


@pytest.mark.parametrize(
    ("name", "least", "most"),
    [
        ("II", 1.5, 3.0),
        ("III", 2.0, 5.0),
        ("aVF", 2.0, 4.0),
        ("I", -2.0, -0.5),
        ("aVL", -3.0, -1.0),
        ("V5", -0.3, 0.3),
    ],
)
def test_st_elevation_is_seen_below_and_mirrored_in_front(
    name: str, least: float, most: float
) -> None:
    assert least < raised(ecg.drawn(("st_elevation",), 60), name) < most
    assert abs(raised(ecg.drawn(("no_st_elevation",), 60), name)) < 0.5


@pytest.mark.parametrize("rate", [36, 60, 88, 150])
def test_the_rhythm_is_the_one_of_the_monitor(rate: int) -> None:
    """So many R waves stand in ten seconds, each a millivolt high."""
    zero = (ecg.HEAD + 3 * ecg.ROW + ecg.ROW * 0.6) * ecg.MM
    line = lines(ecg.drawn((), rate))[round(zero - 0.8 * ecg.MILLIVOLT * ecg.MM)]
    inked = [x for x in range((ecg.MARGIN + ecg.PULSE) * ecg.MM, ecg.WIDTH) if line[x] > ecg.THICK]
    waves = sum(x - before > 5 for before, x in zip([-9, *inked], inked, strict=False))
    assert abs(waves - rate / 6) <= 1


def test_limb_leads_fit_each_other() -> None:
    """Einthoven: II is I and III together; and the three of Goldberger make nothing."""
    leads = ecg._leads(("st_elevation",))
    one, two, three = (leads[name][:-1] for name in ("I", "II", "III"))
    assert two == pytest.approx([a + b for a, b in zip(one, three, strict=True)])
    vectors = [leads[name][:-1] for name in ("aVR", "aVL", "aVF")]
    assert [sum(each) for each in zip(*vectors, strict=True)] == pytest.approx([0.0] * len(one))


def test_a_picture_that_nobody_can_read_is_another() -> None:
    heights = [
        [height(ecg.drawn(shows, 60), 3, 4.0 + n / 50) for n in range(10)]  # between two beats
        for shows in ((), ("not_readable",))
    ]
    spread = [max(each) - min(each) for each in heights]
    assert spread[0] < 0.5 < 2 < spread[1]
