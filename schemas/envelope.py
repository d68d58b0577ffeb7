"""CloudEvents 1.0, binary mode, over Kafka: the attributes are headers, the value is JSON."""

from __future__ import annotations

import hashlib
import re
import uuid
from collections.abc import Iterable, Mapping
from functools import cache, lru_cache
from typing import NamedTuple

from pydantic import ValidationError
from pydantic_core import to_json

from schemas import capacity, clinical, encounter, handoff, incident, triage, unit
from schemas.event import Event
from schemas.topics import Topic, registry

TYPE_PREFIX = "greenchannel."
#: A producer may write a header without a value.
Headers = Iterable[tuple[str, bytes | None]]
_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
_NAMESPACE = uuid.UUID("6ba7b811-9dad-11d1-80b4-00c04fd430c8")


class InvalidMessage(ValueError):
    """The message cannot be decoded, has an unknown version, or breaks the contract.

    ``reason`` is fit for a log: it names fields and rules, never values.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Message(NamedTuple):
    """An event as the broker takes it."""

    topic: str
    key: bytes
    value: bytes
    headers: list[tuple[str, bytes]]


@cache
def _classes() -> Mapping[str, type[Event]]:
    return {
        name: kind
        for module in (incident, unit, encounter, clinical, triage, handoff, capacity)
        for name, kind in vars(module).items()
        if isinstance(kind, type) and issubclass(kind, Event)
    }


@cache
def event_types() -> Mapping[str, type[Event]]:
    """The first version of every event by its name, as the topics list them; a stray name is a
    ``KeyError``."""
    listed = {name for topic in registry().topics.values() for name in topic.holds}
    return {name: _classes()[name] for name in sorted(listed)}


@cache
def versions(name: str) -> tuple[type[Event], ...]:
    """All versions of an event, oldest first: whoever reads one reads them all."""
    every = {kind for kind in _classes().values() if kind.named() == name}
    return tuple(sorted(every, key=lambda kind: kind.VERSION))


@cache
def _by_version(name: str) -> Mapping[str, type[Event]]:
    return {str(kind.VERSION): kind for kind in versions(name)}


@cache
def _written_type(kind: type[Event]) -> bytes:
    return f"{TYPE_PREFIX}{kind.named()}.v{kind.VERSION}".encode()


def event_id_of(source: str, occurred_at: str, body: bytes) -> str:
    """The id of an event whose sender gave none: the same content is the same event."""
    digest = hashlib.sha256(b"\x00".join((source.encode(), occurred_at.encode(), body)))
    return derived_id(digest.hexdigest())


def derived_id(*parts: str | int) -> str:
    """An id that follows from what it is about, so that doing it again gives the same event: a UUID
    of version 5, written here because the library takes four times as long."""
    name = "/".join(map(str, parts)).encode()
    digest = hashlib.sha1(_NAMESPACE.bytes + name, usedforsecurity=False).hexdigest()
    variant = "89ab"[int(digest[16], 16) & 3]
    return f"{digest[:8]}-{digest[8:12]}-5{digest[13:16]}-{variant}{digest[17:20]}-{digest[20:32]}"


def topic_of(event: Event) -> Topic:
    """The one topic this event goes to: the only one that holds its type, or the one it names."""
    return _only_topic(type(event)) or registry().topics[getattr(event, "topic")]  # noqa: B009


@cache
def _only_topic(kind: type[Event]) -> Topic | None:
    if hasattr(kind, "topic"):
        return None
    (topic,) = registry().holding(kind.named())
    return topic


def encode(event: Event, source: str) -> Message:
    """Make the message. ``source`` is who sends it, such as ``greenchannel/triage``."""
    topic = topic_of(event)
    headers = [
        ("ce_specversion", b"1.0"),
        ("ce_id", event.event_id.encode()),
        ("ce_source", source.encode()),
        ("ce_type", _written_type(type(event))),
        ("ce_time", event.occurred_at.isoformat().encode()),
        ("content-type", b"application/json"),
    ]
    value = to_json(event, exclude_none=True)
    return Message(topic.name, str(getattr(event, topic.key)).encode(), value, headers)


def decode(topic: str, key: bytes | None, value: bytes | None, headers: Headers) -> Event:
    """Read a message. Raises ``InvalidMessage`` when it is not what it should be."""
    attributes = {name: raw or b"" for name, raw in headers if name.startswith("ce_")}
    declared = registry().topics[topic]
    kind = _kind_of(attributes.get("ce_type", b""), declared.name)
    if not value:
        raise InvalidMessage("empty value")
    try:
        event = kind.model_validate_json(value)
    except ValidationError as error:
        raise InvalidMessage(complaint(error)) from error
    if attributes.get("ce_id", b"").decode("utf-8", "replace") != event.event_id:
        raise InvalidMessage("ce_id differs from event_id")
    if key is None or key != str(getattr(event, declared.key)).encode():
        raise InvalidMessage(f"key is not the {declared.key}")
    return event


@lru_cache(maxsize=512)
def _kind_of(ce_type: bytes, topic_name: str) -> type[Event]:
    topic = registry().topics[topic_name]
    given, _, version = ce_type.decode("utf-8", "replace").rpartition(".v")
    name = given.removeprefix(TYPE_PREFIX)
    if name == given or name not in topic.holds:
        raise InvalidMessage(f"ce_type is none of {', '.join(topic.holds)}")
    known = _by_version(name)
    if version not in known:
        raise InvalidMessage(f"unknown version of {name}; known: {', '.join(known)}")
    return known[version]


def complaint(error: ValidationError) -> str:
    """What is wrong, by field, without the values: fit for logs, dead letters and answers."""
    problems = error.errors(include_url=False, include_context=False, include_input=False)[:5]
    return "; ".join(f"{field_at(p['loc'])}: {p['msg']}" for p in problems)


def field_at(place: Iterable[int | str]) -> str:
    """The name of a field. One that could be text instead of a name is not repeated."""
    parts = (str(part) for part in place)
    return ".".join(p if _NAME.fullmatch(p) else "(unnamed)" for p in parts) or "body"
