"""Which monitor speaks for which patient, at which time."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from schemas.clinical import VitalSignsRecorded
from schemas.encounter import (
    DeviceAttached,
    DeviceDetached,
    EncounterEnded,
    EncounterOpened,
)
from schemas.event import Event

#: A monitor starts a moment before somebody presses "attached"; nobody else may hold it then.
HEAD_START = timedelta(seconds=5)


@dataclass
class Wearing:
    """One stretch of time in which a device belongs to an encounter."""

    encounter_id: str
    since: datetime
    until: datetime | None = None

    def covers(self, at: datetime) -> bool:
        """Whether a sample of this time belongs here, if nobody attached the device since."""
        return self.since <= at and (self.until is None or at < self.until)


@dataclass(frozen=True)
class Worn:
    """A monitor that a patient wears now, and the last that was heard of it as theirs."""

    device_id: str
    attached_at: datetime
    last: VitalSignsRecorded | None


@dataclass
class Monitors:
    """Who wore what and when, and every encounter; folded from events in any number.

    Only one encounter's events come in order. Whoever attached a device last before a sample has
    it then, so it does not matter which of two patients is heard of first.
    """

    _by_device: dict[str, list[Wearing]] = field(default_factory=lambda: defaultdict(list))
    _by_encounter: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    #: The newest sample by patient and device; nobody else heard it here, so a start forgets it.
    _heard: dict[tuple[str, str], VitalSignsRecorded] = field(default_factory=dict)
    #: Senders number for themselves: an id is one within an encounter and a kind of event.
    _taken: set[tuple[str, type[Event], str]] = field(default_factory=set)
    #: Who exists, each with the clinic that opened the encounter, if one did.
    encounters: dict[str, str | None] = field(default_factory=dict)

    def take(self, event: Event) -> None:
        """Take in an event of an encounter; the same one again changes nothing."""
        if isinstance(event, EncounterOpened):
            self.encounters[event.encounter_id] = event.facility_id
        elif isinstance(event, DeviceAttached | DeviceDetached | EncounterEnded):
            name = (event.encounter_id, type(event), event.event_id)
            if name not in self._taken:
                self._taken.add(name)
                self._hold(event)

    def _hold(self, event: DeviceAttached | DeviceDetached | EncounterEnded) -> None:
        if isinstance(event, DeviceAttached):
            self._attach(event)
        elif isinstance(event, DeviceDetached):
            self._close(event.device_id, event.encounter_id, event.occurred_at)
        else:
            for device_id in self._by_encounter.pop(event.encounter_id, ()):
                self._close(device_id, event.encounter_id, event.occurred_at)
                self._heard.pop((event.encounter_id, device_id), None)

    def hear(self, sample: VitalSignsRecorded) -> None:
        """A sample came, and was this patient's."""
        device_id, who = sample.device_id, sample.encounter_id
        if device_id is None or device_id not in self._by_encounter.get(who, ()):
            return
        last = self._heard.get((who, device_id))
        if last is None or last.occurred_at <= sample.occurred_at:
            self._heard[who, device_id] = sample

    def worn(self, encounter_id: str, now: datetime) -> list[Worn]:
        """What the patient wears now."""
        return [
            Worn(
                device_id,
                self._since(device_id, encounter_id),
                self._heard.get((encounter_id, device_id)),
            )
            for device_id in sorted(self._by_encounter.get(encounter_id, ()))
            if self.holder(device_id, now) == encounter_id
        ]

    def _since(self, device_id: str, encounter_id: str) -> datetime:
        """Since when it is this patient's."""
        theirs = (w.since for w in self._by_device[device_id] if w.encounter_id == encounter_id)
        return max(theirs)

    def _attach(self, event: DeviceAttached) -> None:
        """Whoever had the device until now loses it at this moment."""
        held = self._by_device[event.device_id]
        held.append(Wearing(event.encounter_id, event.occurred_at))
        held.sort(key=lambda w: (w.since, w.encounter_id))
        self._by_encounter[event.encounter_id].add(event.device_id)

    def _close(self, device_id: str, encounter_id: str, at: datetime) -> None:
        for worn in self._by_device[device_id]:
            if worn.encounter_id == encounter_id and worn.until is None:
                worn.until = at

    def before(self, attached: DeviceAttached) -> str | None:
        """Who had the monitor when this patient got it: until that is heard of, samples are still
        theirs."""
        held = self._by_device.get(attached.device_id, ())
        at, who = attached.occurred_at, attached.encounter_id
        last = next((w for w in reversed(held) if w.since <= at and w.encounter_id != who), None)
        return last.encounter_id if last is not None and last.covers(at) else None

    def after(self, attached: DeviceAttached) -> datetime | None:
        """When it went on to another patient, if it did."""
        held = self._by_device.get(attached.device_id, ())
        at, who = attached.occurred_at, attached.encounter_id
        return next((w.since for w in held if w.since > at and w.encounter_id != who), None)

    def holder(self, device_id: str, at: datetime) -> str | None:
        """The encounter a sample of this device and time belongs to; none when nobody has it."""
        held = self._by_device.get(device_id, ())
        for moment in (at, at + HEAD_START):
            last = next((w for w in reversed(held) if w.since <= moment), None)
            if last is not None and last.covers(moment):
                return last.encounter_id
        return None
