"""Reads the clocks that a site keeps. What is wrong is told by file, clock and reason."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from schemas.envelope import complaint
from services.dispatch.clock import Clock
from services.kit.documents import NoDocument, read_yaml

SHIPPED = files("services.dispatch") / "clocks.yaml"
_CLOCKS: TypeAdapter[dict[str, Clock]] = TypeAdapter(dict[str, Clock])


class ClocksRefused(Exception):
    """The clocks do not load; the message says what to mend."""


def clocks(path: Path | Traversable = SHIPPED) -> Mapping[str, Clock]:
    """The clocks by name. Raises ``ClocksRefused``, also where one of the shipped is not there."""
    try:
        found = _CLOCKS.validate_python(read_yaml(path), extra="forbid")
    except (OSError, NoDocument) as error:
        raise ClocksRefused(f"{path.name}: {error}") from error
    except ValidationError as error:
        raise ClocksRefused(f"{path.name}: {complaint(error)}") from error
    if missing := sorted(clocks().keys() - found.keys()) if path is not SHIPPED else []:
        raise ClocksRefused(f"{path.name}: no {', '.join(missing)}")
    return found
