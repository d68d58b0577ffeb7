"""The topics as an AsyncAPI 3 document, made from ``topics.yaml`` and the events."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from schemas.envelope import TYPE_PREFIX, event_types, versions
from schemas.event import Event
from schemas.topics import Grant, Registry, Topic

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
_ACTIONS = {"write": "send", "read": "receive"}
_BROKER = {
    "host": "{host}:{port}",
    "protocol": "kafka-secure",
    "description": "The broker of a site, or of a run on one machine.",
    "variables": {"host": {"default": "127.0.0.1"}, "port": {"default": "9092"}},
    "security": [{"$ref": "#/components/securitySchemes/user"}],
}
_USER = {
    "type": "scramSha512",
    "description": (
        "Each user of the broker has a password of its own. The name of an operation begins with"
        " the user who may do it; the broker refuses all others."
    ),
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
                " nobody writes it yet. 120 software reads as the user dispatch_centre:"
                " docs/kafka.md tells how, and docs/examples/dispatch_centre.py is a program that"
                " does."
            ),
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": "application/json",
        "servers": {"broker": _BROKER},
        "channels": {name: _channel(topic) for name, topic in topics.items()},
        "operations": {
            f"{grant.user}.{_ACTIONS[grant.operation]}.{name}": _operation(topics[name], grant)
            for name in topics
            for grant in registry.grants
            if grant.topic == name
        },
        "components": {
            "messages": {kind.__name__: _message(kind) for kind in _kinds(event_types())},
            "schemas": {"CloudEvent": _HEADERS},
            "securitySchemes": {"user": _USER},
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


def _operation(topic: Topic, grant: Grant) -> Mapping[str, Any]:
    place = f"#/channels/{topic.name}"
    group = {"type": "string", "pattern": rf"^{grant.user}([.-].+)?$"}
    reads = {"bindings": {"kafka": {"groupId": group, "bindingVersion": "0.5.0"}}}
    return {
        "action": _ACTIONS[grant.operation],
        "channel": {"$ref": place},
        "messages": [
            {"$ref": f"{place}/messages/{kind.__name__}"} for kind in _kinds(topic.events)
        ],
        **(reads if grant.operation == "read" else {}),
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
