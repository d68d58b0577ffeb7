"""What of a recording is said again and what is made again, and whether it came out as before."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from schemas.envelope import InvalidMessage, decode
from schemas.event import Event
from schemas.recording import Recorded
from schemas.topics import registry
from schemas.triage import TriageDecided
from simulator.replays.explanation import told

#: Who said something of their own; what all others wrote follows from it.
SPEAKERS = frozenset({"dispatch", "gateway"})
#: Beside it, what a human at a facility did that triage reads.
ALSO_SAID = frozenset({("bridge-handoffs", "LevelOverridden")})
#: What the gateway made its own records of.
RAW = "ambulance-raw"
#: So many that came out otherwise are told in full.
MOST = 50

Decisions = Callable[[str], Sequence[TriageDecided]]


def fate_of(record: Recorded) -> str:
    """Whether it is said again, made again by who made it then, or left out."""
    if record.topic == RAW or record.topic.endswith("-dead-letters"):
        return "left out"
    topic = registry().topics.get(record.topic)
    is_said = topic is not None and bool(SPEAKERS & set(topic.writers))
    return "said" if is_said or (record.topic, record.kind) in ALSO_SAID else "made again"


class Rerun:
    """The book of one: filled while the recording is read, compared when all is said."""

    def __init__(self) -> None:
        self.records: dict[str, Counter[str]] = defaultdict(Counter)
        #: Patients whose beginning was recorded; of others triage could know less than it did.
        self._whole: set[str] = set()
        self._partial: set[str] = set()
        self._decided: dict[str, TriageDecided] = {}
        self._folded: dict[str, set[str]] = defaultdict(set)

    def note(self, record: Recorded) -> bool:
        """Take in a record; whether it is to be said."""
        fate = fate_of(record)
        self.records[record.topic][fate] += 1
        if record.topic in {"dispatch-encounters", "triage-decisions"}:
            self._of_patient(record)
        return fate == "said"

    def _of_patient(self, record: Recorded) -> None:
        event = _event(record)
        if event is None:
            return
        patient = str(getattr(event, "encounter_id", ""))
        if type(event).__name__ == "EncounterOpened":
            self._whole.add(patient)
        elif patient not in self._whole:
            self._partial.add(patient)
        if isinstance(event, TriageDecided):
            last = self._decided.get(patient)
            self._decided[patient] = event if last is None or last.number < event.number else last
            self._folded[patient].update(event.folded)

    @property
    def patients(self) -> set[str]:
        """Those of whom everything was recorded, decisions too."""
        return (self._whole - self._partial) & self._decided.keys()

    def folded(self) -> Iterator[str]:
        """The events about them that a decision had taken in."""
        for patient in sorted(self.patients):
            yield from sorted(self._folded[patient])

    def compared(self, decisions: Decisions) -> dict[str, Any]:
        """The last decision about each patient, then and now."""
        others = []
        protocols: dict[str, Counter[str]] = {"recorded": Counter(), "now": Counter()}
        for patient in sorted(self.patients):
            then, now = self._decided[patient], decisions(patient)
            protocols["recorded"][_protocol(then)] += 1
            if now:
                protocols["now"][_protocol(now[-1])] += 1
            if not now or _outcome(then) != _outcome(now[-1]):
                told_now = told(now[-1]) if now else None
                others.append({"encounter_id": patient, "then": told(then), "now": told_now})
        return {
            "records": {topic: dict(fates) for topic, fates in sorted(self.records.items())},
            "patients": len(self.patients),
            "patients_not_whole": len(self._partial | (self._whole - self._decided.keys())),
            "same": len(self.patients) - len(others),
            "otherwise": len(others),
            "others": others[:MOST],
            "protocols": {name: dict(found) for name, found in protocols.items()},
        }


def _event(record: Recorded) -> Event | None:
    try:
        return decode(record.topic, record.key, record.value, record.headers)
    except InvalidMessage:
        return None


def _outcome(decision: TriageDecided) -> tuple[Any, ...]:
    """What a hospital sees of it: the level, and for which centres."""
    return decision.worst, decision.current, sorted(each.centre.value for each in decision.centres)


def _protocol(decision: TriageDecided) -> str:
    found = decision.protocol
    return f"{found.protocol} {found.version}" if found else "none"


def lines(report: Mapping[str, Any]) -> Iterator[str]:
    """What is said of it at the end, Chinese first."""
    fates: Counter[str] = Counter()
    for counted in report["records"].values():
        fates.update(counted)
    yield (
        f"  记录 records {sum(fates.values())} = 重说 said again {fates['said']} + 重算 made again"
        f" {fates['made again']} + 略过 left out {fates['left out']}"
    )
    yield (
        f"  患者 patients {report['patients']} = 结论相同 same {report['same']} + 不同 otherwise"
        f" {report['otherwise']}; 记录不全 not whole {report['patients_not_whole']}"
    )
    for each in report["others"][:5]:
        now = each["now"]["worst"] if each["now"] else "—"
        yield f"    {each['encounter_id']}: {each['then']['worst']} → {now}"
    for problem in report["problems"]:
        yield f"✗ {problem}"
