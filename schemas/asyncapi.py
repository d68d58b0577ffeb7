"""The topics as an AsyncAPI 3 document, made from ``topics.yaml`` and the events."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from schemas.envelope import TYPE_PREFIX, event_types, versions
from schemas.event import Event
from schemas.topics import Registry, Topic

_TEXT = {"type": "string"}
#: CloudEvents 1.0, binary mode: what every message bears in its headers.
_HEADERS = {
    "type": "object",
    "required": ["ce_specversion", "ce_id", "ce_source", "ce_type", "ce_time", "content-type"],
    "properties": {
        "ce_specversion": {"const": "1.0"},
        "ce_id": {**_TEXT, "description": "The event's id, as in its value."},
        "ce_source": {**_TEXT, "description": "Who sent it."},
        "ce_type": {**_TEXT, "description": "The event and its version."},
        "ce_time": {**_TEXT, "format": "date-time", "description": "When it happened."},
        "content-type": {"const": "application/json"},
    },
}


def document(registry: Registry, version: str) -> dict[str, Any]:
    """The whole document; dead letters are no contract and are left out."""
    topics = {name: topic for name, topic in registry.topics.items() if topic.holds}
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Green Channel 绿色通道",
            "version": version,
            "description": (
                "Every topic, what stands on it, who writes and who reads it. Readers pass over"
                " fields and words they do not know. What is announced stands in the contract, and"
                " nobody writes it yet."
            ),
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": "application/json",
        "channels": {name: _channel(topic) for name, topic in topics.items()},
        "operations": {
            f"{user}.{action}.{topic.name}": _operation(topic, action)
            for topic in topics.values()
            for action, users in (("send", topic.writers), ("receive", topic.readers))
            for user in users
        },
        "components": {
            "messages": {kind.__name__: _message(kind) for kind in _kinds(event_types())},
            "schemas": {"CloudEvent": _HEADERS},
        },
    }


def _channel(topic: Topic) -> Mapping[str, Any]:
    return {
        "address": topic.name,
        "description": f"{topic.description['zh']} · {topic.description['en']}",
        "messages": {
            kind.__name__: {"$ref": f"#/components/messages/{kind.__name__}"}
            for kind in _kinds(topic.holds)
        },
        "bindings": {
            "kafka": {
                "topic": topic.name,
                "partitions": topic.partitions,
                "topicConfiguration": {
                    "cleanup.policy": ["delete"],
                    "retention.ms": topic.retention_days * 86_400_000,
                    "max.message.bytes": topic.max_message_kb * 1024,
                },
                "bindingVersion": "0.5.0",
            }
        },
        "x-key": topic.key,
        **({"x-announced": list(topic.announced)} if topic.announced else {}),
    }


def _operation(topic: Topic, action: str) -> Mapping[str, Any]:
    place = f"#/channels/{topic.name}"
    return {
        "action": action,
        "channel": {"$ref": place},
        "messages": [
            {"$ref": f"{place}/messages/{kind.__name__}"} for kind in _kinds(topic.events)
        ],
    }


def _kinds(names: Iterable[str]) -> Iterator[type[Event]]:
    """Every version of these events."""
    return (kind for name in names for kind in versions(name))


def _message(kind: type[Event]) -> Mapping[str, Any]:
    name = kind.named()
    return {
        "name": f"{TYPE_PREFIX}{name}.v{kind.VERSION}",
        "title": kind.__name__,
        "summary": (kind.__doc__ or "").partition("\n")[0],
        "headers": {"$ref": "#/components/schemas/CloudEvent"},
        "payload": {
            "schemaFormat": "application/schema+json;version=2020-12",
            "schema": {"$ref": f"./jsonschema/{name}.v{kind.VERSION}.json"},
        },
        "bindings": {"kafka": {"key": _TEXT, "bindingVersion": "0.5.0"}},
    }
