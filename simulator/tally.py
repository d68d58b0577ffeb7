"""What the judge has counted so far, and its words about what was wrong."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from simulator.histogram import Latencies

#: The report describes this many of each kind of thing that went wrong, and counts them all.
FINDINGS = 50


@dataclass(slots=True)
class Tally:
    """Counters, latencies, and sentences. ``lost`` is not here: it can heal until the end."""

    sent: int = 0
    arrived: int = 0
    vitals_sent: int = 0
    #: Samples of monitors that nobody had entered: what they would have proven is unknowable.
    homeless: int = 0
    #: What humans at the boards did and said; and effects that they and the city had once each.
    by_hand: int = 0
    done_by_both: int = 0
    coalesced: int = 0
    late: int = 0
    doubled: int = 0
    wrong_facility: int = 0
    wrong_level: int = 0
    wrong_admission: int = 0
    false_alarm: int = 0
    incidents: int = 0
    encounters: int = 0
    admissions: int = 0
    acknowledged: int = 0
    #: Sent before the judge looked: their latencies, and whether they came late, are unknowable.
    before: int = 0
    #: The same event id read twice, by what it was: no harm, but telling.
    redelivered: Counter[str] = field(default_factory=Counter)
    prearrivals: Counter[str] = field(default_factory=Counter)
    dead_letters: Counter[str] = field(default_factory=Counter)
    vitals_to_decision: Latencies = field(default_factory=Latencies)
    vitals_to_queue: Latencies = field(default_factory=Latencies)
    boarding_to_admission: Latencies = field(default_factory=Latencies)
    findings: list[dict[str, str]] = field(default_factory=list)

    def double(self, about: str, sentence: str) -> None:
        """An effect came under a second id."""
        self.doubled += 1
        self.find("duplicated", about, sentence)

    def misroute(self, about: str, sentence: str) -> None:
        """A facility was shown what is not bound for it."""
        self.wrong_facility += 1
        self.find("wrong_facility", about, sentence)

    def mislevel(self, about: str, sentence: str) -> None:
        """A level is not the one that was due."""
        self.wrong_level += 1
        self.find("wrong_level", about, sentence)

    def misadmit(self, about: str, sentence: str) -> None:
        """An admission is not the one of the boarding, or is none where there has to be one."""
        self.wrong_admission += 1
        self.find("wrong_admission", about, sentence)

    def alarm(self, about: str, sentence: str) -> None:
        """Somebody was called about what had been done."""
        self.false_alarm += 1
        self.find("false_alarm", about, sentence)

    def find(self, what: str, about: str, sentence: str) -> None:
        """Describe something that went wrong, while there is room."""
        if sum(found["what"] == what for found in self.findings) < FINDINGS:
            self.findings.append({"what": what, "id": about, "finding": sentence})
