"""Which events a state has taken already: a known id changes nothing."""

from __future__ import annotations

from schemas.event import Identifier, Value

#: A sender repeats within minutes; this many acts on one incident, unit or patient take hours.
REMEMBERED = 256


class Repeats(Value):
    """The ids of the events last taken, oldest first."""

    ids: tuple[Identifier, ...] = ()

    def __contains__(self, event_id: str) -> bool:
        return event_id in self.ids

    def with_(self, event_id: str) -> Repeats:
        """The same with one more; the oldest is forgotten beyond ``REMEMBERED``."""
        return Repeats.model_construct(ids=(*self.ids, event_id)[-REMEMBERED:])
