"""Which events a picture has taken in lately, so that a repeat changes nothing."""

from __future__ import annotations

import hashlib
from base64 import b64encode
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import NamedTuple

from schemas.event import Event
from schemas.repeats import digest_of

#: What a human did is remembered for as long as a case lasts.
REMEMBERED_S = 24 * 3600
#: Until a sample is stale so many boxes are filled, one after the other.
BOXES = 4
#: So many characters of a box are one sample: a state is stored with each of them, and a database
#: takes a few long words more lightly than hundreds of short ones.
WIDE = 12


class Memory(NamedTuple):
    """Ids, shortened. A sample is remembered until it is stale: from then on its time alone keeps a
    repeat from deciding anything. So that little is copied, samples lie in boxes: in the first
    those since the second ``since``, and those before it in the others."""

    since: int = 0
    boxes: tuple[str, ...] = ()
    #: What humans did, with the second until which it is remembered.
    acts: Mapping[str, int] = {}

    def with_(self, event: Event, streamed: bool, now: datetime, stale: timedelta) -> Memory | None:
        """The same with one more; none when it is known already."""
        since, boxes, acts = self
        second = int(now.timestamp())
        if not streamed:
            said = f"{type(event).__name__}/{event.event_id}/{digest_of(event)}"
            name = _digest(said).hex()
            if name in acts:
                return None
            # Acts are forgotten by the samples' own clock alone: where that log is read late,
            # others run ahead, and by their time all that may still come twice would be forgotten.
            return Memory(since, boxes, {**acts, name: second + REMEMBERED_S})
        digest = _digest(f"{event.device_id}/{event.event_id}")  # type: ignore[attr-defined]
        name = b64encode(digest).decode()[: WIDE - 1] + " "
        for box in boxes:
            if name in box:
                return None
        if boxes and second - since <= stale.total_seconds() / BOXES:
            return Memory(since, (boxes[0] + name, *boxes[1:]), acts)
        left = {act: until for act, until in acts.items() if until >= second}
        return Memory(second, (name, *boxes[:BOXES]), left)


def _digest(name: str) -> bytes:
    """Senders number for themselves: each monitor its samples; and what a human did is another act
    when it says something else."""
    return hashlib.blake2b(name.encode(), digest_size=8).digest()
