"""One dispatch of one unit: its stamps, each with its source, and what was corrected of them.

Nothing is overwritten: a correction stands beside the stamp it corrects, with its reason.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from pydantic import AwareDatetime

from schemas.event import Identifier, Text, Value
from schemas.incident import LocationSource
from schemas.unit import EtaUpdated, StampSource, UnitStatus
from services.dispatch.clock import Reading

S = UnitStatus
#: A button that somebody pressed, and what satellites show.
REPORTED: frozenset[StampSource] = frozenset({"crew", "dispatcher", "system"})
VERIFIED: frozenset[StampSource] = frozenset({"gps"})
_THERE = frozenset({S.ON_SCENE, S.LEFT_SCENE, S.AT_DESTINATION})


#: What satellites saw is known to within this; what lies between two fixes farther apart is not.
SURE = timedelta(seconds=30)


class Stamp(Value):
    """When a status was reached, by whose word."""

    stamp_id: Identifier
    status: UnitStatus
    source: StampSource
    occurred_at: AwareDatetime
    recorded_at: AwareDatetime | None = None
    #: By GPS: when it was last seen that it had not happened yet.
    not_before: AwareDatetime | None = None


class Correction(Value):
    """A stamp was wrong. ``occurred_at`` is when it really was; none, where it never was."""

    stamp_id: Identifier
    occurred_at: AwareDatetime | None = None
    reason: Text
    corrected_by: Identifier
    recorded_at: AwareDatetime


class Silence(Value):
    """Nothing is heard of a unit on a dispatch. ``is_overdue``: somebody should call."""

    since: AwareDatetime
    is_overdue: bool


class Leg(Value):
    """One dispatch of one unit, from notification until it is free again."""

    leg_id: Identifier
    #: The call that it is for: of two that were merged, the one that goes on.
    incident_id: Identifier
    unit_id: Identifier
    #: The call that it was sent to, where that goes on as another.
    sent_to: Identifier | None = None
    #: Told while it was on the road already.
    is_rolling: bool = False
    #: The dispatch of another unit, in whose place this one goes.
    replaces: Identifier | None = None
    #: The station that it was sent from, as the register had it then.
    station_id: Identifier | None = None
    county: Identifier | None = None
    #: The hospital that it was told to drive to; and since when, where it was another before.
    destination_id: Identifier | None = None
    redirected_at: AwareDatetime | None = None
    stamps: tuple[Stamp, ...] = ()
    corrections: tuple[Correction, ...] = ()
    #: Who said where the patient is, as the unit was sent there; and how far from that it stood.
    scene_source: LocationSource | None = None
    scene_off_m: float | None = None
    #: What was expected when it set out: when it is on scene, and at its destination.
    expected_on_scene: AwareDatetime | None = None
    expected_at_destination: AwareDatetime | None = None
    #: When it will be where it drives to, as last told.
    eta: EtaUpdated | None = None
    silence: Silence | None = None

    def going_on_as(self, incident_id: str) -> Leg:
        """The same for another call: its own goes on as that one, or is itself again."""
        first = self.first_call
        return self.but(incident_id=incident_id, sent_to=None if first == incident_id else first)

    @property
    def first_call(self) -> str:
        """The call that it was sent to."""
        return self.sent_to or self.incident_id

    @property
    def standing(self) -> tuple[Stamp, ...]:
        """The stamps as they stand after all corrections."""
        last = {correction.stamp_id: correction.occurred_at for correction in self.corrections}
        if not last:
            return self.stamps
        found = []
        for stamp in self.stamps:
            at = last.get(stamp.stamp_id, stamp.occurred_at)
            if at is not None:
                found.append(stamp if at == stamp.occurred_at else stamp.but(occurred_at=at))
        return tuple(found)

    def stamped(self, status: UnitStatus, source: StampSource) -> bool:
        """Whether this source has given this stamp, and it was not taken back."""
        return any(s.status is status and s.source == source for s in self.standing)

    def at(self, status: UnitStatus, sources: Collection[StampSource]) -> datetime | None:
        """When a status was first reached, by the word of any of these."""
        return min(
            (s.occurred_at for s in self.standing if s.status is status and s.source in sources),
            default=None,
        )

    @property
    def notified_at(self) -> datetime | None:
        """When the unit was told to go: its clock begins."""
        return self.at(S.NOTIFIED, REPORTED)

    def dispatch(self) -> Dispatch:
        """The same as its clocks see it."""
        return Dispatch(
            leg_id=self.leg_id,
            incident_id=self.incident_id,
            unit_id=self.unit_id,
            notified=self.notified_at,
            acknowledged=self.at(S.ACKNOWLEDGED, REPORTED),
            departed=self.at(S.DEPARTED, REPORTED),
            on_scene=self.at(S.ON_SCENE, REPORTED),
            left_scene=self.at(S.LEFT_SCENE, REPORTED),
            at_destination=self.at(S.AT_DESTINATION, REPORTED),
            available=self.at(S.AVAILABLE, REPORTED),
            stood_down=self.at(S.STOOD_DOWN, REPORTED),
            seen_to_depart=self.at(S.DEPARTED, VERIFIED),
            seen_not_before=self.seen_not_before,
            seen_on_scene=self._surely_seen(S.ON_SCENE),
            seen_left_scene=self._surely_seen(S.LEFT_SCENE),
            seen_at_destination=self._surely_seen(S.AT_DESTINATION),
            expected_on_scene=self.expected_on_scene,
            expected_at_destination=self.expected_at_destination,
            scene_source=self.scene_source,
            scene_off_m=self.scene_off_m,
            station_id=self.station_id,
            county=self.county,
            is_rolling=self.is_rolling,
            learned_at=self.learned_at(REPORTED),
            seen_learned_at=self.learned_at(VERIFIED),
        )

    def _surely_seen(self, status: UnitStatus) -> datetime | None:
        """When satellites saw it; none where nobody looked for a while before."""
        seen = (s for s in self.stamps if s.status is status and s.source in VERIFIED)
        stamp = next(seen, None)
        if stamp is None or stamp.not_before is None:
            return None
        return stamp.occurred_at if stamp.occurred_at - stamp.not_before <= SURE else None

    @property
    def goes(self) -> bool:
        """Whether its unit is neither free again nor out of service."""
        ends = (S.AVAILABLE, S.STOOD_DOWN, S.OUT_OF_SERVICE)
        return all(self.at(status, REPORTED) is None for status in ends)

    @property
    def was_lost(self) -> bool:
        """Whether it was called back before it was there, or broke down before it was at a
        hospital: who waits there waits as if nobody had been sent."""
        been = {stamp.status for stamp in self.standing}
        broken, free = self.at(S.OUT_OF_SERVICE, REPORTED), self.at(S.AVAILABLE, REPORTED)
        if broken is not None and (free is None or broken <= free):
            return S.AT_DESTINATION not in been
        return S.STOOD_DOWN in been and not been & _THERE

    @property
    def seen_not_before(self) -> datetime | None:
        """When satellites last saw it stand where it left from."""
        seen = (s for s in self.stamps if s.status is S.DEPARTED and s.source in VERIFIED)
        return next((stamp.not_before for stamp in seen), None)

    def learned_at(self, sources: Collection[StampSource]) -> datetime | None:
        """When any of these last stamped what its three minutes rest on, or was corrected. Who is
        called back after having left has left."""
        statuses = {S.NOTIFIED, S.DEPARTED}
        if self.at(S.DEPARTED, sources) is None:
            statuses.add(S.STOOD_DOWN)
        rests_on = [s for s in self.stamps if s.status in statuses and s.source in sources]
        learned = [stamp.recorded_at for stamp in rests_on]
        ids = {stamp.stamp_id for stamp in rests_on}
        learned += [each.recorded_at for each in self.corrections if each.stamp_id in ids]
        return max(filter(None, learned), default=None)


class Dispatch(NamedTuple):
    """One dispatch of one unit as its clocks see it: when each status was first reported, and when
    satellites saw the unit leave."""

    leg_id: str
    incident_id: str
    unit_id: str
    notified: datetime | None = None
    acknowledged: datetime | None = None
    departed: datetime | None = None
    on_scene: datetime | None = None
    left_scene: datetime | None = None
    at_destination: datetime | None = None
    available: datetime | None = None
    stood_down: datetime | None = None
    seen_to_depart: datetime | None = None
    #: When it was last seen to stand where it left from.
    seen_not_before: datetime | None = None
    seen_on_scene: datetime | None = None
    seen_left_scene: datetime | None = None
    seen_at_destination: datetime | None = None
    expected_on_scene: datetime | None = None
    expected_at_destination: datetime | None = None
    scene_source: LocationSource | None = None
    scene_off_m: float | None = None
    station_id: str | None = None
    county: str | None = None
    is_rolling: bool = False
    #: When what its three minutes rest on was last stamped or corrected; and seen.
    learned_at: datetime | None = None
    seen_learned_at: datetime | None = None

    def as_emergency_since(
        self, at: datetime | None, learned_at: datetime | None = None
    ) -> Dispatch:
        """The same as its three minutes see it, where the call became an emergency only then: who
        was on the road already is apart, who was not is given its time from then on.
        ``learned_at``: when that was told."""
        if learned_at is not None:
            last = max(learned_at, self.learned_at or learned_at)
            return self._replace(learned_at=last).as_emergency_since(at)
        if at is None or self.notified is None or self.notified >= at:
            return self
        gone = (each for each in (self.departed, self.seen_to_depart) if each is not None)
        if any(each < at for each in gone):
            return self._replace(is_rolling=True)
        return self._replace(notified=at)

    def reading(self, ended: datetime | None, until: datetime | None = None) -> Reading:
        """Its three-minute clock, which ended then. ``until``: when its period had ended."""
        late = is_after(self.learned_at, until)
        return Reading(self.notified, ended, self.stood_down, self.is_rolling, late)

    def verified(self, until: datetime | None = None) -> Reading:
        """The same by satellites alone. They saw it leave between two moments; where people say
        that it left and nobody saw it, nothing is known."""
        seen = self.reading(self.seen_to_depart, until)
        unseen = self.departed is not None and self.seen_to_depart is None
        return seen._replace(
            is_between=True,
            not_before=self.seen_not_before,
            stood_down=None if unseen else self.stood_down,
            is_restated=seen.is_restated or is_after(self.seen_learned_at, until),
        )

    @property
    def is_over(self) -> bool:
        """Whether the unit is free again."""
        return self.available is not None or self.stood_down is not None


def is_after(at: datetime | None, until: datetime | None) -> bool:
    """Whether something was learned when a period had ended."""
    return at is not None and until is not None and at > until


def first_unit(dispatches: Sequence[Dispatch], until: datetime | None = None) -> Reading:
    """The three-minute clock of an incident: from its first notification to the first departure
    that was reported. A unit that goes in another one's place does not begin it anew."""
    began = [each.notified for each in dispatches if each.notified is not None]
    ended = [each.departed for each in dispatches if each.departed is not None]
    back = [each.stood_down for each in dispatches if each.stood_down is not None]
    first = min(began, default=None)
    return Reading(
        began=first,
        ended=min(ended, default=None),
        stood_down=max(back) if back and len(back) == len(dispatches) else None,
        is_rolling=any(each.is_rolling and each.notified == first for each in dispatches),
        is_restated=any(each.reading(None, until).is_restated for each in dispatches),
    )


#: From one status to another: the intervals of a dispatch.
INTERVALS = (
    ("notified", "acknowledged"),
    ("notified", "departed"),
    ("departed", "on_scene"),
    ("notified", "on_scene"),
    ("on_scene", "left_scene"),
    ("left_scene", "at_destination"),
    ("at_destination", "available"),
)


def intervals(
    dispatches: Sequence[Dispatch], *, are_over: bool = False
) -> Mapping[str, list[Reading]]:
    """What each interval was, by its name, in each dispatch. ``are_over``: nothing more is expected
    of any."""
    return {
        f"{begins}_to_{ends}": [
            Reading(
                getattr(each, begins),
                getattr(each, ends),
                each.stood_down,
                is_over=are_over or each.is_over,
            )
            for each in dispatches
        ]
        for begins, ends in INTERVALS
    }
