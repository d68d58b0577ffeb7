"""What is told of a failure: its class and where it happened, and its words only where they are our
own. Those of a library may quote what it was given, and that may be a patient's."""

from __future__ import annotations

import traceback
from collections.abc import Iterator

_OURS = {"schemas", "services", "simulator", "web"}


def said(error: BaseException) -> str:
    """Its class; with its words, where we have written them or the system has."""
    kind = type(error)
    if kind.__module__.partition(".")[0] in _OURS or isinstance(error, OSError):
        return f"{kind.__name__}: {error}"
    return kind.__name__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__name__}"


def traced(error: BaseException) -> str:
    """As Python tells it: what led to it first, and each with the lines of code it went through."""
    return "\n\n".join(reversed(list(_chain(error))))


def _chain(error: BaseException | None) -> Iterator[str]:
    told = set[int]()
    while error is not None and id(error) not in told:
        told.add(id(error))
        parts = error.exceptions if isinstance(error, BaseExceptionGroup) else ()
        lines = ["Traceback (most recent call last):\n", *traceback.format_tb(error.__traceback__)]
        yield "\n\n".join([*map(traced, parts), "".join(lines) + said(error)])
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
