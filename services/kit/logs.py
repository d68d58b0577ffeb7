"""Logs without patient data."""

from __future__ import annotations

import asyncio
import copy
import logging
import sys
import threading
import warnings
from typing import Any, cast

from pythonjsonlogger.json import JsonFormatter

from services.kit.faults import said, traced
from services.kit.settings import Settings

log = logging.getLogger(__name__)


class _Formatter(JsonFormatter):
    """A JSON object a line; of a failure is told what ``faults`` tells."""

    def formatException(self, ei: Any) -> str:
        return traced(ei[1])

    def format(self, record: logging.LogRecord) -> str:
        record = copy.copy(record)
        record.msg = _plain(record.msg)
        if isinstance(record.args, tuple):
            record.args = tuple(map(_plain, record.args))
        return str(super().format(record))


def _plain(given: Any) -> Any:
    return said(given) if isinstance(given, BaseException) else given


def log_as_json(settings: Settings, service: str) -> None:
    """Send logs to standard output, a JSON object a line; ``action`` is the key to match on. Of
    libraries only warnings and errors are told, and so is what Python itself has to say."""
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(
        _Formatter(
            "%(asctime)s %(levelname)s %(name)s %(message)s",
            rename_fields={"asctime": "time", "levelname": "level"},
            static_fields={"service": service},
        )
    )
    least = logging.getLevelNamesMapping()[settings.log_level]
    logging.basicConfig(level=max(least, logging.WARNING), handlers=[handler], force=True)
    logging.getLogger("services").setLevel(least)
    warnings.showwarning = cast("Any", _warned)
    threading.excepthook = sys.unraisablehook = _failed


def unheard(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Tell of what an event loop has nobody to tell of. Its own words hold what it was about."""
    error = context.get("exception")
    what = "a part has failed" if error else str(context["message"])
    log.error(what, exc_info=error, extra={"action": "unheard"})


def _failed(about: Any) -> None:
    log.error("a part has failed", exc_info=about.exc_value, extra={"action": "unheard"})


def _warned(
    message: Warning | str, category: type[Warning], filename: str, lineno: int, *_: Any
) -> None:
    where = {"kind": category.__name__, "place": f"{filename}:{lineno}"}
    log.warning("a warning of Python's", extra={"action": "warned", **where})
