"""The topics as data: what each holds and who may touch it, read from ``topics.yaml``."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Literal, TypeAlias

import yaml
from pydantic import BaseModel, ConfigDict

Operation: TypeAlias = Literal["read", "write"]


class Topic(BaseModel):
    """One Kafka topic with its writers and readers (names of broker users)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    description: Mapping[str, str]
    key: str
    events: tuple[str, ...]
    #: In the contract, and written by nobody yet.
    announced: tuple[str, ...] = ()
    writers: tuple[str, ...]
    readers: tuple[str, ...]
    partitions: int
    retention_days: int
    max_message_kb: int

    @property
    def holds(self) -> tuple[str, ...]:
        """Every event type that may stand in it."""
        return (*self.events, *self.announced)

    def config(self) -> dict[str, str]:
        """The broker's settings of this topic."""
        return {
            "cleanup.policy": "delete",
            "retention.ms": str(self.retention_days * 86_400_000),
            "max.message.bytes": str(self.max_message_kb * 1024),
            "message.timestamp.type": "LogAppendTime",  # the broker's clock orders the topics
        }


class Grant(BaseModel):
    """One access rule of the broker: ``user`` may ``operation`` on ``topic``."""

    model_config = ConfigDict(frozen=True)

    user: str
    operation: Operation
    topic: str


class Registry(BaseModel):
    """All topics, and the users and grants that follow from them."""

    model_config = ConfigDict(frozen=True)

    topics: Mapping[str, Topic]
    users: tuple[str, ...]
    superusers: tuple[str, ...]
    grants: tuple[Grant, ...]

    def holding(self, event_type: str) -> tuple[Topic, ...]:
        """The topics that may carry events of this type."""
        return tuple(t for t in self.topics.values() if event_type in t.holds)


def dead_letters_of(consumer: str) -> str:
    """Name of the topic that takes what ``consumer`` cannot handle."""
    return f"{consumer}-dead-letters"


@cache
def registry() -> Registry:
    """Read ``topics.yaml``. Raises ``pydantic.ValidationError`` when the file is wrong."""
    source = yaml.safe_load(files("schemas").joinpath("topics.yaml").read_text("utf-8"))
    defaults = source["defaults"]
    topics = {
        name: Topic(name=name, **{**defaults, **declared})
        for name, declared in source["topics"].items()
    }
    dead = source["dead_letters"]
    for consumer in dead["consumers"]:
        name = dead_letters_of(consumer)
        topics[name] = Topic(
            name=name,
            description={"zh": f"{consumer} 的死信", "en": f"what {consumer} cannot handle"},
            key="as the source",
            events=(),
            writers=(consumer,),
            readers=tuple(dead["readers"]),
            **{**defaults, "retention_days": dead["retention_days"], "max_message_kb": 2048},
        )
    return _with_grants(topics, source["users"])


def _with_grants(topics: Mapping[str, Topic], people: Mapping[str, dict[str, object]]) -> Registry:
    grants = [
        Grant(user=user, operation=operation, topic=topic.name)
        for topic in topics.values()
        for operation, users in (("write", topic.writers), ("read", topic.readers))
        for user in users
    ]
    for user, declared in people.items():
        reads = declared.get("reads", ())
        names = tuple(topics) if reads == "all" else tuple(reads)  # type: ignore[arg-type]
        grants += [Grant(user=user, operation="read", topic=name) for name in names]
    superusers = tuple(user for user, declared in people.items() if declared.get("super"))
    users = {grant.user for grant in grants} | set(people)
    return Registry(
        topics=topics, users=tuple(sorted(users)), superusers=superusers, grants=tuple(grants)
    )
