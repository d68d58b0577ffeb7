"""Bands of a measured number: contiguous, each end named once, the last one open."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from functools import cached_property
from math import inf, nextafter
from typing import Annotated, Generic, TypeVar

from pydantic import BaseModel, ConfigDict, Field, model_validator


class Rule(BaseModel):
    """A part of a protocol: frozen, and no word in it that nobody knows."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", allow_inf_nan=False, hide_input_in_errors=True
    )


class Band(Rule):
    """Values up to an end that is excluded (``below``), included (``through``), or open."""

    below: float | None = None
    through: float | None = None

    @model_validator(mode="after")
    def _check(self) -> Band:
        if self.below is not None and self.through is not None:
            raise ValueError("a band ends below or through, not both")
        return self

    @property
    def end(self) -> float:
        """The first value beyond the band."""
        if self.below is not None:
            return self.below
        return inf if self.through is None else nextafter(self.through, inf)

    @property
    def edge(self) -> float | None:
        """The number that its end is written with."""
        return self.below if self.below is not None else self.through

    @property
    def end_text(self) -> str:
        """The end as it is written."""
        if self.below is not None:
            return f"< {self.below:g}"
        return "open" if self.through is None else f"≤ {self.through:g}"


BandT = TypeVar("BandT", bound=Band)


class Bands(Rule, Generic[BandT]):
    """Bands from low to high. Where published ends overlap, the more urgent band has the value."""

    bands: Annotated[tuple[BandT, ...], Field(min_length=2)]

    @model_validator(mode="after")
    def _contiguous(self) -> Bands[BandT]:
        for number, (one, other) in enumerate(zip(self.bands, self.bands[1:], strict=False)):
            if other.end <= one.end:
                raise ValueError(
                    f"overlap: band {number + 1} ends {one.end_text}, band {number + 2} no later "
                    f"({other.end_text})"
                )
        if self.bands[-1].end != inf:
            raise ValueError(f"gap: no band beyond {self.bands[-1].end_text}; leave the last open")
        return self

    @cached_property
    def ends(self) -> tuple[float, ...]:
        """Where each band but the last ends: the first value beyond it."""
        return tuple(band.end for band in self.bands[:-1])

    def number(self, value: float) -> int:
        """The number of the band that holds ``value``."""
        return bisect_right(self.ends, value)

    def span(self, number: int) -> tuple[float | None, float | None]:
        """Where the band begins and ends, none where it is open."""
        band, before = self.bands[number], self.bands[number - 1] if number else None
        return before.edge if before else None, band.edge

    def range_text(self, number: int) -> str:
        """The band in mathematical signs, such as ``< 40`` or ``40–50``."""
        return range_text(self.bands, number)


def range_text(bands: Sequence[Band], number: int) -> str:
    """A band in mathematical signs."""
    band, before = bands[number], bands[number - 1] if number else None
    high = band.edge
    if before is None:
        return f"{'<' if band.below is not None else '≤'} {high:g}"
    low = before.edge
    if high is None:
        return f"{'≥' if before.below is not None else '>'} {low:g}"
    return f"{low:g}–{high:g}"
