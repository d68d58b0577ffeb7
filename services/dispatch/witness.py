"""What was said beside what satellites show: stamps, expectations, and where the patient was.

A report, and nobody's accusation: a button is pressed late at a patient who cannot wait, and a
receiver thinks itself elsewhere between houses. What was not seen is not verifiable, no mismatch.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from math import ceil
from typing import Literal

from schemas.event import Value
from services.dispatch.clock import ENDED, Reading, fate
from services.dispatch.leg import SURE, Dispatch
from services.kit.figures import percentile


class Differences(Value):
    """One stamp by both witnesses: how much later the button was than satellites saw it; below 0
    where it was earlier. Absent without samples."""

    both: int
    reported_only: int
    seen_only: int
    p10_s: float | None = None
    p50_s: float | None = None
    p90_s: float | None = None


class Error(Value):
    """By how much what was expected was wrong, either way."""

    measured: int
    #: It was expected, and nobody saw it come.
    missing: int
    p50_s: float | None = None
    p90_s: float | None = None


class Distances(Value):
    """How far something was from where it was said to be, in metres."""

    measured: int
    p50_m: float | None = None
    p90_m: float | None = None


#: Each stamp as it is reported, and as satellites show it.
WITNESSED = (
    ("departed", "departed", "seen_to_depart"),
    ("on_scene", "on_scene", "seen_on_scene"),
    ("left_scene", "left_scene", "seen_left_scene"),
    ("at_destination", "at_destination", "seen_at_destination"),
)


#: Whether satellites show a departure as it was reported: as its indicator counts both; they show
#: another; or they were not looking closely enough to know.
Witnessed = Literal["confirmed", "contradicted", "unsure"]


def witnessed(said: Reading, seen: Reading, limit: timedelta) -> Witnessed:
    """How a reported departure stands to what satellites saw of it, by the three-minute clock. What
    they saw is unsure where it lies on both sides of the limit, unless they still saw the unit
    stand when it had left by what was said."""
    shown = fate(seen, limit)
    if shown in ENDED:
        return "confirmed" if shown is fate(said, limit) else "contradicted"
    stood = seen.not_before
    is_early = stood is not None and said.ended is not None and stood - said.ended > SURE
    return "contradicted" if is_early else "unsure"


def differences(dispatches: Sequence[Dispatch]) -> Mapping[str, Differences]:
    """Each stamp by both witnesses."""
    found = {}
    for name, reported, seen in WITNESSED:
        pairs = [(getattr(each, reported), _seen(each, seen)) for each in dispatches]
        late = sorted(said - saw for said, saw in pairs if said is not None and saw is not None)
        found[name] = Differences(
            both=len(late),
            reported_only=sum(said is not None and saw is None for said, saw in pairs),
            seen_only=sum(said is None and saw is not None for said, saw in pairs),
            p10_s=percentile(late, 10),
            p50_s=percentile(late, 50),
            p90_s=percentile(late, 90),
        )
    return found


def _seen(dispatch: Dispatch, name: str) -> datetime | None:
    """When satellites saw it, where they looked shortly before."""
    at: datetime | None = getattr(dispatch, name)
    if name != "seen_to_depart" or at is None:
        return at
    before = dispatch.seen_not_before
    return at if before is not None and at - before <= SURE else None


def expectations(dispatches: Sequence[Dispatch]) -> Mapping[str, Error]:
    """What was expected as a unit set out, beside when satellites saw it come."""
    return {
        "on_scene": _error((d.expected_on_scene, d.seen_on_scene) for d in dispatches),
        "at_destination": _error(
            (d.expected_at_destination, d.seen_at_destination) for d in dispatches
        ),
    }


def _error(pairs: Iterable[tuple[datetime | None, datetime | None]]) -> Error:
    expected = [(wanted, came) for wanted, came in pairs if wanted is not None]
    wrong = sorted(abs(came - wanted) for wanted, came in expected if came is not None)
    return Error(
        measured=len(wrong),
        missing=len(expected) - len(wrong),
        p50_s=percentile(wrong, 50),
        p90_s=percentile(wrong, 90),
    )


def locations(dispatches: Sequence[Dispatch]) -> Mapping[str, Distances]:
    """How far from where the patient was said to be a unit stood, by who had said it."""
    found: dict[str, list[float]] = defaultdict(list)
    for each in dispatches:
        if each.scene_off_m is not None:
            found[each.scene_source or "unknown"].append(each.scene_off_m)
    return {source: _distances(sorted(off)) for source, off in sorted(found.items())}


def _distances(ordered: Sequence[float]) -> Distances:
    return Distances(
        measured=len(ordered),
        p50_m=ordered[ceil(len(ordered) * 0.5) - 1],
        p90_m=ordered[ceil(len(ordered) * 0.9) - 1],
    )
