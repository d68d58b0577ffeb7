"""Gives back what a monitor measured of one patient and was taken for another, because the gateway
had not heard yet that it had gone from one to the other."""

from __future__ import annotations

import asyncio
import logging
from datetime import UTC, datetime, timedelta

from aiokafka import AIOKafkaProducer

from schemas.clinical import ObservationReattributed
from schemas.encounter import DeviceAttached
from schemas.envelope import derived_id
from schemas.event import Event
from services.dispatch.bedside import publish
from services.dispatch.bodies import LONGEST
from services.dispatch.device_clock import TOLERANCE
from services.dispatch.directory import Directory, Moved
from services.dispatch.history import Stretch, samples
from services.kit.errors import TransientFailure
from services.kit.patience import patiently
from services.kit.settings import Settings

log = logging.getLogger(__name__)

LOOK_S = 0.25
#: By then whatever was under way when it was heard of stands in the topic, from any worker.
SETTLES = timedelta(seconds=1)
#: Clocks of monitors that are not corrected may be ahead by so much.
AHEAD = TOLERANCE + SETTLES


class Restorer:
    """Looks at every monitor that a patient gets, a moment after it was heard of."""

    def __init__(
        self, settings: Settings, directory: Directory, producer: AIOKafkaProducer
    ) -> None:
        self._settings, self._directory, self._producer = settings, directory, producer

    async def run(self) -> None:
        """Look again and again; a broker that stays away ends it with ``TransientFailure``."""
        moved = self._directory.moved
        while True:
            while moved and self._directory.ready and _has_settled(moved[0]):
                await self._see_to(moved[0])
                moved.popleft()
            await asyncio.sleep(LOOK_S)

    async def _see_to(self, moved: Moved) -> None:
        """One that fails for an unforeseen reason stops no telemetry: people can give back too."""
        try:
            await patiently(self._settings, "restorer", lambda: self._restore(moved))
        except TransientFailure:
            raise
        except Exception:
            log.exception("samples cannot be given back", extra={"action": "not_given_back"})

    async def _restore(self, moved: Moved) -> None:
        """The same again changes nothing: each sample keeps its id, and so does the word on it."""
        attached, stretch = moved.attached, self._stretch(moved)
        if stretch is None:
            return
        found = await samples(self._settings, stretch)
        if not found:
            return
        # No further than these: the monitor may go back to the patient before.
        last = max(sample.occurred_at for sample in found)
        stretch = stretch._replace(until=last + timedelta(milliseconds=1))
        theirs: list[Event] = [e.but(encounter_id=attached.encounter_id) for e in found]
        await publish(self._producer, [*theirs, _told(attached, stretch)])
        log.warning("samples were given back", extra={"action": "given_back", "count": len(found)})

    def _stretch(self, moved: Moved) -> Stretch | None:
        """What of it may have been taken for the patient before, if there was one."""
        attached, monitors = moved.attached, self._directory.monitors
        before = monitors.before(attached)
        until = moved.heard_at + AHEAD
        until = min(until, monitors.after(attached) or until)
        if before is None or not timedelta(0) < until - attached.occurred_at <= LONGEST:
            return None  # so much at once is for a human to give back: it may be a slip
        return Stretch(before, attached.device_id, attached.occurred_at, until)


def _has_settled(moved: Moved) -> bool:
    return datetime.now(UTC) - moved.heard_at >= SETTLES


def _told(attached: DeviceAttached, stretch: Stretch) -> ObservationReattributed:
    return ObservationReattributed(
        event_id=derived_id("given-back", attached.encounter_id, attached.event_id),
        occurred_at=attached.occurred_at,
        encounter_id=stretch.encounter_id,
        device_id=stretch.device_id,
        since=stretch.since,
        until=stretch.until,
        to_encounter_id=attached.encounter_id,
        reported_by="gateway",
    )
