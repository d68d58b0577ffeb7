"""What is owed: everything the truth says was sent, until the judge has seen its effects.

Pure. ``verdict`` reads what the services made of it and settles it here.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from schemas.triage import Centre, TriageLevel
from simulator import truth
from simulator.case import EFFECTS, FOLDED, QUEUED, SEEN, Case, Item
from simulator.histogram import Latencies
from simulator.presence import Presence
from simulator.reading import effect_key, is_by_hand
from simulator.tally import Tally

#: Seen longer than this after the acknowledgement is late.
LATE_S = 10.0
#: Effects are remembered up to this number, to know them again when they come a second time.
EFFECTS_KEPT = 60_000

CLINICAL = frozenset(
    {
        "reading", "finding", "examination", "treatment", "background", "level",
        "retraction", "reattribution",
    }
)  # fmt: skip
#: The events that must follow from an act, each exactly once. What opens a patient or an incident
#: is awaited when its answer is known.
FOLLOWS: Mapping[str, Sequence[str]] = {
    "locate": ("IncidentLocated",),
    "classify": ("IncidentClassified",),
    "merge": ("IncidentMerged", "EncounterEnded"),
    "close": ("IncidentClosed",),
    "assign": ("UnitAssigned",),
    "stamp": ("UnitStatusChanged",),
    "reached": ("PatientReached",),
    "attach": ("DeviceAttached",),
    "detach": ("DeviceDetached",),
    "update": ("EncounterUpdated",),
    "transfer_request": ("EmergencyTransferRequested",),
    "destination": ("DestinationSelected",),
    "boarding": ("PatientBoarded", "AdmissionOpened"),
    "handed_to_unit": ("PatientHandedToUnit",),
    "outcome": ("EncounterEnded",),
    "acknowledgement": ("Acknowledged",),
    "acceptance": ("Accepted",),
    "redirect_request": ("RedirectRequested",),
    "activation": ("CentreActivated",),
    "direct_to": ("DirectToConfirmed",),
    "direct_to_revoked": ("DirectToRevoked",),
    "answer": ("DepartmentAnswered",),
    "bed": ("BedReserved",),
    "bed_released": ("BedReleased",),
    "formality": ("FormalityCompleted",),
    "death": ("DeathDeclared",),
    "identity": ("IdentityBound",),
    "arrival": ("PatientArrived",),
    "milestone": ("MilestoneReached",),
    "transfer": ("CareTransferred",),
    "report": ("OutcomeReported",),
    "picture": ("AttachmentReceived",),
}
#: Acts after which nobody waits for the patient any more, other than the handover.
LEAVES = frozenset({"outcome", "merge"})
#: Ends after which the patient still comes to the facility.
COMES = frozenset({"transported", "died_en_route"})


class Refusal(NamedTuple):
    """A request that a service refused for good."""

    id: str
    item: Item | None
    status: int
    t: float


class Ledger:
    """The books. ``started``: what was sent before it has no latency that could be known."""

    def __init__(self, started: float) -> None:
        self.started = started
        self.tally = Tally()
        self.presence = Presence()
        self.cases: dict[str, Case] = {}
        self.incidents: set[str] = set()
        self.boardings: dict[str, truth.ActSent] = {}
        #: Sent and not resolved, by id; among them what was never acknowledged.
        self.open: dict[str, Item] = {}
        self.over: deque[tuple[float, Case]] = deque()
        #: What was refused, to be held against what humans have done when that is known.
        self.refusals: list[Refusal] = []
        self.has_ended = False
        self._handles: dict[str, Case] = {}
        #: Incidents that an act has opened, until its first patient is told.
        self._begun: dict[str, str] = {}
        self._batches: dict[int, list[Item]] = {}
        self._effects: dict[str, str] = {}
        self._awaited: dict[str, tuple[Item, int]] = {}

    def tell(self, line: truth.TruthLine) -> None:
        """Take in a line of the journal."""
        match line:
            case truth.SamplesSent():
                self._send_samples(line)
            case truth.Acknowledged():
                self._acknowledge(line)
            case truth.ActSent():
                self._send_act(line)
            case truth.IncidentBegan():
                self._begin_incident(line)
            case truth.EncounterBegan():
                self._begin(line)
            case truth.Refused():
                self._refuse(line)
            case _:
                self._pass(line)

    def _pass(self, line: truth.TruthLine) -> None:
        """A beginning or an end."""
        match line:
            case truth.EncounterOver():
                self.presence.leave(line.t, line.handle)
                self.over.append((line.t, self._handles[line.handle]))
            case truth.Epoch():
                self.presence.leave_all(line.t)
                self.over.extend((line.t, case) for case in self._handles.values())
                for case in self._handles.values():  # whom nobody goes on with is ended
                    case.may_be_cancelled = True
                self._batches.clear()
            case truth.InputBegan():
                self.presence.begin(line.t, self.tally.vitals_sent)
            case truth.Ended():
                self.presence.end(line.t, self.tally.vitals_sent)
                self.has_ended = True

    # -- what was sent -----------------------------------------------------------------------

    def _begin_incident(self, line: truth.IncidentBegan) -> None:
        self.tally.incidents += line.incident_id not in self.incidents
        self.incidents.add(line.incident_id)
        case = self._handles.get(line.handle)
        if case is None:
            self._begun[line.id] = line.incident_id
        else:  # a patient who was known before; of the act itself all may have been seen
            key = effect_key("IncidentOpened", {"incident_id": line.incident_id})
            self._open(f"{line.id}.incident", case, [key], line.t)

    def _begin(self, line: truth.EncounterBegan) -> None:
        centres = tuple(Centre(centre) for centre in line.centres)
        case = Case(line.handle, line.encounter_id, centres, TriageLevel(line.first_level))
        self.cases[line.encounter_id] = self._handles[line.handle] = case
        self.tally.encounters += 1
        self.presence.enter(line.t, line.handle)
        keys = [effect_key("EncounterOpened", {"encounter_id": line.encounter_id})]
        if (incident := self._begun.pop(line.id, None)) is not None:  # of several, with the first
            keys.append(effect_key("IncidentOpened", {"incident_id": incident}))
        hangs = case.floor is not TriageLevel.NOT_YET  # a level on it: triage must hear of it
        self._open(f"{line.handle}.opened", case, keys, line.t, FOLDED if hangs else 0)

    def _open(self, id_: str, case: Case, keys: Sequence[str], t: float, lacks: int = 0) -> None:
        """What an answer has opened is owed from then on."""
        opening = Item(id_, case, t, lacks)
        self._enter(opening)
        opening.acked = t
        case.acts[opening.id] = opening
        self._await(opening, keys, t)

    def _send_samples(self, line: truth.SamplesSent) -> None:
        batch: list[Item] = []
        for handle, numbers in line.numbers.items():
            case = self._handles[handle]
            for number in numbers:
                item = Item(f"{handle}.{number}", case, line.t, SEEN | FOLDED)
                item.streamed = item.vital = True
                item.timely = line.timely
                case.samples[item.id] = item
                self._enter(item)
                batch.append(item)
        for acting in line.acting:
            self._mark(self.open[acting.id], acting)
        self.tally.vitals_sent += len(batch)
        self.presence.send(line.t, len(batch))
        self._batches[line.batch] = batch

    def _send_act(self, line: truth.ActSent) -> None:
        case = self._handles[line.handle]
        item = Item(line.id, case, line.t, 0)
        item.act = line.act
        item.timely, item.sets, item.takes_back = line.timely, line.sets, line.takes_back
        case.acts[item.id] = item
        keys = [effect_key(kind, line.about) for kind in FOLLOWS.get(line.act, ())]
        if line.act in CLINICAL:
            item.lacks = SEEN | FOLDED
            item.vital = line.act == "reading"
            self.tally.vitals_sent += item.vital
        keys += self._consequences(line, case)
        self._enter(item)
        if line.act == "picture":
            case.pictures[line.about["sha256"]] = item
        if line.act == "transfer":
            case.handed_over = line.t
            self._let_go(case, [n for n, i in case.pictures.items() if i.acked is None], line.t)
        elif line.act in LEAVES and line.about.get("outcome") not in COMES:
            case.left = line.t
            self._let_go(case, [*case.pictures, *_there(case)], line.t)
        if line.level is not None:
            destined = line.facility != ""
            self._mark(item, truth.Acting(item.id, line.level, destined, line.timely))
        self._await(item, keys, line.t)

    def _consequences(self, line: truth.ActSent, case: Case) -> list[str]:
        """What follows from an act besides its own event."""
        left = f"withdrawn/{case.encounter_id}/{line.facility}"
        match line.act:
            case "destination":
                gone = [left] if line.facility not in {"", line.about["facility_id"]} else []
                self._let_go(case, _there(case), line.t)
                case.bound.setdefault(line.about["facility_id"], 0)
                return [*self._announcements(line), *gone, *self._pictures(line, case)]
            case "picture" if line.facility and case.is_shown(line.t, line.t):
                name = line.about["sha256"]
                return [] if name in case.pictures else [f"picture/{case.encounter_id}/{name}"]
            case "boarding":
                self.boardings[case.encounter_id] = line
            case "reattribution":
                case.given.add(line.about["to_encounter_id"])
            case "death":
                case.may_be_cancelled = case.is_declared = True
                return [effect_key("AdmissionCancelled", line.about)] if line.boarded else []
            case "merge":
                case.may_be_cancelled = True
            case "outcome" if line.about["outcome"] not in COMES:
                case.may_be_cancelled = True
                cancelled = [effect_key("AdmissionCancelled", line.about)] if line.boarded else []
                return cancelled + ([left] if line.facility else [])
        return []

    def _pictures(self, line: truth.ActSent, case: Case) -> list[str]:
        """The next facility is shown what was there before it was chosen."""
        there = [name for name, item in case.pictures.items() if item.acked is not None]
        return [f"picture/{case.encounter_id}/{line.about['facility_id']}/{name}" for name in there]

    def _let_go(self, case: Case, names: Sequence[str], t: float) -> None:
        """Nobody is owed the sight of these pictures any more."""
        for name in names:
            self.meet(f"picture/{case.encounter_id}/{name}", t)

    def _announcements(self, line: truth.ActSent) -> list[str]:
        place = f"{line.about['encounter_id']}/{line.about['facility_id']}"
        # A feed tells what is, not what was: what it showed before the judge looked is unknowable.
        return [f"queue/{place}", *([f"feed/{place}"] if line.t >= self.started else [])]

    def _mark(self, item: Item, acting: truth.Acting) -> None:
        item.level = TriageLevel(acting.level)
        item.timely = acting.timely
        item.sure, item.of_gap = acting.sure, acting.of_gap
        if item.streamed:
            item.case.proven[item.id] = item.level
        if acting.destined and acting.sure:
            for centre in item.case.centres:
                item.lacks |= QUEUED[centre]
            item.case.acting.append(item)

    def _enter(self, item: Item) -> None:
        self.open[item.id] = item
        self.tally.sent += 1
        self.tally.before += item.sent < self.started

    def _await(self, item: Item, keys: Sequence[str], t: float) -> None:
        for bit, key in zip(EFFECTS, keys, strict=False):
            item.lacks |= bit
            self._awaited[key] = (item, bit)
        for key in keys:
            if key in self._effects:  # a call's events may be read before its answer is written
                self.meet(key, t)

    # -- what was answered -------------------------------------------------------------------

    def _acknowledge(self, line: truth.Acknowledged) -> None:
        waiting = set(line.waiting)
        batch = self._batches.pop(line.batch, []) if line.batch is not None else []
        for item in batch:
            if item.id not in waiting:
                item.acked = line.t
        for id_ in line.ids:
            item_or_none = self._find(id_)
            if item_or_none is not None:
                item_or_none.acked = line.t

    def _refuse(self, line: truth.Refused) -> None:
        for id_ in line.ids:
            item = self.open.pop(id_, None)  # a call that is refused never became one
            if line.due:
                self.tally.homeless += item is not None and item.streamed
            else:
                whose = item or self._find(id_)  # what a human did first is owed to nobody any more
                self.refusals.append(Refusal(id_, whose, line.status, line.t))
            if item is not None:
                item.lacks = 0
                self.tally.sent -= 1
                self.tally.vitals_sent -= item.vital

    def _find(self, id_: str) -> Item | None:
        case = self._handles.get(id_.rpartition(".")[0])
        return case.item(id_) if case else None

    def was_given(self, id_: str, encounter_id: str) -> bool:
        """Whether a sample may stand under another patient: its own gave it away."""
        case = self._handles.get(id_.rpartition(".")[0])
        return case is not None and encounter_id in case.given

    def given_level(self, id_: str, case: Case) -> TriageLevel | None:
        """What a sample that another patient's record gave to this one proves here, however old."""
        giver = self._handles.get(id_.rpartition(".")[0])
        if giver is None or case.encounter_id not in giver.given:
            return None
        return giver.proven.get(id_)

    # -- what was seen -----------------------------------------------------------------------

    def settle(self, item: Item, bits: int, t: float) -> None:
        """``item`` no longer lacks ``bits``; when it lacks nothing, it has arrived."""
        if not item.lacks & bits:
            return
        item.lacks &= ~bits
        if item.lacks:
            return
        del self.open[item.id]
        self.tally.arrived += 1
        if item.level is not None or not item.streamed:
            self.time(item, t)

    def time(self, item: Item, t: float) -> None:
        """Count an item as late that was seen too long after its acknowledgement."""
        since = item.acked if item.acked is not None else t
        if t - since > LATE_S and not item.late and item.sent >= self.started:
            item.late = True
            self.tally.late += 1

    def measure(self, item: Item, into: Latencies, t: float) -> None:
        """Take a latency, unless the item was sent before the judge looked, or not in time."""
        if item.timely and item.sent >= self.started:
            into.add((t - item.sent) * 1000)

    def meet(self, key: str, t: float) -> None:
        """The effect ``key`` was seen: settle the act that it was owed to, if any."""
        if key in self._awaited:
            item, bit = self._awaited.pop(key)
            self.settle(item, bit, t)

    def effect(self, key: str, event_id: str, t: float) -> bool:
        """Take in an event that may come once. True when it is the first with this key."""
        known = self._effects.get(key)
        if known is None:
            if len(self._effects) >= EFFECTS_KEPT:
                del self._effects[next(iter(self._effects))]
            self._effects[key] = event_id
            self.meet(key, t)
        elif known == event_id:
            self.tally.redelivered[key.partition("/")[0]] += 1
        elif self._is_by_both(known, event_id):
            self.tally.done_by_both += 1
        elif self._is_ours(key):
            self.tally.double(event_id, f"{key} came before under another id")
        return known is None

    def _is_by_both(self, *ids: str) -> bool:
        """Whether two people did it, one of them at a board. What a service made of what one person
        did bears a name that nobody has given."""
        by_hand = [is_by_hand(id_) for id_ in ids]
        by_city = [id_.partition(".")[0] in self._handles for id_ in ids]
        return any(by_hand) and all(map(any, zip(by_hand, by_city, strict=True)))

    def _is_ours(self, key: str) -> bool:
        kind, subject, *_ = key.split("/")
        return subject in self.cases or subject in self.incidents or kind.startswith("Unit")


def _there(case: Case) -> list[str]:
    """The pictures as the facility for which the patient is bound now is shown them."""
    return [f"{case.facility}/{name}" for name in case.pictures]
