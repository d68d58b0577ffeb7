"""Vendors that write to the broker themselves, by ``librdkafka`` as most platforms do: an older one
in the first version of the contract, a newer one in the second."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Sequence
from functools import partial

from confluent_kafka import KafkaError, Message, Producer

from schemas.clinical import VitalSignsMeasured, VitalSignsMeasuredV2
from schemas.envelope import encode
from simulator import truth
from simulator.endpoints import Endpoints
from simulator.journal import Journal
from simulator.pace import Line
from simulator.telemetry import told

log = logging.getLogger(__name__)

SOURCE = "simulator/vendor"


class RawVendor:
    """Writes ``ambulance-raw``. What the broker has taken is acknowledged; nobody else answers."""

    def __init__(self, endpoints: Endpoints, journal: Journal) -> None:
        self._journal = journal
        self._producer = Producer(
            {
                **_broker(endpoints),
                "enable.idempotence": True,
                "linger.ms": 5,
            }
        )
        self._batch = 0
        #: How many of a batch the broker has not taken yet.
        self._open: dict[int, int] = {}

    def send(self, lines: Sequence[Line]) -> None:
        """Hand them to the library, which sends them in order and again; it never waits."""
        self._producer.poll(0)
        if not lines:
            return
        self._batch -= 1  # the other sender counts upwards
        now, batch = time.time(), self._batch
        self._journal.write(told(batch, lines, now))
        self._open[batch] = len(lines)
        for line in lines:
            kind = VitalSignsMeasured if line.clock is None else VitalSignsMeasuredV2
            event = kind.model_validate(json.loads(line.whole(now)))
            message = encode(event, SOURCE)
            self._producer.produce(
                message.topic,
                message.value,
                message.key,
                headers=list(message.headers),
                on_delivery=partial(self._taken, batch),
            )

    def _taken(self, batch: int, error: KafkaError | None, _: Message) -> None:
        if error is not None:
            log.error("a sample was not taken", extra={"action": "refused", "reason": str(error)})
            return  # the batch stays open: of what nobody acknowledged, nothing is owed
        self._open[batch] -= 1
        if not self._open[batch]:
            del self._open[batch]
            self._journal.write(truth.Acknowledged(t=time.time(), batch=batch))

    def close(self, within: float) -> None:
        """Wait until the broker has taken everything, but not for ever."""
        self._producer.flush(within)


def _broker(endpoints: Endpoints) -> dict[str, str]:
    """The broker as the library calls it."""
    known = {
        "bootstrap_servers": "bootstrap.servers",
        "security_protocol": "security.protocol",
        "sasl_mechanism": "sasl.mechanism",
        "sasl_plain_username": "sasl.username",
        "sasl_plain_password": "sasl.password",
    }
    return {theirs: given for ours, theirs in known.items() if (given := endpoints.kafka[ours])}
