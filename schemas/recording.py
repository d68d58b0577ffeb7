"""A recording: every record of topics over a period, a JSON object a line, oldest first.

Pure. Said again later, all of its times are later by as much.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

FORMAT = "greenchannel-recording/1"
_MOMENT = re.compile(
    rb"(?<=\")\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,6})?(?:Z|[+-]\d\d:\d\d)(?=\")"
)


class WrongFile(ValueError):
    """This is no recording, or a line of it is none; the message says where."""


class Head(NamedTuple):
    """The first line: of which topics, from and until when, in the broker's milliseconds."""

    topics: Sequence[str]
    since: int
    until: int


class Recorded(NamedTuple):
    """A record as the broker keeps it; ``t`` in milliseconds of its own time."""

    topic: str
    partition: int
    offset: int
    t: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes | None]]

    @property
    def kind(self) -> str:
        """The type of the event without prefix and version; empty where there is none."""
        said = dict(self.headers).get("ce_type") or b""
        return said.decode("utf-8", "replace").rpartition(".v")[0].rpartition(".")[2]

    def told_from(self, first: datetime, now: datetime, pace: float = 1.0) -> Recorded:
        """The same, every time in it as far from ``now`` as it was from ``first``; with a ``pace``
        so many times nearer."""

        def moved(found: re.Match[bytes]) -> bytes:
            try:
                apart = datetime.fromisoformat(found[0].decode()) - first
                return (now + apart / pace).isoformat().replace("+00:00", "Z").encode()
            except (ValueError, OverflowError):  # no time that there is: it is said as it was
                return found[0]

        headers = [
            (name, _MOMENT.sub(moved, b'"%s"' % said)[1:-1] if said and name == "ce_time" else said)
            for name, said in self.headers
        ]
        value = self.value and _MOMENT.sub(moved, self.value)
        return self._replace(value=value, headers=headers)


def head_line(head: Head) -> str:
    """The head as a line."""
    return _line({"format": FORMAT, **head._asdict()})


def line(record: Recorded) -> str:
    """A record as a line. What is no text, or no JSON that comes back as it was, is in base64."""
    told: dict[str, Any] = {
        "topic": record.topic,
        "partition": record.partition,
        "offset": record.offset,
        "t": record.t,
        "key": _told(record.key),
        "headers": [[name, _told(said)] for name, said in record.headers],
    }
    return _line({**told, "value": _whole(record.value)})


def read_head(text: str) -> Head:
    """The first line. Raises ``WrongFile``."""
    try:
        told = json.loads(text)
        if told.pop("format") != FORMAT:
            raise WrongFile(f"not of the format {FORMAT}")
        return Head(**told)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise WrongFile(f"the first line is none of a recording ({FORMAT})") from error


def read(text: str, number: int) -> Recorded:
    """Another line. Raises ``WrongFile``."""
    try:
        told: Mapping[str, Any] = json.loads(text)
        return Recorded(
            topic=str(told["topic"]),
            partition=int(told["partition"]),
            offset=int(told["offset"]),
            t=_time(told["t"]),
            key=_bytes(told["key"]),
            value=_bytes(told["value"]),
            headers=[(str(name), _bytes(said)) for name, said in told["headers"]],
        )
    except (ValueError, TypeError, KeyError, binascii.Error) as error:
        raise WrongFile(f"line {number} is none of a recording") from error


def _time(t: Any) -> int:
    """Milliseconds since 1970, in years that a clock can show."""
    if not 0 <= int(t) < 7_000_000_000_000:
        raise ValueError("no time")
    return int(t)


def _line(told: Mapping[str, Any]) -> str:
    return json.dumps(told, ensure_ascii=False, separators=(",", ":")) + "\n"


def _told(said: bytes | None) -> Any:
    """Text, where it is text."""
    if said is None:
        return None
    try:
        return said.decode()
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(said).decode()}


def _whole(value: bytes | None) -> Any:
    """The object that the value is, under its own name lest it be taken for base64."""
    try:
        told = {"json": json.loads(value or b"")}
    except ValueError:
        return _told(value)
    return told if _bytes(told) == value else _told(value)


def _bytes(told: Any) -> bytes | None:
    match told:
        case None:
            return None
        case str():
            return told.encode()
        case {"base64": str(said)}:
            return base64.b64decode(said, validate=True)
        case {"json": said}:
            return json.dumps(said, ensure_ascii=False, separators=(",", ":")).encode()
    raise ValueError("neither text nor bytes")
