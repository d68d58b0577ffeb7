"""Counts what stands in a service's tables, again and again, for whoever asks for metrics. What
nobody counts any more is missing there, and not as it was."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from itertools import chain
from typing import NamedTuple, TypeAlias

from prometheus_client import REGISTRY
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from services.kit import metrics as seen
from services.kit.errors import TookTooLong, TransientFailure
from services.kit.metrics import TableGauge
from services.kit.postgres import Connection, Pool, transaction

log = logging.getLogger(__name__)

#: How often the tables are counted. What takes long is counted more seldom, so that no count takes
#: more than this share of the database's time; and a figure is fresh until so long after the next
#: count was due.
LOOK_S, SHARE, FRESH_S = 5.0, 0.02, 30.0
_OUTBOX = """
    SELECT count(*) AS n, extract(epoch FROM min(created_at))::float8 AS oldest FROM outbox
"""


class Figure(NamedTuple):
    """How much of one thing there is; ``labels`` in the order in which they are declared."""

    of: TableGauge
    value: float
    labels: tuple[str, ...] = ()


#: One look at the tables.
Count: TypeAlias = Callable[[Connection], AsyncIterator[Figure]]


class Found(NamedTuple):
    """What a look has found, and when the next one is due, by the process's clock."""

    figures: Sequence[Figure]
    due: float


class Census(Collector):
    """The figures of one process. Several workers of a service count the same, each for itself."""

    def __init__(self, service: str, pool: Pool, counts: Iterable[Count] = ()) -> None:
        self._service, self._pool = service, pool
        self._counts = [self._outbox, *counts]
        self._found: dict[Count, Found] = {}
        #: When each is looked for next, found or not.
        self._next: dict[Count, float] = {}

    async def run(self) -> None:
        """Count for ever. A look that fails is missing until it succeeds: it ends nothing."""
        REGISTRY.register(self)
        try:
            while True:
                for count in self._counts:
                    if self._next.get(count, 0.0) <= time.monotonic():
                        self._next[count] = await self._look(count)
                await asyncio.sleep(LOOK_S / 5)
        finally:
            REGISTRY.unregister(self)

    async def _look(self, count: Count) -> float:
        """Look once; when it is to be looked again. A count that takes too long takes no more than
        its share either; a database that is away is asked again soon."""
        began = time.monotonic()

        def due() -> float:
            return (now := time.monotonic()) + max(LOOK_S, (now - began) / SHARE)

        try:
            async with transaction(self._pool) as connection:
                figures = [each async for each in count(connection)]
        except TransientFailure as failure:
            log.warning("not counted", extra={"action": "not_counted", "cause": str(failure)})
            return due() if isinstance(failure, TookTooLong) else time.monotonic() + LOOK_S
        except Exception:
            log.exception("the tables cannot be counted", extra={"action": "not_counted"})
            return due()
        self._found[count] = Found(figures, due())
        return self._found[count].due

    def describe(self) -> Iterable[Metric]:
        """Nothing: what there is is known when it was counted."""
        return ()

    def collect(self) -> Iterable[Metric]:
        """What is fresh, and of how many looks nothing is."""
        families: dict[TableGauge, GaugeMetricFamily] = {}
        now = time.monotonic()
        fresh = [each for each in list(self._found.values()) if now < each.due + FRESH_S]
        missing = Figure(seen.LOOKS_MISSING, len(self._counts) - len(fresh), (self._service,))
        for of, value, labels in chain([missing], *(each.figures for each in fresh)):
            if of not in families:
                families[of] = GaugeMetricFamily(of.name, of.meaning, labels=of.labels)
            families[of].add_metric(labels, value)
        return families.values()

    async def _outbox(self, connection: Connection) -> AsyncIterator[Figure]:
        """What waits to be sent, and since when; where nothing does, there is no time."""
        row = await connection.fetchrow(_OUTBOX)
        assert row is not None  # noqa: S101 (it is counted)
        yield Figure(seen.OUTBOX, row["n"], (self._service,))
        if row["oldest"] is not None:
            yield Figure(seen.OUTBOX_OLDEST, row["oldest"], (self._service,))
