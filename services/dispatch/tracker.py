"""The tracker, a Faust application: departures as GPS shows them. Faust stands in this file only.

Faust carries the stream of fixes, and nothing rests on its delivery: orders and stamps are read
anew from ``dispatch-units`` at every start, and so are the fixes of the last minutes. A departure
is sent again under the same id until its stamp is seen back.
"""

from __future__ import annotations

import asyncio
import logging
import os
import tempfile
from datetime import timedelta
from typing import Any

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
from services.kit.follower import Follower
from services.kit.http import create_app
from services.kit.patience import patiently
from services.kit.settings import Settings

log = logging.getLogger(__name__)

SERVICE = "tracker"
TAKE, WITHIN_S = 200, 0.2
AGAIN_S = 30.0
#: A leg is over after a day; and no restart takes longer than these minutes.
ORDERS, FIXES = timedelta(days=1), timedelta(minutes=5)


def application(settings: Settings, folder: str) -> Any:
    """The Faust application with the settings that were found to hold; ``folder`` stays empty."""
    password = settings.kafka_sasl_plain_password
    context = kafka.encryption(settings)
    credentials: Any = None
    if password is not None:
        credentials = faust.SASLCredentials(
            username=settings.kafka_sasl_plain_username,
            password=password.get_secret_value(),
            mechanism=settings.kafka_sasl_mechanism,
            ssl_context=context,
        )
    elif context is not None:
        credentials = faust.SSLCredentials(context)
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
    """Every unit on a leg, followed; an agent over the fixes, and the debt of departures."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._watches: dict[str, Watch] = {}
        self._producer: AIOKafkaProducer
        self._app: Any = None
        self.orders = Follower(settings, "dispatch-units", self._take_order, ORDERS)

    async def run(self) -> None:
        """Run until Faust stops or crashes."""
        settings = self._settings
        self._producer = await patiently(
            settings, SERVICE, lambda: kafka.started(lambda: kafka.producer(settings))
        )
        with tempfile.TemporaryDirectory() as folder:
            try:
                await patiently(settings, SERVICE, lambda: self.orders.caught_up(AGAIN_S))
                await Follower(settings, "ambulance-positions", self._take_fix, FIXES).read()
                await self._send_again()
                self._app = self._built(application(settings, folder))
                await self._app.start()
                while not (self._app.should_stop or self._app.crashed):  # noqa: ASYNC110
                    await asyncio.sleep(0.2)
                raise RuntimeError("the stream application has stopped")
            finally:
                if self._app is not None:
                    await self._app.stop()
                await kafka.stop(self._producer)

    def _built(self, app: Any) -> Any:
        # Bytes throughout: a key or value that Faust itself has to decode, and cannot, ends the
        # stream behind ``take`` in silence.
        raw = {"key_type": bytes, "value_type": bytes}
        fixes = app.topic(
            "ambulance-positions", **raw, key_serializer="raw", value_serializer="raw"
        )
        app.agent(fixes, name="tracker.fixes", concurrency=1)(self._take_fixes)
        app.timer(interval=AGAIN_S)(self._send_again)
        app.sensors.add(_Commits())
        return app

    @property
    def ready(self) -> bool:
        """Whether orders are known and partitions are assigned."""
        app = self._app
        return bool(
            self.orders.ready
            and app
            and app.started
            and not app.rebalancing
            and app.assignor.assigned_actives()
        )

    async def _take_fixes(self, stream: Any) -> None:
        async for events in stream.take_events(TAKE, within=WITHIN_S):
            failpoint.reach("tracker.received")
            for event in events:
                await self._guard(event.message)
            failpoint.reach("tracker.taken")

    async def _guard(self, message: Any) -> None:
        """Take one record. Faust acknowledges an event whose agent raised: nothing but
        cancellation and a failed dead letter leaves this."""
        try:
            fix = decode(message.topic, message.key, message.value, message.headers or ())
            owing = self._take_fix(fix)
            seen_by.HANDLED.labels(SERVICE, message.topic).inc()
        except InvalidMessage as invalid:
            await self._set_down(message, "invalid", invalid.reason)
        except Exception as bug:
            name = type(bug).__name__
            log.exception("a record failed", extra={"action": "record_failed", "bug": name})
            await self._set_down(message, "bug", name)
        else:
            if owing is not None:
                failpoint.reach("tracker.edge_kept")
                await self._pay(owing)

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

    # -- orders, fixes, departures -----------------------------------------------------------

    def _take_order(self, event: Event) -> None:
        if not isinstance(event, UnitAssigned | UnitStatusChanged):
            return  # what a human corrects is no movement
        watch = follow(self._watches.get(event.unit_id), event)
        if watch is None:
            self._watches.pop(event.unit_id, None)
        else:
            self._watches[event.unit_id] = watch

    def _take_fix(self, event: Event) -> Watch | None:
        """Follow the unit; the watch of one that is seen to have left with this fix."""
        assert isinstance(event, PositionReported)  # noqa: S101 (the topic's only type)
        before = self._watches.get(event.unit_id)
        if before is None:
            return None
        after = self._watches[event.unit_id] = see(before, event)
        return after if after.departed is not before.departed else None

    async def _send_again(self) -> None:
        """What is owed is sent again under the same id until it is seen back."""
        for watch in list(self._watches.values()):
            await self._pay(watch)

    async def _pay(self, watch: Watch) -> None:
        if watch.owes is None:
            return
        try:
            message = encode(watch.owes, "greenchannel/tracker")
            await kafka.publish(self._producer, [message])
            failpoint.reach("tracker.published")
        except TransientFailure:
            log.warning("a departure will be sent again", extra={"action": "departure_owed"})


async def main(settings: Settings) -> None:
    """Run until something fails."""
    tracker = Tracker(settings)

    async def is_ready() -> bool:
        return tracker.ready

    app = create_app(SERVICE, None, [], is_ready)
    await runtime.together([runtime.serve(app, settings), tracker.orders.run, tracker.run])
