"""What a caller may be."""

from __future__ import annotations

from enum import StrEnum


class Role(StrEnum):
    """What a caller is. A route names the roles it is open to."""

    DISPATCHER = "dispatcher"
    CREW = "crew"
    CENTRE = "centre"
    PRIMARY_CARE = "primary_care"
    OPS = "ops"
    ADMIN = "admin"


#: Who belongs to a facility, and sees nothing of another.
CONFINED = frozenset({Role.CENTRE, Role.PRIMARY_CARE})
