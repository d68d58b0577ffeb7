"""What every event has: an id, the time it happened at its source, and the time we learned it."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from functools import cache
from typing import Annotated, Any, ClassVar, Self, TypeVar

from pydantic import (
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
)

#: An identifier that may stand in a key, a log or a URL: it never holds a name or a number
#: of a person. Case numbers of other systems are strings: leading zeros and letters stay.
Identifier = Annotated[
    str, StringConstraints(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9][A-Za-z0-9._:-]*$")
]
#: Free text of a caller or a crew. Never logged. No database keeps the character NUL.
Text = Annotated[str, StringConstraints(max_length=500, pattern=r"^[^\x00]*$")]

_PHONE = r"^[0-9+ -]{2,20}$"


def _dialled(raw: Any) -> Any:
    """Says in words what the pattern says."""
    if isinstance(raw, str) and not re.fullmatch(_PHONE, raw):
        raise ValueError("digits, blanks, + and - only, 2 to 20 of them")
    return raw


#: Of a department, a team or a vehicle, never of a patient.
Phone = Annotated[str, StringConstraints(pattern=_PHONE), BeforeValidator(_dialled)]


def _written(raw: Any) -> Any:
    """A number may be seconds or milliseconds of anything: it is no time."""
    if isinstance(raw, int | float) or (isinstance(raw, str) and raw[4:5] != "-"):
        raise ValueError("a time is written like 2026-03-09T14:12:00+08:00")
    return raw


#: A time with its zone. A wrong clock is corrected; what lies outside these years is no time.
Moment = Annotated[
    AwareDatetime,
    Field(ge=datetime(1900, 1, 1, tzinfo=UTC), lt=datetime(2200, 1, 1, tzinfo=UTC)),
    BeforeValidator(_written),
]


ValueT = TypeVar("ValueT", bound=BaseModel)


class Value(BaseModel):
    """A frozen value. Unknown fields of a newer writer are passed over, never an error.

    What is wrong with one is told without what it holds.
    """

    model_config = ConfigDict(
        frozen=True, extra="ignore", allow_inf_nan=False, hide_input_in_errors=True
    )

    def but(self, **changes: Any) -> Self:
        """The same with some fields otherwise. Nothing is checked: for values made here."""
        return _made(type(self), {**self.__dict__, **changes})

    @classmethod
    def made(cls, **fields: Any) -> Self:
        """A value of which every field is given, right as it is. Nothing is checked or filled in,
        which costs a tenth of what a check does."""
        return _made(cls, fields)


_set = object.__setattr__


def _made(cls: type[ValueT], fields: dict[str, Any]) -> ValueT:
    value = object.__new__(cls)
    _set(value, "__dict__", fields)
    _set(value, "__pydantic_fields_set__", _all_fields(cls))
    _set(value, "__pydantic_extra__", None)
    _set(value, "__pydantic_private__", None)
    return value


@cache
def _all_fields(cls: type[BaseModel]) -> set[str]:
    return set(cls.model_fields)


class Event(Value):
    """Something that happened, named in the past participle.

    ``event_id`` is the sender's, or made from the content, so that a repeat is the same event.
    ``occurred_at`` is the time at the source (a device's clock error already taken out),
    ``recorded_at`` the time we learned it; on telemetry topics the broker stamps the latter.
    """

    #: A later version is a class of its own, beside the earlier one and named after it: ``…V2``.
    VERSION: ClassVar[int] = 1

    event_id: Identifier = Field(
        description="The sender's, or made from the content: a repeat has the same."
    )
    occurred_at: Moment = Field(description="When it happened at its source.")
    recorded_at: Moment | None = Field(default=None, description="When we learned it.")

    @classmethod
    def named(cls) -> str:
        """The name of the event, whichever version this is."""
        return cls.__name__.removesuffix(f"V{cls.VERSION}")
