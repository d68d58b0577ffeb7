"""Hears what triage decides about patients of ours: reads the topic, as any reader may."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Collection, Iterable, Sequence

from aiokafka import ConsumerRecord

from schemas.envelope import InvalidMessage, decode
from schemas.triage import TriageDecided
from simulator.endpoints import Endpoints
from simulator.witness import Flow, Witness

_FLOW = Flow(("triage-decisions",), 1, 100, 0.004)


class Listener:
    """Decisions by encounter, of those encounters that are followed."""

    def __init__(self, known: Endpoints) -> None:
        self._witness = Witness(known.kafka, _FLOW, self._take)
        self._heard: dict[str, dict[int, TriageDecided]] = {}
        self._folded: dict[str, TriageDecided] = {}
        self._news = asyncio.Event()

    @contextlib.asynccontextmanager
    async def listening(self) -> AsyncIterator[None]:
        """Listen while the block runs, from the beginning of the topic on."""
        task = asyncio.create_task(self._witness.run())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    def follow(self, encounter_id: str) -> None:
        """From now on, decisions about this patient are kept."""
        self._heard.setdefault(encounter_id, {})

    def decisions(self, encounter_id: str) -> Sequence[TriageDecided]:
        """What was heard of this patient, in the order in which it was decided."""
        heard = self._heard[encounter_id]
        return [heard[number] for number in sorted(heard)]

    def folding(self, event_id: str) -> TriageDecided | None:
        """The first decision that took in this event."""
        return self._folded.get(event_id)

    async def until_folded(self, event_ids: Iterable[str], within: float) -> Collection[str]:
        """Wait until each of these was taken in by a decision; those that were not in time."""
        missing = {event_id for event_id in event_ids if event_id not in self._folded}
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(within):
                while missing:
                    self._news.clear()
                    await self._news.wait()
                    missing -= self._folded.keys()
        return missing

    def _take(self, records: Sequence[ConsumerRecord[bytes, bytes]]) -> None:
        for record in records:
            heard = self._heard.get((record.key or b"").decode("utf-8", "replace"))
            if heard is None:
                continue
            with contextlib.suppress(InvalidMessage):  # not a decision: it may be a pause
                event = decode(record.topic, record.key, record.value, record.headers)
                if isinstance(event, TriageDecided):
                    self._keep(heard, event)
        self._news.set()

    def _keep(self, heard: dict[int, TriageDecided], decision: TriageDecided) -> None:
        """A decision that is read a second time is the same one."""
        heard[decision.number] = decision
        for event_id in decision.folded:
            self._folded.setdefault(event_id, decision)
