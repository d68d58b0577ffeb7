"""What every writing request says: when it occurred."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from schemas.event import Moment


class Body(BaseModel):
    """A request about something that occurred. Unknown fields are refused, never lost."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", allow_inf_nan=False, hide_input_in_errors=True
    )

    occurred_at: Moment
