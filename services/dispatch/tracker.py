"""The tracker, a Faust application: departures as GPS shows them. Faust stands in this file only.

Faust acknowledges an event whose agent raised, so no exception leaves an agent's guard; what
cannot be read is dead-lettered. A departure is sent again under the same id until its stamp is
seen back.
"""

from __future__ import annotations

import asyncio
import logging
import os
import tempfile
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any, TypeAlias

import faust
from aiokafka import AIOKafkaProducer

from schemas.envelope import InvalidMessage, decode, encode
from schemas.event import Event
from schemas.unit import PositionReported, UnitAssigned, UnitStatusChanged
from services.dispatch.movement import Watch, follow, see
from services.kit import failpoint, kafka, runtime
from services.kit import observability as seen_by
from services.kit.dead_letters import Kind, letter
from services.kit.errors import TransientFailure
from services.kit.http import create_app
from services.kit.patience import patiently
from services.kit.settings import Settings

log = logging.getLogger(__name__)

SERVICE = "tracker"
TAKE, WITHIN_S = 200, 0.2
AGAIN_S = 30.0
Take: TypeAlias = Callable[[Event], Awaitable[None]]


def application(settings: Settings, folder: str) -> Any:
    """The Faust application with the settings that were found to hold; ``folder`` stays empty."""
    password = settings.kafka_sasl_plain_password
    credentials = None
    if password is not None:
        credentials = faust.SASLCredentials(
            username=settings.kafka_sasl_plain_username,
            password=password.get_secret_value(),
            mechanism=settings.kafka_sasl_mechanism,
        )
    return faust.App(
        SERVICE,
        broker=f"kafka://{settings.kafka_bootstrap_servers}",
        broker_credentials=credentials,
        broker_session_timeout=kafka.SESSION_TIMEOUT_MS / 1000,
        broker_heartbeat_interval=1.0,
        broker_request_timeout=10.0,
        consumer_auto_offset_reset="earliest",
        consumer_group_instance_id=f"{SERVICE}-{settings.worker}",
        producer_acks=-1,
        processing_guarantee="at_least_once",
        store="memory://",
        table_standby_replicas=0,
        topic_allow_declare=False,
        topic_disable_leader=True,
        web_enabled=False,
        key_serializer="raw",
        value_serializer="raw",
        datadir=folder,
        loghandlers=[],
    )


class _Commits(faust.Sensor):
    def on_commit_completed(self, consumer: Any, state: Any) -> None:
        failpoint.reach("tracker.offsets_followed")


class Tracker:
    """Two agents over one table of units, and the debt of departures not yet seen back."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._outside: dict[str, tuple[int, datetime]] = {}
        self._producer: AIOKafkaProducer
        self._app: Any = None
        self._units: Any = None
        self._knows_partitions = asyncio.Event()

    async def run(self) -> None:
        """Run until Faust stops or crashes."""
        settings = self._settings
        self._producer = await patiently(
            settings, SERVICE, lambda: kafka.started(lambda: kafka.producer(settings))
        )
        with tempfile.TemporaryDirectory() as folder:
            try:
                partitions = len(await self._producer.partitions_for("dispatch-units"))
                self._app = self._built(application(settings, folder), partitions)
                await self._app.start()
                # Faust writes to a topic it did not declare only after it has asked about it.
                await self._app.producer._producer.partitions_for(f"{SERVICE}-units-changelog")
                self._knows_partitions.set()
                while not (self._app.should_stop or self._app.crashed):  # noqa: ASYNC110
                    await asyncio.sleep(0.2)
                raise RuntimeError("the stream application has stopped")
            finally:
                if self._app is not None:
                    await self._app.stop()
                await kafka.stop(self._producer)

    def _built(self, app: Any, partitions: int) -> Any:
        # Bytes throughout: a key or value that Faust itself has to decode, and cannot, ends the
        # stream behind ``take`` in silence.
        raw = {"key_type": bytes, "value_type": bytes}
        self._units = app.Table("units", **raw, partitions=partitions, use_partitioner=True)
        for topic, take in (
            ("dispatch-units", self._take_unit),
            ("ambulance-positions", self._take_fix),
        ):
            channel = app.topic(topic, **raw, key_serializer="raw", value_serializer="raw")
            app.agent(channel, name=f"tracker.{topic}", concurrency=1)(self._agent(take))
        app.timer(interval=AGAIN_S)(self._send_again)
        app.sensors.add(_Commits())
        return app

    @property
    def ready(self) -> bool:
        """Whether partitions are assigned and the table is recovered."""
        app = self._app
        return bool(
            app
            and app.started
            and not app.rebalancing
            and app.assignor.assigned_actives()
            and app.tables.recovery.completed.is_set()
        )

    def _agent(self, take: Take) -> Callable[[Any], Awaitable[None]]:
        async def guarded(stream: Any) -> None:
            await self._knows_partitions.wait()
            async for events in stream.take_events(TAKE, within=WITHIN_S):
                failpoint.reach("tracker.received")
                for event in events:
                    await self._guard(event.message, take)
                failpoint.reach("tracker.taken")

        return guarded

    async def _guard(self, message: Any, take: Take) -> None:
        """Take one record. Nothing but cancellation and a failed dead letter leaves this."""
        try:
            await take(decode(message.topic, message.key, message.value, message.headers or ()))
            seen_by.HANDLED.labels(SERVICE, message.topic).inc()
        except InvalidMessage as invalid:
            await self._set_down(message, "invalid", invalid.reason)
        except Exception as bug:
            name = type(bug).__name__
            log.exception("a record failed", extra={"action": "record_failed", "bug": name})
            await self._set_down(message, "bug", name)

    async def _set_down(self, message: Any, kind: Kind, reason: str) -> None:
        """Dead-letter a record; if that cannot be done the process stops without going on."""
        dead = letter(SERVICE, message, kind, reason)
        try:
            await patiently(self._settings, SERVICE, lambda: kafka.publish(self._producer, [dead]))
        except Exception:
            log.critical("no dead letter could be written", extra={"action": "stopped"})
            os._exit(1)
        failpoint.reach("tracker.dead_lettered")
        seen_by.DEAD_LETTERS.labels(SERVICE, kind).inc()

    # -- the two agents ----------------------------------------------------------------------

    async def _take_unit(self, event: Event) -> None:
        assert isinstance(event, UnitAssigned | UnitStatusChanged)  # noqa: S101 (the topic's types)
        before = self._watch(event.unit_id)
        after = follow(before, event)
        if after is not before:
            self._keep(event.unit_id, after)

    async def _take_fix(self, event: Event) -> None:
        assert isinstance(event, PositionReported)  # noqa: S101 (the topic's only type)
        before = self._watch(event.unit_id)
        after, count = see(before, event, self._outside)
        if before is not None and count is not None:
            self._outside[before.leg_id] = count
        if before is not None and after is not None and after is not before:
            self._outside.pop(before.leg_id, None)
            self._keep(event.unit_id, after)
            failpoint.reach("tracker.edge_kept")
            await self._pay(after)

    async def _send_again(self) -> None:
        """What is owed is sent again under the same id until it is seen back."""
        for raw in list(self._units.values()):
            await self._pay(Watch.model_validate_json(raw))

    async def _pay(self, watch: Watch) -> None:
        if watch.owes is None:
            return
        try:
            message = encode(watch.owes, "greenchannel/tracker")
            await kafka.publish(self._producer, [message])
            failpoint.reach("tracker.published")
        except TransientFailure:
            log.warning("a departure will be sent again", extra={"action": "departure_owed"})

    def _watch(self, unit_id: str) -> Watch | None:
        raw = self._units.get(unit_id.encode())
        return Watch.model_validate_json(raw) if raw else None

    def _keep(self, unit_id: str, watch: Watch | None) -> None:
        if watch is None:
            self._units.pop(unit_id.encode(), None)
        else:
            self._units[unit_id.encode()] = watch.model_dump_json(exclude_none=True).encode()


async def main(settings: Settings) -> None:
    """Run until something fails."""
    tracker = Tracker(settings)

    async def is_ready() -> bool:
        return tracker.ready

    app = create_app(SERVICE, None, [], is_ready)
    await runtime.together([runtime.serve(app, settings), tracker.run])
