"""Which acts a state has taken already: a known one changes nothing."""

from __future__ import annotations

import hashlib

from pydantic import BaseModel

from schemas.event import Event, Value

#: A sender repeats within minutes; this many acts on one incident, unit or patient take hours.
REMEMBERED = 256


class Repeats(Value):
    """The acts last taken, oldest first: the name of each, and a digest of what it said."""

    acts: tuple[tuple[str, str], ...] = ()

    def digest(self, name: str) -> str | None:
        """What an act of this name said; none when there was none."""
        return next((digest for known, digest in reversed(self.acts) if known == name), None)

    def with_(self, name: str, digest: str = "") -> Repeats:
        """The same with one more; the oldest is forgotten beyond ``REMEMBERED``."""
        return Repeats.model_construct(acts=(*self.acts, (name, digest))[-REMEMBERED:])


def name_of(event: Event) -> str:
    """An event among those of one subject. Senders number for themselves: the same id may stand
    for acts of different kinds, and at different facilities."""
    facility = getattr(event, "facility_id", None)
    return f"{type(event).__name__}/{event.event_id}" + (f"/{facility}" if facility else "")


def digest_of(content: BaseModel) -> str:
    """What was said, whenever it was recorded."""
    said = content.model_dump_json(exclude={"recorded_at"}, exclude_none=True)
    return hashlib.blake2b(said.encode(), digest_size=8).hexdigest()
