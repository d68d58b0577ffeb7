"""Reads what facilities keep. What is wrong is told by file, place and reason."""

from __future__ import annotations

from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

from pydantic import ValidationError

from schemas.envelope import complaint
from schemas.handoff import Owed
from services.bridge.facility import Facilities
from services.kit.documents import NoDocument, read_yaml

SHIPPED = files("services.bridge") / "facilities.yaml"


class FacilitiesRefused(Exception):
    """A file of the site does not load; the message says what to mend."""


def facilities(path: Path | Traversable | None = None) -> Facilities:
    """What the facilities of this region keep; without ``all`` the shipped one holds. Raises
    ``FacilitiesRefused``, also where a term is missing: what is not asked for is never late; or
    what holds for beds."""
    file = path or SHIPPED
    try:
        given = read_yaml(file)
        if isinstance(given, dict) and "all" not in given:
            given = {"all": read_yaml(SHIPPED)["all"], **given}
        found = Facilities.model_validate(given, extra="forbid")
    except (OSError, NoDocument) as error:
        raise FacilitiesRefused(f"{file.name}: {error}") from error
    except ValidationError as error:
        raise FacilitiesRefused(f"{file.name}: {complaint(error)}") from error
    if missing := sorted(set(Owed) - found.all.terms.keys()):
        raise FacilitiesRefused(f"{file.name}: all has no term for {', '.join(missing)}")
    if found.all.beds is None:
        raise FacilitiesRefused(f"{file.name}: all says nothing of beds")
    return found
