"""Reads back what a monitor said of a patient: the gateway keeps no record of it."""

from __future__ import annotations

from collections.abc import Collection
from contextlib import suppress
from datetime import datetime
from typing import NamedTuple

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError
from aiokafka.partitioner import DefaultPartitioner

from schemas.clinical import VitalSignsRecorded
from schemas.envelope import InvalidMessage, decode
from services.dispatch.device_clock import TOLERANCE
from services.kit import kafka
from services.kit.errors import TransientFailure
from services.kit.settings import Settings

TOPIC = "ambulance-vitals"
#: A broker that says nothing for this long is away.
SILENCE_MS = 5_000


class Stretch(NamedTuple):
    """What one monitor measured from ``since`` until before ``until``, taken for this patient."""

    encounter_id: str
    device_id: str
    since: datetime
    until: datetime


async def samples(settings: Settings, wanted: Stretch) -> list[VitalSignsRecorded]:
    """The samples of a stretch that stand in the topic now. Raises ``TransientFailure``."""
    consumer = await kafka.started(lambda: kafka.reader(settings, TOPIC))
    try:
        places = consumer.assignment()
        place = _place_of(places, wanted.encounter_id.encode())
        consumer.pause(*(places - {place}))
        return await _read(consumer, place, wanted)
    except KafkaError as error:
        raise TransientFailure(type(error).__name__) from error
    finally:
        await kafka.stop(consumer)


def _place_of(places: Collection[TopicPartition], key: bytes) -> TopicPartition:
    """The partition in which our producers put this key."""
    known = sorted(place.partition for place in places)
    if not known:
        raise TransientFailure(f"{TOPIC} is not there")
    return TopicPartition(TOPIC, DefaultPartitioner()(key, known, known))


async def _read(
    consumer: AIOKafkaConsumer, place: TopicPartition, wanted: Stretch
) -> list[VitalSignsRecorded]:
    key = wanted.encounter_id.encode()
    # Nothing is recorded before it is measured, but by clocks that differ this much.
    since = round((wanted.since - TOLERANCE).timestamp() * 1000)
    first = (await consumer.offsets_for_times({place: since}))[place]
    end = (await consumer.end_offsets([place]))[place]
    if first is None:
        return []
    consumer.seek(place, first.offset)
    found: list[VitalSignsRecorded] = []
    at = first.offset
    while at < end:
        fetched = await consumer.getmany(place, timeout_ms=SILENCE_MS, max_records=1_000)
        records = fetched.get(place)
        if not records:
            raise TransientFailure("the broker does not answer")
        for record in records:
            if record.key != key or record.offset >= end:
                continue
            with suppress(InvalidMessage):  # what cannot be read was set down by triage
                event = decode(record.topic, record.key, record.value, record.headers)
                if isinstance(event, VitalSignsRecorded) and _is_in(event, wanted):
                    found.append(event)
        at = records[-1].offset + 1
    return found


def _is_in(event: VitalSignsRecorded, wanted: Stretch) -> bool:
    is_theirs = event.method == "streamed" and event.device_id == wanted.device_id
    return is_theirs and wanted.since <= event.occurred_at < wanted.until
