"""A picture folded from events: in any order of them to the same, a repeat to no other."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

from schemas.clinical import (
    BackgroundTold,
    ExaminationDone,
    FindingRecorded,
    LevelOverridden,
    ObservationReattributed,
    ObservationRetracted,
    ScaleScored,
    TreatmentGiven,
    VitalSignsRecorded,
)
from schemas.event import Event
from services.triage import words
from services.triage.measured import in_gap, measured
from services.triage.picture import Picture, Samples, is_streamed, values_of

#: What a decision accounts for.
CLINICAL = (
    VitalSignsRecorded,
    FindingRecorded,
    ExaminationDone,
    ScaleScored,
    TreatmentGiven,
    BackgroundTold,
    ObservationRetracted,
    ObservationReattributed,
    LevelOverridden,
)


def fold(picture: Picture, event: Event, now: datetime, stale: timedelta) -> Picture:
    """Take in an event. A repeat, or one that is not triage's, returns the same picture.

    A streamed sample older than ``stale`` was sent after a gap: it is kept apart, for what it says
    of then, and is never what holds now. A time in the future is a wrong clock: the event counts as
    of ``now``, lest it hides what comes after.
    """
    change = _CHANGES.get(type(event))
    if change is None:
        return picture
    streamed = is_streamed(event)
    memory = picture.memory.with_(event, streamed, now, stale)
    if memory is None:
        return picture
    if streamed and picture.given and _is_given(picture, event):
        update = {}
    elif streamed and now - event.occurred_at > stale:
        update = in_gap(picture, event, event.occurred_at)
    else:
        update = change(picture, event, min(event.occurred_at, now))
    if isinstance(event, CLINICAL):
        update["pending"] = (*picture.pending, event.event_id)
    return picture.but(memory=memory, **update)


def _is_given(picture: Picture, event: Any) -> bool:
    return any(given.holds(event.device_id or "", event.occurred_at) for given in picture.given)


def as_said(picture: Picture, event: Event, now: datetime) -> Picture:
    """The picture in which what a human says stands against anything newer.

    A human's word counts for ``worst`` when it comes, even where a monitor has sent newer values
    since, or where it was entered late.
    """
    if isinstance(event, VitalSignsRecorded):
        said = {name for name, _ in values_of(event.vitals)}
        bare: dict[str, object] = {
            "streams": {n: s for n, s in picture.streams.items() if n not in said},
            "readings": {n: s for n, s in picture.readings.items() if n not in said},
        }
    elif isinstance(event, FindingRecorded):
        bare = {"signs": {n: w for n, w in picture.signs.items() if n != event.finding}}
    else:
        return picture
    before = picture.but(**bare)
    change = _CHANGES[type(event)]
    return before.but(**change(before, event, min(event.occurred_at, now)))


def as_streamed(before: Picture, after: Picture, event: Event) -> Picture | None:
    """The picture in which a monitor's sample stands against anything newer; none when nothing
    newer stands against it.

    A sample that came late, or that a human's newer reading hides, still counts for ``worst``.
    """
    if not isinstance(event, VitalSignsRecorded):
        return None
    then: dict[str, Samples] = {}
    for name, _ in values_of(event.vitals):
        for kept, was in ((after.late, before.late), (after.gap, before.gap)):
            if name in kept and kept[name] is not was.get(name):
                then[name] = kept[name]
        newest = after.streams[name][-1] if name in after.streams else None
        reading = after.readings[name][-1] if name in after.readings else None
        if name not in then and newest and reading and reading.at >= newest.at:
            then[name] = after.streams[name]
    if not then:
        return None
    bare = {n: s for n, s in after.readings.items() if n not in then}
    return after.but(streams={**after.streams, **then}, readings=bare)


_CHANGES: Mapping[type[Event], Callable[[Picture, Any, datetime], dict[str, Any]]] = {
    **words.CHANGES,
    VitalSignsRecorded: measured,
}
