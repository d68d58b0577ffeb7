"""Reads records into events; what cannot be read goes to the dead letters, with the reason."""

from __future__ import annotations

from collections.abc import Sequence

from aiokafka import AIOKafkaProducer

from services.kit import failpoint, kafka
from services.kit import metrics as seen
from services.kit.dead_letters import Kind, Limits, letter, source_of
from services.kit.errors import InvalidMessage, SourcesFailing
from services.kit.work import Received, Record


class Intake:
    """The way in for one consumer of a service."""

    producer: AIOKafkaProducer

    def __init__(self, service: str, group: str) -> None:
        self._service = service
        self._group = group
        self._limits = Limits()

    def read(self, records: Sequence[Record]) -> tuple[list[Received], list[tuple[Record, str]]]:
        """What can be read, and what cannot, with the reason. Each record is judged once.

        Raises ``SourcesFailing`` when most sources send what cannot be read.
        """
        limits, good, dead = self._limits, [], []
        for record in records:
            source = source_of(record)
            if limits.is_paused(source):
                dead.append((record, "the source is paused"))
                continue
            try:
                good.append(Received.of(record))
                limits.note(source, good=True)
            except InvalidMessage as invalid:
                dead.append((record, invalid.reason))
                limits.note(source, good=False)
        seen.SOURCES_PAUSED.labels(self._group).set(limits.paused)
        if limits.fault_is_ours:
            raise SourcesFailing("most sources send what cannot be read")
        return good, dead

    async def set_down(self, kind: Kind, dead: Sequence[tuple[Record, str]]) -> None:
        """Write dead letters, acknowledged. Raises ``TransientFailure``."""
        if not dead:
            return
        letters = [letter(self._service, record, kind, reason) for record, reason in dead]
        await kafka.publish(self.producer, letters)
        failpoint.reach("loop.dead_lettered")
        for record, _ in dead:
            seen.DEAD_LETTERS.labels(self._service, record.topic, kind).inc()
