"""What a facility has free, with its age and who says so."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from schemas.event import Event, Identifier, Value
from schemas.handoff import Department


class Beds(Value):
    """Beds of one department. ``free`` is what could be given now; staffed, not merely standing."""

    department: Department
    free: Annotated[int, Field(ge=0)]
    staffed: Annotated[int, Field(ge=0)] | None = None


class CapacityReported(Event):
    """A facility said what it has free. Old capacity is unknown, whatever it says.

    ``divert`` is advice to send elsewhere. A hospital may not refuse: dispatch decides.
    """

    facility_id: Identifier
    staff_id: Identifier
    beds: tuple[Beds, ...]
    divert: bool = False
