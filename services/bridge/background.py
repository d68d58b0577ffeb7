"""What was told of a patient's background: of each field the last word."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from schemas.background import Background, KnownBackground, LastWord
from schemas.clinical import BackgroundTold

FIELDS = tuple(Background.model_fields)


def with_(
    told: Sequence[BackgroundTold], event: BackgroundTold, now: datetime, most: int
) -> tuple[BackgroundTold, ...]:
    """With one more. Of many the last ``most`` stay, and any that still is the word on a field.

    A time in the future is a wrong clock: it counts as of ``now``, lest it hides what comes after.
    """
    every = (*told, event.but(occurred_at=min(event.occurred_at, now)))
    if len(every) <= most:
        return every
    standing = {each.event_id for each in _words(every).values()}
    return tuple(
        each
        for n, each in enumerate(every, most - len(every))
        if n >= 0 or each.event_id in standing
    )


def background_of(told: Sequence[BackgroundTold]) -> KnownBackground | None:
    """The background as now known; None where nobody has told any of it."""
    words = _words(told)
    if not words:
        return None
    said = tuple(
        LastWord.model_validate({"field": name, "at": event.occurred_at, "told_by": event.told_by})
        for name, event in words.items()
    )
    known = {name: getattr(event.background, name) for name, event in words.items()}
    return KnownBackground(**known, said=said)


def _words(told: Sequence[BackgroundTold]) -> Mapping[str, BackgroundTold]:
    """Of each field the event that holds; of two of one time the one that came later."""
    in_order = sorted(told, key=lambda event: event.occurred_at)
    last = {
        name: event
        for event in in_order
        for name in FIELDS
        if getattr(event.background, name) is not None
    }
    return {name: last[name] for name in FIELDS if name in last}
