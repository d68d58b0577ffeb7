"""What every writing request says: when it occurred."""

from __future__ import annotations

from pydantic import AwareDatetime, BaseModel, ConfigDict


class Body(BaseModel):
    """A request about something that occurred. Unknown fields are refused, never lost."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    occurred_at: AwareDatetime
