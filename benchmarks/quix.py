"""The peer Quix Streams: a stateful application that keeps states in RocksDB and a changelog.

It runs in an environment of its own. Everything is as it comes: at least once, a checkpoint every
five seconds. Called with the topic to write to, the openings and an empty folder.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from quixstreams import Application
from quixstreams.kafka.configuration import ConnectionConfig

from benchmarks.peer import Decider, openings
from schemas.envelope import Message
from services.kit.settings import Settings, from_environment
from services.triage.loader import active

SOURCE = "ambulance-vitals"


def application(settings: Settings, name: str, folder: Path) -> Application:
    password = settings.kafka_sasl_plain_password
    connection = ConnectionConfig(
        bootstrap_servers=settings.kafka_bootstrap_servers,
        security_protocol=settings.kafka_security_protocol.lower(),
        sasl_mechanism=settings.kafka_sasl_mechanism,
        sasl_username=settings.kafka_sasl_plain_username,
        sasl_password=password.get_secret_value() if password else None,
    )
    return Application(
        connection,
        consumer_group=name,
        auto_offset_reset="earliest",
        state_dir=folder,
        loglevel="WARNING",
    )


def main(name: str, given: Path, folder: Path) -> None:
    """Run until a signal comes."""
    decider = Decider(openings(given), active())
    app = application(from_environment(), name, folder)

    def decide(value: bytes, key: bytes, at_ms: int, headers: Any, state: Any) -> Sequence[Message]:
        record = Message(SOURCE, key, value, headers)
        keeps, said = decider.take(record, at_ms, state.get_bytes("state"))
        state.set_bytes("state", keeps)
        return said

    decided = app.dataframe(app.topic(SOURCE, value_deserializer="bytes")).apply(
        decide, stateful=True, metadata=True, expand=True
    )
    decided = decided.set_headers(lambda message, key, at_ms, headers: message.headers)
    decided = decided.apply(lambda message: message.value)
    decided.to_topic(app.topic(name, value_serializer="bytes"))
    app.run()


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]))
