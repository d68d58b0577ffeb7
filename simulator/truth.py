"""The journal of what the simulator did: the only thing the judge holds against the services.

An object a line, its kind under ``k``. A line about sending is written before the sending, so
that nothing can have been sent that the journal does not know.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import ClassVar, NamedTuple, TypeAlias


class Acting(NamedTuple):
    """A sample that completes the evidence for a level.

    ``destined``: a destination stood before it, so it must reach the queue. ``timely``: sent as
    it was measured, neither while setting up nor late from a store. Not ``sure``: it was on the
    edge between late and too late, and may prove it or not. ``of_gap``: it was sent so late that it
    raises no alarm, and the next decision tells it.
    """

    id: str
    level: str
    destined: bool
    timely: bool
    sure: bool = True
    of_gap: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """What every line has: ``t``, the wall clock in seconds."""

    KIND: ClassVar[str] = ""

    t: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Epoch(Line):
    """The simulator began, or began again: what it was doing before is abandoned."""

    KIND: ClassVar[str] = "epoch"

    epoch: str
    seed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class InputBegan(Line):
    """The first encounters are live; from now on the run counts."""

    KIND: ClassVar[str] = "input"


@dataclass(frozen=True, slots=True, kw_only=True)
class IncidentBegan(Line):
    """A call, or a clinic's request, was acknowledged."""

    KIND: ClassVar[str] = "incident"

    id: str
    handle: str
    incident_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EncounterBegan(Line):
    """A patient was opened, by the act ``id``. ``handle`` begins every id that this encounter's
    sender makes."""

    KIND: ClassVar[str] = "begin"

    id: str
    handle: str
    encounter_id: str
    story: str
    first_level: str
    centres: Sequence[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class ActSent(Line):
    """A human's act is about to be sent, or the picture that it left behind; written once, however
    often it is sent again.

    ``about`` holds the fields that its events must carry (whose, which unit, when). ``level`` is
    the worst level from this act on, and with ``sets`` it may be lower than before. ``facility``:
    the destination that had been acknowledged before it; ``boarded``: whether boarding had been.
    ``takes_back``: what it takes back of what had proven a level.
    """

    KIND: ClassVar[str] = "act"

    id: str
    handle: str
    act: str
    about: Mapping[str, str]
    level: str | None = None
    sets: bool = False
    facility: str = ""
    boarded: bool = False
    timely: bool = True
    takes_back: Sequence[str] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SamplesSent(Line):
    """Streamed samples are about to be sent: numbers by handle; an id is ``handle.number``."""

    KIND: ClassVar[str] = "samples"

    batch: int
    numbers: Mapping[str, Sequence[int]]
    acting: Sequence[Acting] = ()
    timely: bool = True

    def __post_init__(self) -> None:
        object.__setattr__(self, "acting", tuple(Acting(*each) for each in self.acting))


@dataclass(frozen=True, slots=True, kw_only=True)
class Acknowledged(Line):
    """The service said yes: to these ids, and to all of a batch but those ``waiting``."""

    KIND: ClassVar[str] = "ack"

    ids: Sequence[str] = ()
    batch: int | None = None
    waiting: Sequence[str] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused(Line):
    """The service said no for good: nothing is owed for these. ``due``: it had to, for nobody had
    said whose monitor it was, or no bed was left."""

    KIND: ClassVar[str] = "refused"

    ids: Sequence[str]
    status: int
    due: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class EncounterOver(Line):
    """Care was transferred; nothing more is sent for this encounter."""

    KIND: ClassVar[str] = "over"

    handle: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended(Line):
    """Input has stopped for good: what is owed now may drain, then the count is taken."""

    KIND: ClassVar[str] = "end"


TruthLine: TypeAlias = (
    Epoch
    | InputBegan
    | IncidentBegan
    | EncounterBegan
    | ActSent
    | SamplesSent
    | Acknowledged
    | Refused
    | EncounterOver
    | Ended
)
_KINDS: Mapping[str, type[TruthLine]] = {
    kind.KIND: kind
    for kind in (
        Epoch,
        InputBegan,
        IncidentBegan,
        EncounterBegan,
        ActSent,
        SamplesSent,
        Acknowledged,
        Refused,
        EncounterOver,
        Ended,
    )
}
_NAMES = {kind: tuple(field.name for field in fields(kind)) for kind in _KINDS.values()}


def encode(line: TruthLine) -> str:
    """One line with its end."""
    told = {name: getattr(line, name) for name in _NAMES[type(line)]}
    return json.dumps({"k": line.KIND, **told}, separators=(",", ":"), ensure_ascii=False) + "\n"


def decode(text: str | bytes) -> TruthLine:
    """Read one line. Raises ``KeyError``, ``TypeError`` or ``ValueError`` when it is none."""
    told = json.loads(text)
    return _KINDS[told.pop("k")](**told)
