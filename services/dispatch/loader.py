"""Reads the clocks that a site keeps. What is wrong is told by file, clock and reason."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

import yaml
from pydantic import TypeAdapter, ValidationError

from schemas.envelope import complaint
from services.dispatch.clock import Clock

SHIPPED = files("services.dispatch") / "clocks.yaml"
_CLOCKS: TypeAdapter[dict[str, Clock]] = TypeAdapter(dict[str, Clock])


class ClocksRefused(Exception):
    """The clocks do not load; the message says what to mend."""


def clocks(path: Path | Traversable = SHIPPED) -> Mapping[str, Clock]:
    """The clocks by name. Raises ``ClocksRefused``, also where one of the shipped is not there."""
    try:
        raw = yaml.safe_load(path.read_text(encoding="utf-8"))
        found = _CLOCKS.validate_python(raw, extra="forbid")
    except (OSError, yaml.YAMLError) as error:
        raise ClocksRefused(f"{path.name}: {error}") from error
    except ValidationError as error:
        raise ClocksRefused(f"{path.name}: {complaint(error)}") from error
    if missing := sorted(clocks().keys() - found.keys()) if path is not SHIPPED else []:
        raise ClocksRefused(f"{path.name}: no {', '.join(missing)}")
    return found
