"""What every event has: an id, the time it happened at its source, and the time we learned it."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import AwareDatetime, BaseModel, ConfigDict, StringConstraints

#: An identifier that may stand in a key, a log or a URL: it never holds a name or a number
#: of a person. Case numbers of other systems are strings: leading zeros and letters stay.
Identifier = Annotated[
    str, StringConstraints(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9][A-Za-z0-9._:-]*$")
]
#: Free text of a caller or a crew. Never logged.
Text = Annotated[str, StringConstraints(max_length=500)]


class Value(BaseModel):
    """A frozen value. Unknown fields of a newer writer are passed over, never an error."""

    model_config = ConfigDict(frozen=True, extra="ignore", ser_json_inf_nan="null")


class Event(Value):
    """Something that happened, named in the past participle.

    ``event_id`` is the sender's, or made from the content, so that a repeat is the same event.
    ``occurred_at`` is the time at the source (a device's clock error already taken out),
    ``recorded_at`` the time we learned it; on telemetry topics the broker stamps the latter.
    """

    VERSION: ClassVar[int] = 1

    event_id: Identifier
    occurred_at: AwareDatetime
    recorded_at: AwareDatetime | None = None
