"""Missions as a dispatch centre recorded them: one row is one dispatch of one unit.

Lancaster County and Lincoln, Nebraska, 2010 to 2015. ``dispatch_time`` is the local clock at the
notification, the columns ``*_s`` are seconds after it; empty means never stamped.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import groupby
from typing import NamedTuple, TypeAlias
from zoneinfo import ZoneInfo

from simulator.replays.account import Unreadable
from simulator.replays.table import rows_of

#: Local clock times are of this zone. Of an hour that came twice the first is meant.
ZONE = ZoneInfo("America/Chicago")
#: A column of seconds and the contract's word for it. ``reached`` is told of the patient, all
#: others of the unit.
STAMPS: Mapping[str, str] = {
    "enroute_s": "departed",
    "arrive_s": "on_scene",
    "at_patient_s": "reached",
    "to_hospital_s": "left_scene",
    "at_hospital_s": "at_destination",
    "clear_s": "available",
}
_COLUMNS = ("incident_num", "incident_date", "mpds_card", "unit", "dispatch_time", *STAMPS,
            "monotonic", "remark_flag")  # fmt: skip
LIMIT = timedelta(seconds=180)


class Mission(NamedTuple):
    """One dispatch of one unit, its stamps in the order of the columns."""

    place: str
    incident: str
    unit: str
    notified: datetime
    stamps: Mapping[str, datetime]
    #: The call has a card of the medical dispatch protocol: the others are fires, alarms, aid.
    is_medical: bool
    #: The publisher's mark ``monotonic``: no stamp is earlier than one before it.
    is_in_order: bool
    #: Why it is not sent: the publisher marks it as a test or as a duplicate.
    flag: str

    @property
    def last(self) -> datetime:
        """When the record has its last word."""
        return max((self.notified, *self.stamps.values()))


class Happening(NamedTuple):
    """A notification (``notified``) or a stamp, at the time a live line would have carried it."""

    mission: Mission
    status: str
    at: datetime
    #: Nothing more happens to this mission.
    is_last: bool


Row: TypeAlias = Mission | Unreadable


def read(text: str, file: str) -> Iterator[Row]:
    """The missions of a file. Raises ``WrongTable``."""
    for place, row in rows_of(text, file, _COLUMNS):
        try:
            yield _mission(place, row)
        except ValueError:
            yield Unreadable(place, "a time or a number that cannot be read")


def _mission(place: str, row: Mapping[str, str]) -> Mission:
    told = f"{row['incident_date']} {row['dispatch_time']}"
    notified = datetime.strptime(told, "%m/%d/%y %H:%M:%S").replace(tzinfo=ZONE).astimezone(UTC)
    stamps = {
        status: notified + timedelta(seconds=float(row[column]))
        for column, status in STAMPS.items()
        if row[column]
    }
    return Mission(
        place=place,
        incident=row["incident_num"],
        unit=row["unit"],
        notified=notified,
        stamps=stamps,
        is_medical=bool(row["mpds_card"]),
        is_in_order=row["monotonic"] != "0",
        flag=row["remark_flag"],
    )


def by_unit(missions: Iterable[Mission]) -> Sequence[Sequence[Happening]]:
    """What happened to each unit, in the order of time.

    A stamp from before its notification comes right after it: before, nobody had sent the unit.
    Of what is stamped in the same second, the earlier mission comes first, and within a mission
    the order of the columns.
    """
    ordered = sorted(missions, key=lambda m: (m.unit, m.notified))
    return [_in_time(list(theirs)) for _, theirs in groupby(ordered, key=lambda m: m.unit)]


def _in_time(missions: Sequence[Mission]) -> list[Happening]:
    found: list[tuple[datetime, int, int, str]] = []
    for n, mission in enumerate(missions):
        told = {"notified": mission.notified, **mission.stamps}
        found += [
            (max(at, mission.notified), n, column, status)
            for column, (status, at) in enumerate(told.items())
        ]
    found.sort()
    last = {n: place for place, (_, n, _, _) in enumerate(found)}
    return [
        Happening(missions[n], status, missions[n].stamps.get(status, at), last[n] == place)
        for place, (at, n, _, status) in enumerate(found)
    ]


def first_notified(missions: Iterable[Mission]) -> dict[str, datetime]:
    """When each incident is first heard of: the record has no time of the call itself."""
    first: dict[str, datetime] = {}
    for mission in missions:
        first[mission.incident] = min(
            mission.notified, first.get(mission.incident, mission.notified)
        )
    return first


def within_limit(missions: Iterable[Mission], departed: set[str]) -> dict[str, int]:
    """The three-minute figure of these missions; ``departed``: whose departure was taken."""
    told = list(missions)
    driven = [m.stamps["departed"] - m.notified for m in told if m.place in departed]
    return {
        "numerator": sum(taken <= LIMIT for taken in driven),
        "denominator": len(driven),
        "missing": len(told) - len(driven),
        "before_notification": sum(taken < timedelta(0) for taken in driven),
    }
