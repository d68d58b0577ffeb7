"""Connections to the broker for those who look after it, and whether it answers."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection
from typing import Any, TypeAlias

import confluent_kafka.admin
from confluent_kafka import KafkaError, KafkaException, TopicPartition
from pydantic import SecretStr

from services.kit.settings import Settings

#: The client's own type hints contradict it: most names count as private, None as no value.
kafka: Any = confluent_kafka.admin
Admin: TypeAlias = Any
#: Why a broker does not let somebody in; what was asked of it then just takes too long.
_REFUSED = (KafkaError._AUTHENTICATION, KafkaError._SSL)


def as_user(admin: Settings, user: str, password: str) -> Settings:
    """The connection of ``user`` to the broker of ``admin``."""
    changes: dict[str, object] = {}
    if has_users(admin):
        changes = {
            "kafka_sasl_mechanism": "SCRAM-SHA-512",
            "kafka_sasl_plain_username": user,
            "kafka_sasl_plain_password": SecretStr(password),
        }
    return admin.model_copy(update=changes)


def environment(settings: Settings) -> dict[str, str]:
    """These broker settings as the environment of a process that shall have them."""
    found = settings.model_dump(include={n for n in type(settings).model_fields if "kafka_" in n})
    plain = {n: v.get_secret_value() if isinstance(v, SecretStr) else v for n, v in found.items()}
    return {f"GREENCHANNEL_{n.upper()}": str(v) for n, v in plain.items() if v is not None}


def broker_answers(
    settings: Settings, timeout: float = 1.0, expected: Collection[str] = ()
) -> bool:
    """Whether the broker answers now, lets us in, has the expected topics, and every partition of
    it can be used. A leader is named before it leads, so each is asked where it ends."""
    admin = client(settings)
    try:
        topics = admin.list_topics(timeout=timeout).topics
        latest = kafka.OffsetSpec.latest()
        asked = {
            TopicPartition(name, n): latest
            for name, topic in topics.items()
            for n in topic.partitions
        }
        ends = admin.list_offsets(asked, request_timeout=timeout) if asked else {}
        usable = all(end.result().offset >= 0 for end in ends.values())
        return usable and topics.keys() >= set(expected)
    except KafkaException:
        return False


def has_users(settings: Settings) -> bool:
    """Whether this connection names itself, and so others may too."""
    return settings.kafka_security_protocol.startswith("SASL")


def client(settings: Settings) -> Admin:
    """confluent-kafka's ``AdminClient``, silent."""
    config: dict[str, Any] = {
        "bootstrap.servers": settings.kafka_bootstrap_servers,
        "security.protocol": settings.kafka_security_protocol,
        "log_level": 0,
        "socket.timeout.ms": 10_000,
    }
    if has_users(settings):
        password = settings.kafka_sasl_plain_password
        config["sasl.mechanism"] = settings.kafka_sasl_mechanism
        config["sasl.username"] = settings.kafka_sasl_plain_username or ""
        config["sasl.password"] = password.get_secret_value() if password else ""
    if settings.kafka_ca_file:
        config["ssl.ca.location"] = str(settings.kafka_ca_file)
    heard: deque[KafkaError] = deque(maxlen=16)
    config["error_cb"] = heard.append
    admin = kafka.AdminClient(config)
    admin.heard = heard
    return admin


def reason(admin: Admin, error: KafkaException) -> str:
    """Why, in a line: where the client was not let in, that, and not that no answer came."""
    admin.poll(0)
    refused = [each for each in admin.heard if each.code() in _REFUSED]
    return str((refused[-1] if refused else error.args[0]).str())
