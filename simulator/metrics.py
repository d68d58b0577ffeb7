"""The judge's count as metrics, read from the same totals as the page's line."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from prometheus_client import REGISTRY
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

#: Gauges, for what is lost may yet come, and the count begins anew with a run.
NAMES = {
    "sent": ("greenchannel_judge_sent", "Items sent"),
    "arrived": ("greenchannel_judge_arrived", "Items with all their effects"),
    "lost": ("greenchannel_judge_lost", "Acknowledged items without an effect for 30 s"),
    "doubled": ("greenchannel_judge_doubled", "Effects that came under a second id"),
    "wrong": ("greenchannel_judge_wrong", "Wrong facility, level or admission"),
    "late": ("greenchannel_judge_late", "Items seen more than 10 s after their acknowledgement"),
    "redelivered": ("greenchannel_judge_redelivered", "Records read twice under the same id"),
}


class _Count(Collector):
    def __init__(self, score: Callable[[], Mapping[str, Any]]) -> None:
        self._score = score

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """The totals as they are when somebody asks."""
        now = self._score()
        for name, (metric, meaning) in NAMES.items():
            yield GaugeMetricFamily(metric, meaning, value=now[name])


@contextmanager
def shown(score: Callable[[], Mapping[str, Any]]) -> Iterator[None]:
    """Show the totals under ``/metrics`` while the block runs."""
    count = _Count(score)
    REGISTRY.register(count)
    try:
        yield
    finally:
        REGISTRY.unregister(count)
