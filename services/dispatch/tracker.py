"""The tracker, a Faust application: what GPS shows of every unit. Faust stands in this file only.

Faust carries the stream of fixes, and nothing rests on its delivery: orders and stamps are read
anew from ``dispatch-units`` at every start, and so are the fixes since shortly before what was
taken last. A movement is sent again under the same id until its stamp is seen back.
"""

from __future__ import annotations

import asyncio
import logging
import os
import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import faust
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.partitioner import DefaultPartitioner

from schemas.envelope import InvalidMessage, decode, encode
from schemas.event import Event
from schemas.unit import PositionReported, UnitAssigned, UnitDirected, UnitStatusChanged
from services.dispatch import loader
from services.dispatch.outlook import look
from services.dispatch.progress import see
from services.dispatch.track import Owed, Region, Track, is_forgotten, latest, order
from services.kit import failpoint, kafka, runtime
from services.kit import metrics as seen_by
from services.kit.dead_letters import Kind, letter
from services.kit.errors import TransientFailure
from services.kit.follower import Follower
from services.kit.http import create_app
from services.kit.lag import Lag
from services.kit.patience import patiently
from services.kit.settings import Misconfigured, Settings

log = logging.getLogger(__name__)

SERVICE = "tracker"
FIXES_TOPIC = "ambulance-positions"
TAKE, WITHIN_S = 200, 0.2
AGAIN_S, LOOK_S = 30.0, 5.0
#: A leg is over after a day; and a unit that stands says so several times in this.
ORDERS, FIXES = timedelta(days=1), timedelta(seconds=90)
#: So long it is waited for the first record that was not taken.
OLDEST_S = 10.0


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


def region_of(settings: Settings) -> Region:
    """The roads that a site knows. Raises ``Misconfigured``."""
    try:
        roads = loader.roads(settings.dispatch_roads or loader.ROADS)
    except loader.DispatchRefused as refused:
        raise Misconfigured(str(refused)) from refused
    return Region(roads, ZoneInfo(settings.time_zone))


class Tracker:
    """Every unit, followed: an agent over the fixes, and the debt of what they showed."""

    def __init__(self, settings: Settings, region: Region) -> None:
        self._settings = settings
        self._region = region
        self._tracks: dict[str, Track] = {}
        #: What is told once the broker takes it, and stamped by nobody.
        self._untold: dict[str, Event] = {}
        self._is_at_work = self._is_new_here = False
        self._producer: AIOKafkaProducer
        self._app: Any = None
        self._partitioner = DefaultPartitioner()
        self._places: list[TopicPartition] = []
        self.orders = Follower(settings, "dispatch-units", self._take_order, ORDERS)
        self._lag = Lag(SERVICE, self._end_of)

    async def run(self) -> None:
        """Run until Faust stops or crashes."""
        settings = self._settings
        self._producer = await patiently(
            settings, SERVICE, lambda: kafka.started(lambda: kafka.producer(settings))
        )
        numbers = sorted(await self._producer.partitions_for(FIXES_TOPIC))
        self._places = [TopicPartition(FIXES_TOPIC, number) for number in numbers]
        with tempfile.TemporaryDirectory() as folder:
            try:
                await patiently(settings, SERVICE, lambda: self.orders.caught_up(AGAIN_S))
                await self._recall()
                self._app = self._built(application(settings, folder))
                await self._app.start()
                while not (self._app.should_stop or self._app.crashed):  # noqa: ASYNC110
                    await asyncio.sleep(0.2)
                raise RuntimeError("the stream application has stopped")
            finally:
                if self._app is not None:
                    await self._app.stop()
                await kafka.stop(self._producer)

    async def _recall(self) -> None:
        """Read the fixes again since shortly before the first that was not taken: where a unit
        stood before it moved is part of what its next fix shows. What they show is told here: Faust
        hands over those that were not taken when they are known, and show nothing any more."""
        settings = self._settings
        oldest = await patiently(settings, SERVICE, lambda: first_not_taken(settings, self._places))
        since = min(oldest or datetime.now(UTC), datetime.now(UTC)) - FIXES
        window = datetime.now(UTC) - since
        await Follower(settings, FIXES_TOPIC, self._take_fix, window).read()
        await self._tell(
            [event for track in list(self._tracks.values()) for event in latest(track)]
        )

    def _built(self, app: Any) -> Any:
        # Bytes throughout: a key or value that Faust itself has to decode, and cannot, ends the
        # stream behind ``take`` in silence.
        raw = {"key_type": bytes, "value_type": bytes}
        fixes = app.topic(FIXES_TOPIC, **raw, key_serializer="raw", value_serializer="raw")
        app.agent(fixes, name="tracker.fixes", concurrency=1)(self._take_fixes)
        app.timer(interval=AGAIN_S)(self._send_again)
        app.timer(interval=LOOK_S)(self._look)
        app.on_partitions_assigned.connect(self._is_assigned)
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

    def _end_of(self, place: TopicPartition) -> int | None:
        found: int | None = self._app.consumer.highwater(place)
        return found

    async def _take_fixes(self, stream: Any) -> None:
        async for events in stream.take_events(TAKE, within=WITHIN_S):
            failpoint.reach("tracker.received")
            shown = [each for event in events for each in await self._guard(event.message)]
            if shown:
                failpoint.reach("tracker.edge_kept")
                await self._tell(shown)
            for event in events:
                message = event.message
                place = TopicPartition(message.topic, message.partition)
                self._lag.took(place, message.offset, round(1000 * message.timestamp))
            failpoint.reach("tracker.taken")

    async def _guard(self, message: Any) -> Sequence[Event]:
        """Take one record; what it shows is to be told. Faust acknowledges an event whose agent
        raised: nothing but cancellation and a failed dead letter leaves this."""
        try:
            fix = decode(message.topic, message.key, message.value, message.headers or ())
            shown = self._take_fix(fix)
            seen_by.HANDLED.labels(SERVICE, message.topic).inc()
            return shown
        except InvalidMessage as invalid:
            await self._set_down(message, "invalid", invalid.reason)
        except Exception as bug:
            name = type(bug).__name__
            log.exception("a record failed", extra={"action": "record_failed", "bug": name})
            await self._set_down(message, "bug", name)
        return ()

    async def _set_down(self, message: Any, kind: Kind, reason: str) -> None:
        """Dead-letter a record; if that cannot be done the process stops without going on."""
        dead = letter(SERVICE, message, kind, reason)
        try:
            await patiently(self._settings, SERVICE, lambda: kafka.publish(self._producer, [dead]))
        except Exception:
            log.critical("no dead letter could be written", extra={"action": "stopped"})
            os._exit(1)
        failpoint.reach("tracker.dead_lettered")
        seen_by.DEAD_LETTERS.labels(SERVICE, message.topic, kind).inc()

    # -- orders, fixes, movements ------------------------------------------------------------

    def _take_order(self, event: Event) -> None:
        if isinstance(event, UnitAssigned | UnitDirected | UnitStatusChanged):
            track = self._tracks.get(event.unit_id) or Track(unit_id=event.unit_id)
            self._tracks[event.unit_id] = order(track, event)

    def _take_fix(self, event: Event) -> Sequence[Event]:
        """Follow the unit; what is shown by this fix and by none before."""
        assert isinstance(event, PositionReported)  # noqa: S101 (the topic's only type)
        track = self._tracks.get(event.unit_id) or Track(unit_id=event.unit_id)
        self._tracks[event.unit_id], shown = see(track, event, self._region)
        return shown

    async def _look(self) -> None:
        """Who is silent by now; and who was forgotten by everybody."""
        if self._is_new_here:
            self._is_new_here = False
            await self._recall()
        now = datetime.now(UTC)
        silent: list[Event] = []
        for unit_id, track in list(self._tracks.items()):
            if is_forgotten(track, now):
                del self._tracks[unit_id]
            elif track.mission is not None and self._is_ours(unit_id):
                self._tracks[unit_id], told = look(track, now, self._region)
                silent += told
        if silent:
            await self._tell(silent)

    async def _is_assigned(self, app: Any, assigned: set[Any], **_: Any) -> None:
        """Units of another worker are followed from here on: their last fixes are read too. The
        first that are assigned were read before."""
        is_first, self._is_at_work = not self._is_at_work, True
        self._is_new_here = not is_first and any(p.topic == FIXES_TOPIC for p in assigned)
        self._lag.keep({TopicPartition(p.topic, p.partition) for p in assigned})

    def _is_ours(self, unit_id: str) -> bool:
        """Whether the fixes of this unit come to this worker."""
        place = self._partitioner(unit_id.encode(), self._places, self._places)
        mine = self._app.assignor.assigned_actives()
        return any((each.topic, each.partition) == place for each in mine)

    async def _send_again(self) -> None:
        """What is owed is sent again under the same id until it is seen back."""
        owed = [event for track in list(self._tracks.values()) for event in track.owed]
        await self._tell([*owed, *self._untold.values()])

    async def _tell(self, events: Sequence[Event]) -> None:
        """Send; what the broker does not take is sent again with what is owed."""
        kept = {event.event_id: event for event in events if not isinstance(event, Owed)}
        self._untold |= kept
        try:
            messages = [encode(event, "greenchannel/tracker") for event in events]
            await kafka.publish(self._producer, messages)
            failpoint.reach("tracker.published")
        except TransientFailure:
            log.warning("movements will be sent again", extra={"action": "movements_owed"})
        else:
            for event_id in kept:
                self._untold.pop(event_id, None)


async def first_not_taken(settings: Settings, places: Sequence[TopicPartition]) -> datetime | None:
    """When the oldest fix that nobody has taken yet came to the broker; none where all are taken.

    Raises ``TransientFailure``.
    """
    found: dict[TopicPartition, datetime] = {}
    reader = await kafka.started(lambda: kafka.reader(settings, group=SERVICE))
    try:
        reader.assign(places)
        waiting = await _not_taken(reader, places)
        deadline = asyncio.get_running_loop().time() + OLDEST_S
        while waiting - found.keys():
            if asyncio.get_running_loop().time() > deadline:
                raise TransientFailure(f"{FIXES_TOPIC} does not come")
            for place, records in (await reader.getmany(timeout_ms=200, max_records=50)).items():
                at = datetime.fromtimestamp(records[0].timestamp / 1000, UTC)
                found.setdefault(place, at)
    finally:
        await kafka.stop(reader)
    return min(found.values(), default=None)


async def _not_taken(
    reader: AIOKafkaConsumer, places: Sequence[TopicPartition]
) -> set[TopicPartition]:
    """The places with fixes that were not taken; the reader stands at the first of each."""
    ends = await reader.end_offsets(places)
    firsts = await reader.beginning_offsets(places)
    waiting = set()
    for place in places:
        taken = await reader.committed(place)
        first = max(firsts[place], taken or 0)
        reader.seek(place, first)
        if taken is not None and first < ends[place]:
            waiting.add(place)
        else:
            reader.pause(place)
    return waiting


async def main(settings: Settings) -> None:
    """Run until something fails."""
    tracker = Tracker(settings, region_of(settings))

    async def is_ready() -> bool:
        return tracker.ready

    app = create_app(SERVICE, None, [], is_ready)
    await runtime.together([runtime.serve(app, settings), tracker.orders.run, tracker.run])
