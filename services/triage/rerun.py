"""Past decisions worked out again: by the same rules they come out the same, by others they differ.

Pure. The log says what happened and when the broker took it; the decisions say in which order
triage did.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from schemas.encounter import EncounterOpened
from schemas.event import Event
from schemas.triage import TriageDecided
from services.triage.decide import State, step
from services.triage.rulebook import Rulebook

#: What a decision says, as far as people act on it.
GIST = ("worst", "current", "missing", "centres")


class Logged(NamedTuple):
    """An event of a patient, and when the broker took it."""

    event: Event
    at: datetime


class Case(NamedTuple):
    """One patient's log, and what was decided."""

    encounter_id: str
    log: Sequence[Logged]
    decisions: Sequence[TriageDecided]

    @property
    def is_whole(self) -> bool:
        """Whether the log begins where the patient does: else nothing can be worked out again."""
        return any(isinstance(logged.event, EncounterOpened) for logged in self.log) and (
            not self.decisions or min(d.number for d in self.decisions) == 1
        )


class Difference(NamedTuple):
    """A decision that comes out otherwise: what was said then and is said now, by field."""

    encounter_id: str
    number: int
    at: datetime
    then: Mapping[str, Any]
    now: Mapping[str, Any]


def cases_of(events: Iterable[Logged]) -> Iterator[Case]:
    """The log by patient, in the order in which triage took it in."""
    logs = defaultdict[str, list[Logged]](list)
    decisions = defaultdict[str, list[TriageDecided]](list)
    for logged in events:
        event = logged.event
        encounter_id = getattr(event, "encounter_id", None)
        if encounter_id is None:
            continue
        if isinstance(event, TriageDecided):
            decisions[encounter_id].append(event)
        else:
            logs[encounter_id].append(logged)
    for encounter_id, log in logs.items():
        said = sorted(decisions[encounter_id], key=lambda d: d.number)
        yield Case(encounter_id, in_order(log, said), said)


def in_order(log: Sequence[Logged], decisions: Sequence[TriageDecided]) -> list[Logged]:
    """As triage took it in: what decisions name, in their order; all else by the broker's time."""
    places: dict[str, list[int]] = defaultdict(list)
    count = 0
    for decision in decisions:
        named = [*decision.folded]
        if decision.cause is not None and decision.cause not in named:
            named.append(decision.cause)
        for name in named:
            places[name].append(count)
            count += 1
    seen = Counter[str]()
    placed, others = list[tuple[int, Logged]](), list[Logged]()
    for logged in sorted(log, key=lambda each: each.at):
        name = logged.event.event_id
        known = places.get(name, [])
        if seen[name] < len(known):
            placed.append((known[seen[name]], logged))
        else:
            others.append(logged)
        seen[name] += 1
    placed.sort(key=lambda each: each[0])
    ordered = [logged for _, logged in placed]
    for other in others:
        at = next((n for n, each in enumerate(ordered) if each.at > other.at), len(ordered))
        ordered.insert(at, other)
    return ordered


def decide_again(case: Case, rulebook: Rulebook) -> Iterator[TriageDecided]:
    """Every decision on a patient, worked out again."""
    state: State | None = None
    for event, at in case.log:
        state, said = step(state, event, at, rulebook)
        yield from (each for each in said if isinstance(each, TriageDecided))


def differences(case: Case, rulebook: Rulebook) -> Iterator[Difference]:
    """What comes out otherwise. By other rules a decision may go out at another moment: then what
    stood at each of the moments is compared."""
    again = list(decide_again(case, rulebook))
    by_cause = {decision.cause: decision for decision in again}
    for then in case.decisions:
        before = (d for d in reversed(again) if d.occurred_at <= then.occurred_at)
        now = by_cause.get(then.cause) or next(before, None)
        told, found = gist(then), gist(now) if now else {}
        if told != found:
            changed = [name for name in GIST if told.get(name) != found.get(name)]
            yield Difference(
                case.encounter_id,
                then.number,
                then.occurred_at,
                {name: told.get(name) for name in changed},
                {name: found.get(name) for name in changed},
            )


def gist(decision: TriageDecided) -> dict[str, Any]:
    """The fields that people act on."""
    return {
        "worst": decision.worst.value,
        "current": decision.current.value,
        "missing": list(decision.missing),
        "centres": {c.centre.value: c.activation.value for c in decision.centres},
    }
