"""The cases that clinicians read, and how one is run through triage.

A case is a list of events in short form and the last decision as it must be. ``at`` is the second
at which something happened (default: one after the event before), ``learned`` when it came.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field

from schemas.clinical import (
    ExaminationDone,
    FindingRecorded,
    LevelOverridden,
    ObservationReattributed,
    ObservationRetracted,
    ScaleScored,
    Shown,
    TreatmentGiven,
    VitalSigns,
    VitalSignsRecorded,
)
from schemas.encounter import (
    Age,
    Complaint,
    EncounterEnded,
    EncounterOpened,
    EncounterUpdated,
    Origin,
    Outcome,
    Patient,
)
from schemas.event import Event
from schemas.triage import Activation, Centre, DirectTo, TriageDecided, TriageLevel
from services.triage.decide import step
from services.triage.derived import DERIVED, FORMULAS
from services.triage.loader import active
from services.triage.patient import age_of

FOLDER = Path(__file__).parent / "cases"
RULES = active()
BEGIN = datetime(2026, 3, 1, 8, tzinfo=UTC)
#: What is in force when the cases happen.
EDITION = RULES.at(BEGIN)
#: Numbers that are made of several readings.
PARTS = {**DERIVED, "gcs": ("gcs_eye", "gcs_verbal", "gcs_motor")}


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class KnownPatient(Strict):
    age: float | None = Field(None, description="in years")
    days: float | None = Field(None, description="the age in days, where that is how one says it")
    months: float | None = None
    born: float | None = Field(None, description="the second of birth")
    pregnant: bool | None = Field(None, description="none where nobody has said")
    postpartum_days: int | None = None
    complaint: Complaint = Complaint.UNKNOWN
    says: str | None = Field(None, description="the complaint in words")
    last_well: float | None = Field(None, description="the second when last known well")
    origin: Origin = "call"

    def years(self) -> float | None:
        ages = (self.age, self.months and self.months / 12, self.days and self.days / 365.25)
        return next((age for age in ages if age is not None), None)

    def patient(self) -> Patient:
        years, well = self.years(), self.last_well
        return Patient(
            age=None if years is None else Age(years=years),
            last_known_well=None if well is None else BEGIN + timedelta(seconds=well),
            birth_time=None if self.born is None else BEGIN + timedelta(seconds=self.born),
            pregnant={True: "yes", False: "no", None: "unknown"}[self.pregnant],
            postpartum_days=self.postpartum_days,
            complaint=self.complaint,
            complaint_text=self.says,
        )


class Happening(Strict):
    """One event in short form: exactly one of the fields besides the two times."""

    at: float | None = None
    learned: float | None = None
    opened: KnownPatient | None = None
    updated: KnownPatient | None = None
    reading: dict[str, Any] | None = None
    streamed: dict[str, Any] | None = None
    finding: dict[str, bool] | None = None
    ecg: tuple[Shown, ...] | None = None
    fast: tuple[Shown, ...] | None = None
    scored: dict[str, dict[str, int]] | None = Field(None, description="a scale and its points")
    device: str = Field("M-1", description="the monitor of a streamed sample")
    retracted: dict[str, int] | None = Field(None, description="the number of what is taken back")
    reattributed: tuple[float, float] | None = Field(None, description="from and until")
    level: str | None = Field(None, description="set by the crew")
    treatment: dict[str, str] | None = None
    ended: Outcome | None = None

    def event(self, number: int, at: float) -> Event:
        ((kind, said),) = [
            (name, value)
            for name, value in self
            if value is not None and name not in {"at", "learned", "device"}
        ]
        common = {
            "event_id": f"event-{number}",
            "encounter_id": "E-case",
            "occurred_at": BEGIN + timedelta(seconds=at),
        }
        if kind == "streamed":
            common["device_id"] = self.device
        event: Event = _MADE[kind](common, said)
        return event


def _vitals(common: Mapping[str, Any], method: str, said: Mapping[str, Any]) -> Event:
    assert set(said) <= set(VitalSigns.model_fields), said
    return VitalSignsRecorded.model_validate({**common, "method": method, "vitals": said})


def _finding(common: Mapping[str, Any], said: Mapping[str, bool]) -> Event:
    ((name, present),) = said.items()
    return FindingRecorded.model_validate({**common, "finding": name, "present": present})


def _scale(common: Mapping[str, Any], said: Mapping[str, Mapping[str, int]]) -> Event:
    ((scale, points),) = said.items()
    items = [{"item": name, "points": given} for name, given in points.items()]
    return ScaleScored.model_validate({**common, "scale": scale, "items": items})


def _treatment(common: Mapping[str, Any], said: Mapping[str, str]) -> Event:
    ((name, dose),) = said.items()
    amount, unit = dose.split()
    given = {"treatment": name, "dose": float(amount), "unit": unit}
    return TreatmentGiven.model_validate({**common, **given})


def _retraction(common: Mapping[str, Any], said: Mapping[str, int]) -> Event:
    ((kind, number),) = said.items()
    told = {"observation": kind, "observation_id": f"event-{number}", "retracted_by": "crew-1"}
    return ObservationRetracted.model_validate({**common, **told, "reason": "wrong_patient"})


def _reattribution(common: Mapping[str, Any], said: tuple[float, float]) -> Event:
    since, until = (BEGIN + timedelta(seconds=second) for second in said)
    return ObservationReattributed(
        **common, device_id="M-1", since=since, until=until, reported_by="crew-1"
    )


_MADE: Mapping[str, Any] = {
    "opened": lambda common, said: EncounterOpened(
        **common, patient=said.patient(), origin=said.origin
    ),
    "updated": lambda common, said: EncounterUpdated(**common, patient=said.patient()),
    "reading": lambda common, said: _vitals(common, "reading", said),
    "streamed": lambda common, said: _vitals(common, "streamed", said),
    "finding": _finding,
    "ecg": lambda common, said: ExaminationDone(**common, examination="ecg_12_lead", shows=said),
    "fast": lambda common, said: ExaminationDone(
        **common, examination="ultrasound_fast", shows=said
    ),
    "scored": _scale,
    "retracted": _retraction,
    "reattributed": _reattribution,
    "level": lambda common, said: LevelOverridden(
        **common, level=said, reason="examined", overridden_by="crew-1", role="crew"
    ),
    "treatment": _treatment,
    "ended": lambda common, said: EncounterEnded(**common, outcome=said),
}


class Expected(Strict):
    """What the last decision must say; what is not named is not looked at."""

    complaints: frozenset[Complaint] | None = Field(None, description="the code, and the words'")
    worst: TriageLevel | None = None
    current: TriageLevel | None = None
    reasons: tuple[str, ...] | None = Field(None, description="ids of rules, most urgent first")
    earlier: tuple[str, ...] | None = Field(None, description="what proved the worst, and is gone")
    taken_back: tuple[str, ...] | None = None
    marked: dict[str, tuple[str, ...]] | None = Field(None, description="what is said of a reason")
    scores: dict[str, float | tuple[float, float]] | None = Field(
        None, description="those that are named: a number, or the two between which it lies"
    )
    means: dict[str, str] | None = Field(None, description="what is said of a score")
    not_shown: tuple[str, ...] | None = Field(None, description="scores")
    lacks: dict[str, tuple[str, ...]] | None = Field(None, description="what a score lacks")
    lost: dict[str, bool] | None = Field(None, description="lost signals: unconfirmed or not yet")
    missing: tuple[str, ...] | None = None
    centres: dict[Centre, Activation] | None = None
    because: dict[Centre, str] | None = Field(None, description="the rule of each centre")
    direct_to: dict[Centre, DirectTo] | None = None
    override: TriageLevel | None = None
    asks: tuple[str, ...] | None = Field(None, description="the questions in English")
    asks_first: str | None = None
    trend: Literal["worse", "same", "better"] | None = None
    protocol: str | None = None
    decisions: int | None = Field(None, description="how many went out")


class Case(Strict):
    name: str
    input: tuple[Happening, ...] = Field(min_length=1)
    output: Expected

    @cached_property
    def decided(self) -> list[TriageDecided]:
        """Every decision that goes out."""
        picture, decisions, last = None, list[TriageDecided](), -1.0
        for number, happening in enumerate(self.input):
            at = last + 1 if happening.at is None else happening.at
            last = at if happening.learned is None else happening.learned
            event, now = happening.event(number, at), BEGIN + timedelta(seconds=last)
            picture, out = step(picture, event, now, RULES)
            decisions += out  # type: ignore[arg-type]
        return decisions

    @cached_property
    def known(self) -> KnownPatient:
        """The patient as last told."""
        told = [h.updated or h.opened for h in self.input]
        return next((patient for patient in reversed(told) if patient), KnownPatient())

    @cached_property
    def protocol(self) -> str:
        """The protocol of the last decision."""
        by = self.decided[-1].protocol
        return by.protocol if by else "none"

    @cached_property
    def years(self) -> float | None:
        """The age at the last decision."""
        return age_of(self.known.patient(), self.decided[-1].occurred_at)

    @cached_property
    def hours_since_well(self) -> float | None:
        """How long before the last decision the patient was last known well."""
        since = self.known.patient().last_known_well
        return (self.decided[-1].occurred_at - since) / timedelta(hours=1) if since else None

    def score(self, name: str) -> float | None:
        """The least that a score is at the last decision."""
        return next((s.low for s in self.decided[-1].scores if s.name == name), None)

    @cached_property
    def readings(self) -> Mapping[str, Any]:
        """What humans measured last, and what follows from it."""
        inputs = self.decided[-1].inputs
        found: dict[str, Any] = {i.name: i.value for i in inputs if i.method == "reading"}
        parts = [found.get(part) for part in PARTS["gcs"]]
        numbers = [part for part in parts if isinstance(part, float)]
        if len(numbers) == len(parts):
            found["gcs"] = sum(numbers)
        for name, formula in FORMULAS.items():
            one, two = (found.get(source) for source in DERIVED[name])
            if isinstance(one, float) and isinstance(two, float) and two:
                found[name] = formula(one, two)
        return found

    def last_word(self, sign: str) -> bool | None:
        """Whether a sign was found when it was last looked for."""
        words = [h.finding[sign] for h in self.input if h.finding and sign in h.finding]
        return words[-1] if words else None

    def last_points(self, scale: str, item: str) -> int | None:
        """How an item of a scale was last scored."""
        given = [(h.scored or {}).get(scale, {}).get(item) for h in self.input]
        return next((points for points in reversed(given) if points is not None), None)

    @cached_property
    def mentions(self) -> frozenset[str]:
        """Everything that was looked at or said, whatever came of it."""
        named = {c.value for c in EDITION.categories(self.known.patient())} | set(self.readings)
        for happening in self.input:
            named |= {*(happening.finding or {}), *(happening.scored or {})}
            named |= {*(happening.ecg or ()), *(happening.fast or ())}
        return frozenset(named) | self._words_for()

    def _words_for(self) -> frozenset[str]:
        """The complaints for which words were said, be it to deny them."""
        text = (self.known.says or "").lower()
        return frozenset(
            complaint.value
            for complaint, category in EDITION.vocabulary.categories.items()
            if any(word in text for word in (*category.zh, *category.en))
        )

    def expects(self) -> Mapping[str, Any]:
        """What the case names."""
        return {name: value for name, value in self.output if value is not None}

    def found(self) -> Mapping[str, Any]:
        """What is there instead, as far as the case names it."""
        told, expected = said(self.decided), self.expects()
        told["complaints"] = EDITION.categories(self.known.patient())
        for several in ("scores", "means", "lacks", "because"):  # only those that the case names
            named = expected.get(several, {})
            told[several] = {name: told[several].get(name) for name in named}
        shown = {score.name for score in self.decided[-1].scores}
        told["not_shown"] = tuple(n for n in self.output.not_shown or () if n not in shown)
        return {name: told[name] for name in expected}


def said(decisions: list[TriageDecided]) -> dict[str, Any]:
    last = decisions[-1]
    return {
        "worst": last.worst,
        "current": last.current,
        "reasons": tuple(reason.rule for reason in last.reasons),
        "earlier": tuple(reason.rule for reason in last.earlier),
        "taken_back": tuple(reason.rule for reason in last.taken_back),
        "marked": {r.rule: r.marks for r in (*last.reasons, *last.earlier) if r.marks},
        "scores": {s.name: s.low if s.low == s.high else (s.low, s.high) for s in last.scores},
        "means": {s.name: s.text.en.partition(": ")[2] for s in last.scores},
        "lacks": {s.name: s.missing for s in last.scores},
        "lost": {signal.name: signal.unconfirmed for signal in last.lost},
        "missing": last.missing,
        "because": {c.centre: (c.rule or "").partition(".")[2] for c in last.centres},
        "asks_first": last.questions[0].en if last.questions else None,
        "centres": {c.centre: c.activation for c in last.centres},
        "direct_to": {c.centre: c.direct_to for c in last.centres if c.direct_to},
        "override": last.override.level if last.override else None,
        "asks": tuple(question.en for question in last.questions),
        "trend": last.trend,
        "protocol": last.protocol.protocol if last.protocol else "none",
        "decisions": len(decisions),
    }


def cases() -> Iterator[Case]:
    for file in sorted(FOLDER.rglob("*.yaml")):
        for told in yaml.safe_load(file.read_text("utf-8")):
            yield Case.model_validate(told)


CASES = list(cases())
