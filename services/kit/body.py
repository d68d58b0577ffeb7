"""What every writing request says: when it occurred."""

from __future__ import annotations

from typing import Annotated, Any, TypeVar

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    TypeAdapter,
)
from pydantic_core import CoreSchema, core_schema

from schemas.event import Moment

T = TypeVar("T")


class Body(BaseModel):
    """A request about something that occurred. Unknown fields are refused, never lost."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", allow_inf_nan=False, hide_input_in_errors=True
    )

    occurred_at: Moment = Field(description="When it happened; not when it was sent.")


class _NothingUnknown:
    def __get_pydantic_core_schema__(
        self, source: type[Any], handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        adapter = TypeAdapter(source)

        def check(raw: Any) -> Any:
            made = isinstance(raw, source)
            return raw if made else adapter.validate_python(raw, extra="forbid")

        return core_schema.no_info_before_validator_function(check, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        described = handler(schema)
        if handler.mode == "validation":
            handler.resolve_ref_schema(described)["additionalProperties"] = False
        return described


#: A value of the contract inside a body. On a topic unknown fields come from a newer writer and
#: are passed over; a caller who writes ``hr`` for ``heart_rate`` has to hear of it.
Exactly = Annotated[T, _NothingUnknown()]
