"""Reads the clocks that a site keeps, and its roads. What is wrong is told by file, place and
reason."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import TypeVar

from pydantic import TypeAdapter, ValidationError

from schemas.envelope import complaint
from services.dispatch.clock import Clock
from services.dispatch.fleet import Fleet
from services.dispatch.road import Roads
from services.kit.documents import NoDocument, read_yaml

SHIPPED = files("services.dispatch") / "clocks.yaml"
FLEET = files("services.dispatch") / "fleet.yaml"
_FLEET: TypeAdapter[Fleet] = TypeAdapter(Fleet)
ROADS = files("services.dispatch") / "roads.yaml"
_ROADS: TypeAdapter[Roads] = TypeAdapter(Roads)
_CLOCKS: TypeAdapter[dict[str, Clock]] = TypeAdapter(dict[str, Clock])

T = TypeVar("T")


class DispatchRefused(Exception):
    """A file of the site does not load; the message says what to mend."""


def clocks(path: Path | Traversable = SHIPPED) -> Mapping[str, Clock]:
    """The clocks by name. Raises ``DispatchRefused``, also where one of the shipped is missing."""
    found = _read(path, _CLOCKS)
    if missing := sorted(clocks().keys() - found.keys()) if path is not SHIPPED else []:
        raise DispatchRefused(f"{path.name}: no {', '.join(missing)}")
    return found


def roads(path: Path | Traversable = ROADS) -> Roads:
    """The roads of the region. Raises ``DispatchRefused``."""
    return _read(path, _ROADS)


def fleet(path: Path | Traversable = FLEET) -> Fleet:
    """What the site decides of its fleet. Raises ``DispatchRefused``."""
    return _read(path, _FLEET)


def _read(path: Path | Traversable, kind: TypeAdapter[T]) -> T:
    try:
        return kind.validate_python(read_yaml(path), extra="forbid")
    except (OSError, NoDocument) as error:
        raise DispatchRefused(f"{path.name}: {error}") from error
    except ValidationError as error:
        raise DispatchRefused(f"{path.name}: {complaint(error)}") from error
