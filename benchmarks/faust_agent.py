"""The peer Faust: an agent with a table in memory, which its changelog makes durable.

Called with the topic to write to, the openings, an empty folder and the number of partitions. The
settings are those that were found to hold in ``services.dispatch.tracker``.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
from pathlib import Path
from typing import Any

import faust
import uvloop

from benchmarks.peer import Decider, openings
from schemas.envelope import Message
from services.kit.runtime import cancel_on_signal
from services.kit.settings import Settings, from_environment
from services.triage.loader import active

SOURCE = "ambulance-vitals"
RAW: dict[str, Any] = {
    "key_type": bytes, "value_type": bytes, "key_serializer": "raw", "value_serializer": "raw",
}  # fmt: skip


def application(settings: Settings, name: str, folder: Path) -> Any:
    password = settings.kafka_sasl_plain_password
    credentials = faust.SASLCredentials(
        username=settings.kafka_sasl_plain_username,
        password=password.get_secret_value() if password else None,
        mechanism=settings.kafka_sasl_mechanism,
    )
    return faust.App(
        name,
        broker=f"kafka://{settings.kafka_bootstrap_servers}",
        broker_credentials=credentials,
        consumer_auto_offset_reset="earliest",
        producer_acks=-1,
        processing_guarantee="at_least_once",
        store="memory://",
        topic_allow_declare=False,
        topic_disable_leader=True,
        web_enabled=False,
        key_serializer="raw",
        value_serializer="raw",
        datadir=str(folder),
        loghandlers=[],
    )


def built(app: Any, name: str, decider: Decider, partitions: int) -> Any:
    source, target = app.topic(SOURCE, **RAW), app.topic(name, **RAW)
    states = app.Table("states", key_type=bytes, value_type=bytes, partitions=partitions)

    async def decide(stream: Any) -> None:
        async for event in stream.events():
            message = event.message
            record = Message(SOURCE, message.key, message.value, message.headers)
            at_ms = round(message.timestamp * 1000)
            states[message.key], said = decider.take(record, at_ms, states.get(message.key))
            for decision in said:
                await target.send(key=decision.key, value=decision.value, headers=decision.headers)

    app.agent(source, name=f"{name}.decide", concurrency=1)(decide)
    return app


async def main(name: str, given: Path, folder: Path, partitions: int) -> None:
    """Run until a signal comes."""
    cancel_on_signal()
    decider = Decider(openings(given), active())
    app = built(application(from_environment(), name, folder), name, decider, partitions)
    with contextlib.suppress(asyncio.CancelledError):
        await app.start()
        while not (app.should_stop or app.crashed):  # noqa: ASYNC110
            await asyncio.sleep(0.2)
    await app.stop()


if __name__ == "__main__":
    _, topic, beginnings, place, count = sys.argv
    uvloop.run(main(topic, Path(beginnings), Path(place), int(count)))
