"""One encounter as the judge keeps it: what is still owed, and what was seen of it lately."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, TypeAlias

from schemas.triage import Centre, TriageLevel
from simulator.reading import ByHand, QueueSeen

#: What an item may still lack, as bits: seen under its encounter, named in a decision, ...
SEEN = 1
FOLDED = 2
#: ... shown in the queue of a centre, ...
QUEUED = {centre: 4 << place for place, centre in enumerate(Centre)}
ALL_QUEUES = sum(QUEUED.values())
#: ... and the events that follow from an act.
EFFECTS = tuple(1 << place for place in range(16, 32))

#: Under this name, what a decision has said where nobody could know.
SAID = "said"
#: Triage may leave streamed values unfolded for this long after a decision, in seconds.
REFRESH_S = 6.5
#: What is resolved is remembered for this long, to know it again when it comes a second time.
MEMORY_S = 60.0

Noted: TypeAlias = Literal["new", "again", "doubled"]


def _highest(*levels: TriageLevel) -> TriageLevel:
    return max(levels, key=lambda level: level.urgency)


class Item:
    """Something that was sent. It is resolved when it lacks nothing any more."""

    __slots__ = (
        "acked",
        "act",
        "appended",
        "case",
        "folded",
        "id",
        "lacks",
        "late",
        "level",
        "of_gap",
        "offset",
        "sent",
        "sets",
        "streamed",
        "sure",
        "takes_back",
        "timely",
        "vital",
    )

    def __init__(self, id_: str, case: Case, sent: float, lacks: int) -> None:
        self.id = id_
        self.case = case
        self.sent = sent
        self.lacks = lacks
        #: What a human of the city did; empty of what a monitor measured.
        self.act = ""
        self.acked: float | None = None
        #: The broker's time of it, and its place in its partition, once seen.
        self.appended: float | None = None
        self.offset = -1
        #: The number of the decision that names it.
        self.folded: int | None = None
        #: The least level from it on, where it proves one.
        self.level: TriageLevel | None = None
        #: A clinician's own level: it may be lower than before.
        self.sets = False
        #: Whether it proves its level beyond doubt; and whether it came late, from a gap: then the
        #: next decision tells it, and none is owed before that is due.
        self.sure = True
        self.of_gap = False
        #: The items that it takes back: what they proved is proven no more.
        self.takes_back: Sequence[str] = ()
        self.streamed = False
        self.vital = False
        self.timely = True
        self.late = False

    @property
    def is_new(self) -> bool:
        """It proves a level that nothing before it has proven: it acts."""
        if self.level is None or self.sets:
            return self.level is not None
        is_sure = self.sure and not self.case.hand.has_weighed
        return is_sure and self.level.urgency > self.case.worst.urgency

    @property
    def is_excused(self) -> bool:
        """It waits for a refresh that is not due yet: nobody is owed a decision about it.

        Only a streamed value that proves nothing new, or came late from a gap, may wait; only until
        a refresh is due after the decision before; and never when a later one of the same patient
        has been named.
        """
        case = self.case
        return (
            self.streamed
            and self.lacks & ~ALL_QUEUES == FOLDED
            and (self.of_gap or not self.is_new)
            and self.appended is not None
            and case.decided is not None
            and self.appended <= case.decided + REFRESH_S
            and self.offset > case.folded_to
        )


class Series:
    """Things numbered without gaps, each of which must come once."""

    def __init__(self, first: int = 1) -> None:
        self.missing: set[int] = set()
        self._next = first
        self._recent: dict[int, tuple[str, float]] = {}

    def note(self, number: int, event_id: str, t: float) -> Noted:
        """Take one in. A number that was forgotten counts as come again."""
        if number in self._recent:
            return "again" if self._recent[number][0] == event_id else "doubled"
        if number < self._next and number not in self.missing:
            return "again"
        self.missing.update(range(self._next, number))
        self.missing.discard(number)
        self._next = max(self._next, number + 1)
        self._recent[number] = (event_id, t)
        return "new"

    def forget(self, before: float) -> None:
        """Drop what was read before this time."""
        for number in [n for n, (_, t) in self._recent.items() if t < before]:
            del self._recent[number]


@dataclass(frozen=True, slots=True)
class Expected:
    """What a decision must say: its number, the level, and whether a higher one is wrong too.

    Not ``exact`` after a decision that was never seen: nobody knows what stood in it. Where nobody
    knows whether something counts, the level lies between ``worst`` and ``most``.
    """

    number: int
    worst: TriageLevel
    most: TriageLevel
    exact: bool
    t: float

    def allows(self, worst: TriageLevel) -> bool:
        """Whether a record that shows this decision may show this level."""
        if worst.urgency < self.worst.urgency:
            return False
        return not self.exact or worst.urgency <= self.most.urgency

    def said(self, worst: TriageLevel) -> Expected:
        """The same once the decision was read: whatever shows it must show what it says."""
        if not (self.exact and self.allows(worst)):
            return self
        return replace(self, worst=worst, most=worst)


@dataclass(slots=True)
class Hand:
    """What humans at the boards did about one patient: what they said, by id; the kinds of what
    they did, each with when it was done first; since when nobody has to take what the monitor
    measures; and whether one of them has set the level, so that what comes later may prove it anew
    or not."""

    said: dict[str, ByHand] = field(default_factory=dict)
    did: dict[str, float] = field(default_factory=dict)
    #: When they said that the patient boarded, in milliseconds.
    boarded: set[int] = field(default_factory=set)
    over: float = math.inf
    has_weighed: bool = False


@dataclass(slots=True, eq=False)
class Case:
    """One encounter of the story."""

    handle: str
    encounter_id: str
    centres: Sequence[Centre]
    #: By what was said of the patient at the beginning; later the level that a clinician has set.
    floor: TriageLevel
    #: Whether triage has heard of the patient: what is measured may be read before.
    is_opened: bool = False
    #: What decisions have named and has proven a level, by item; and what may have.
    proofs: dict[str, TriageLevel] = field(default_factory=dict)
    doubted: dict[str, TriageLevel] = field(default_factory=dict)
    samples: dict[str, Item] = field(default_factory=dict)
    acts: dict[str, Item] = field(default_factory=dict)
    #: Where it was bound for, one after the other, each with the first version told there.
    bound: dict[str, int] = field(default_factory=dict)
    #: Of a facility that was left, the last version told there.
    told: dict[str, int] = field(default_factory=dict)
    #: When care was handed over: no queue shows what happens later.
    handed_over: float = math.inf
    #: When the patient left otherwise, and was withdrawn: no queue shows what is decided later.
    left: float = math.inf
    #: Samples that nobody owed a decision about when it was over. A triage that was far behind
    #: names them all the same, once.
    let_go: set[str] = field(default_factory=set)
    #: Samples that completed the evidence for a level: they prove it for whoever is given them.
    proven: dict[str, TriageLevel] = field(default_factory=dict)
    #: Encounters that were given some of its samples.
    given: set[str] = field(default_factory=set)
    #: ``occurred_at`` of the latest decision, and the last place in the log that one has named.
    decided: float | None = None
    folded_to: int = -1
    decisions: Series = field(default_factory=Series)
    expected: dict[str, Expected] = field(default_factory=dict)
    queues: dict[Centre, Series] = field(default_factory=dict)
    #: Records in a queue that show a decision which was not read yet.
    waiting: dict[str, list[QueueSeen]] = field(default_factory=dict)
    #: Acting items that are still to be shown in a queue.
    acting: list[Item] = field(default_factory=list)
    #: The level that a version shows, to compare queue and feed; and the versions found wrong.
    shown: dict[int, str] = field(default_factory=dict)
    wrong_versions: set[int] = field(default_factory=set)
    strayed: set[tuple[Centre, int]] = field(default_factory=set)
    strayed_feeds: set[str] = field(default_factory=set)
    #: The admission's number and the times that were told of it; and the first version to show it.
    number: str | None = None
    admitted: set[int] = field(default_factory=set)
    other_admissions: set[tuple[str, int]] = field(default_factory=set)
    admitted_from: float = math.inf
    #: Whether the admission may be cancelled: the patient does not come, or was declared dead.
    may_be_cancelled: bool = False
    is_declared: bool = False
    #: Pictures that were sent, each with its item.
    pictures: dict[str, Item] = field(default_factory=dict)
    hand: Hand = field(default_factory=Hand)
    #: What each facility owed and has done.
    kept: dict[str, set[str]] = field(default_factory=dict)

    @property
    def worst(self) -> TriageLevel:
        """The least level that is due."""
        floor = self.floor if self.is_opened else TriageLevel.NOT_YET
        return _highest(floor, *self.proofs.values())

    @property
    def most(self) -> TriageLevel:
        """The highest that may be said."""
        return _highest(self.floor, *self.proofs.values(), *self.doubted.values())

    def prove(self, id_: str, level: TriageLevel, *, sure: bool = True) -> None:
        """Take in what a decision has named."""
        sure = sure and not self.hand.has_weighed
        (self.proofs if sure else self.doubted)[id_] = level

    def doubt(self) -> None:
        """Nobody knows any more what is proven."""
        self.doubted |= {**self.proofs, SAID: self.most}
        self.floor, self.proofs = TriageLevel.NOT_YET, {}

    def set_level(self, level: TriageLevel) -> None:
        """A clinician has set it, and has weighed what was proven."""
        self.floor, self.is_opened = level, True
        self.proofs.clear()
        self.doubted.clear()

    def take_back(self, ids: Sequence[str]) -> None:
        """What these proved is proven no more: what is left decides. Of that, Ⅳ may be said or not:
        it says that nothing is missing now."""
        if not ids:
            return
        for id_ in (*ids, SAID):
            self.proofs.pop(id_, None)
            self.doubted.pop(id_, None)
        mildest = [i for i, level in self.proofs.items() if level is TriageLevel.NON_URGENT]
        self.doubted |= {id_: self.proofs.pop(id_) for id_ in mildest}

    def hear(self, worst: TriageLevel) -> None:
        """A decision has said this level where it might have said another: it falls no more."""
        if worst is not self.worst:
            self.proofs[SAID] = worst

    @property
    def facility(self) -> str | None:
        """Where it is bound for now."""
        return next(reversed(self.bound), None)

    def comes_to(self, facility: str) -> bool:
        """Whether the patient is still on the way to this facility, or there."""
        return facility == self.facility and self.left == math.inf

    def is_shown(self, happened: float, decided: float) -> bool:
        """Whether a facility must be told of what happened and was decided then."""
        return happened < self.handed_over and decided < self.left

    def may_be_told(self, facility: str, version: int) -> bool:
        """Whether this facility may be told this version: it is the one, or was until then.

        A facility that was left may still be told what was on its way: versions count on, so all
        of its own come before the first of the next.
        """
        if facility not in self.bound:
            return False
        names = list(self.bound)
        after = names[names.index(facility) + 1 :]
        return all(version < self.bound[name] for name in after if self.bound[name])

    def tell(self, facility: str, version: int) -> list[tuple[str, int]]:
        """A version was told; the facilities that were left and had been told a later one."""
        if not self.bound[facility] or version < self.bound[facility]:
            self.bound[facility] = version
        self.told[facility] = max(version, self.told.get(facility, 0))
        names = list(self.bound)
        before = names[: names.index(facility)]
        late = [f for f in before if self.told.get(f, 0) > self.bound[facility]]
        return [(f, self.told.pop(f)) for f in late]

    def item(self, id_: str) -> Item | None:
        """The item with this id, unless it is unknown or forgotten."""
        return self.samples.get(id_) or self.acts.get(id_)

    def is_own_sample(self, id_: str) -> bool:
        """Whether this is the id of a streamed sample of this encounter, forgotten or not."""
        handle, _, number = id_.rpartition(".")
        return handle == self.handle and number.isdigit()

    def queue(self, centre: Centre, version: int) -> Series:
        """Versions in a centre's queue: from the first in the emergency department's, from the
        one that added the centre in the others."""
        first = 1 if centre is Centre.EMERGENCY else version
        return self.queues.setdefault(centre, Series(first))

    def show(self, version: int, worst: str) -> bool:
        """Whether queue and feed agree on the level of this version."""
        if len(self.shown) > 32:
            del self.shown[next(iter(self.shown))]
        return self.shown.setdefault(version, worst) == worst

    def forget(self, before: float) -> None:
        """Drop what is resolved and older than this: memory does not grow with the run."""
        stale = []
        for id_, item in self.samples.items():
            if item.sent >= before:
                break
            if not item.lacks:
                stale.append(id_)
        for id_ in stale:
            del self.samples[id_]
        self.decisions.forget(before)
        for series in self.queues.values():
            series.forget(before)
        old = [id_ for id_, known in self.expected.items() if known.t < before]
        for id_ in old[:-1]:  # the latest may be shown again at any time
            del self.expected[id_]

    def gaps(self) -> list[str]:
        """Records that were never seen though a later one was."""
        found = [
            f"version {version} never stood in the queue of {centre.value}"
            for centre, series in self.queues.items()
            for version in sorted(series.missing)
            if (centre, version) not in self.strayed
        ]
        unfolded = any(
            item.acked and item.lacks & FOLDED and not item.is_excused
            for items in (self.samples, self.acts)
            for item in items.values()
        )
        if not unfolded:  # else they are counted one by one, and the decision not again
            found += [f"decision {n} was never seen" for n in sorted(self.decisions.missing)]
        return found
