"""No facility is given anything of a patient who is not bound for it at that version: not by queue,
item, timeline, feed, figures, HL7, FHIR or webhook, whatever happens, comes twice or dies."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as some

from schemas.clinical import BackgroundTold, ExaminationDone, FindingRecorded, ObservationRetracted
from schemas.encounter import (
    ArrivalExpected,
    DestinationSelected,
    EmergencyTransferRequested,
    EncounterEnded,
    EncounterEvent,
    EncounterUpdated,
    PatientBoarded,
    PatientHandedToUnit,
    PatientReached,
)
from schemas.triage import TriagePaused
from services.bridge import courier, delivery, outlet
from services.kit.http import routes_of
from services.kit.role import Role
from simulator.feed import Parser
from tests.integration.test_routes import FACILITY_ACTS
from tests.onlooker import NAME
from tests.platform import Platform
from tests.receivers import SECRET
from tests.region import HOSPITALS, NOBODY, Answer, Hospital, Region, in_region
from tests.unit.test_promise import concern, decided

pytestmark = pytest.mark.timeout(180)

MARKS = itertools.count(1)
#: How often each kind of thing was tried, and what was seen: of nothing nothing is proven.
TRIED: Counter[str] = Counter()
WITHDRAWALS = ("A38", "A11")
OUTCOMES = (
    "transported", "died_en_route", "refused_transport", "stood_down", "merged", "transported",
)  # fmt: skip

#: What it is, which patient, which hospital, a choice.
Step = tuple[str, int, int, int]
STEP = some.tuples(
    some.sampled_from(
        ["select"] * 7 + ["board", "board", "end", "update", "find", "examine", "retract", "triage"]
        + ["tell"]
        + ["triage", "pause", "reach", "relay", "expect", "send on", "take", "die"] + ["again"] * 3
        + ["act"] * 9 + ["bed"] * 3 + ["sign", "sign", "receive", "sit down", "peek", "fail"]
        + ["fail", "kill", "race", "race"]
    ),
    some.integers(0, 3),
    some.integers(0, 2),
    some.integers(0, 41),
)  # fmt: skip
#: Two of them come in one vehicle, to two hospitals; one boards with the next choice.
BEGINNING: tuple[Step, ...] = (
    ("select", 0, 0, 1), ("select", 1, 1, 1), ("board", 0, 0, 1), ("board", 1, 0, 1),
    ("select", 2, 2, 1), ("race", 2, 0, 1),
)  # fmt: skip
STEPS = some.integers(8, 32).flatmap(lambda n: some.lists(STEP, min_size=n, max_size=n))


def mark() -> str:
    return f"mk{next(MARKS)}x"


def says(**of: Callable[[int], Any]) -> Callable[[int], dict[str, Any]]:
    return lambda choice: {name: make(choice) for name, make in of.items()}


def one(*values: Any) -> Callable[[int], Any]:
    return lambda choice: values[choice % len(values)]


def words(_: int) -> str:
    return mark()


#: Every act on a patient, with what it says.
ACTS: Mapping[str, Callable[[int], dict[str, Any]]] = {
    "acknowledgement": says(),
    "acceptance": says(),
    "acceptance/withdrawn": says(reason=words),
    "redirect-request": says(
        reason=one("other", "no_bed"), note=words, alternative_facility_id=words
    ),
    "redirect-request/withdrawn": says(),
    "activation": says(centre=one("trauma", "stroke"), activation=one("activate", "alert")),
    "activation/withdrawn": says(centre=one("trauma", "stroke"), reason=words),
    "departments/imaging/answer": says(answer=one("coming", "cannot")),
    "direct-to": says(direct_to=one("ct", "theatre"), gate=words),
    "direct-to/revoked": says(direct_to=one("ct", "theatre")),
    "bed": says(department=one("icu", "ccu"), bed=words),
    "bed/released": says(department=one("icu", "ccu")),
    "identity": says(reference=words, provisional=one(False, True)),
    "identity/merged": says(reference=words, merged=words),
    "identity/split": says(reference=words, reason=words),
    "formalities": says(formality=one("consent", "insurance")),
    "death": says(),
    "level": says(level=one("critical", "urgent"), reason=words),
    "arrival": says(place=one("ct", "resus")),
    "arrival/revoked": says(reason=words),
    "milestones": says(milestone=one("first_doctor", "ct_done")),
    "milestones/ct_done/revoked": says(),
    "handover": says(reason=words, wristband_reason=words, not_aboard_reason=words),
    "transfer": says(wristband=words, wristband_reason=words, not_aboard_reason=words),
    "addenda": says(text=words),
    "outcome": says(outcome=one("admitted", "died"), diagnosis=words),
}


@pytest.fixture(scope="module")
async def region(
    platform: Platform, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Region]:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(delivery, "FIRST", timedelta(seconds=0.01))
        patched.setattr(delivery, "OPEN", timedelta(seconds=0.05))
        patched.setattr(outlet, "ANSWER_S", 0.2)
        patched.setattr(outlet, "CONNECT_S", 0.2)
        patched.setattr("services.bridge.mllp.ANSWER_S", 0.2)
        patched.setattr(courier, "LOOK_S", 0.1)
        patched.setenv("H_SECRET", SECRET)
        async with in_region(platform, tmp_path_factory.mktemp("region")) as opened:
            yield opened


def test_every_act_that_there_is_is_tried(region: Region) -> None:
    assert {*FACILITY_ACTS, "handover"} == {
        path.replace("imaging", "{department}").replace("ct_done", "{milestone}") for path in ACTS
    }
    begin = "/v1/facilities/{facility_id}/"
    reads = {r.path.removeprefix(begin) for r in routes_of(region.workers[0].app)
             if r.methods == {"GET"} and r.path.startswith(begin)}  # fmt: skip
    of_one = ("", "/timeline", "/vitals", "/attachments/{sha256}")
    one_patient = {f"encounters/{{encounter_id}}{of}" for of in of_one}
    of_all = {"queue", "feed", "handed-over", "vitals", "reads", "beds", "indicators"}
    assert reads == {*of_all, *one_patient}


class Story:
    """One example: what was drawn is done, and after each step it is looked at what was given."""

    def __init__(self, region: Region) -> None:
        self.region, self.now = region, datetime.now(UTC)
        self.waiting: list[EncounterEvent] = []
        self.past: dict[str, list[EncounterEvent]] = {name: [] for name in region.patients}
        self.decisions: Counter[str] = Counter()
        self.redirects: Counter[str] = Counter()
        #: What is answered about nobody.
        self.nothing: Answer

    async def tell(self, steps: Iterable[Step]) -> None:
        self.nothing = await self.region.ask(HOSPITALS[0], "GET", f"encounters/{NOBODY}")
        assert self.nothing.status == 404
        for kind, patient, hospital, choice in [*BEGINNING, *steps]:
            TRIED[kind] += 1
            name, facility = self.region.patients[patient], HOSPITALS[hospital]
            before = self.region.onlooker.of(name).facility or facility
            if kind in {"act", "bed", "sign"} and choice % 4:
                facility = before
            await self.do(kind, name, facility, choice)
            await self.holds([name], {facility, before})
        await self.take(0)
        await self.region.settle()
        await self.holds(self.region.patients, HOSPITALS)
        await self.ends()

    # -- what happens --------------------------------------------------------------------------

    async def do(self, kind: str, name: str, facility: str, choice: int) -> None:
        """One step. What is no step by itself is something that others say."""
        steps: dict[str, Callable[[], Awaitable[None]]] = {
            "take": lambda: self.take(choice % 2),
            "die": lambda: self.region.take(self.waiting, choice % 2, dies=True),
            "again": lambda: self.again(name, choice),
            "act": lambda: self.act(list(ACTS)[choice % len(ACTS)], name, facility, choice),
            "bed": lambda: self.act("bed", name, facility, choice),
            "sign": lambda: self.sign(name, facility),
            "receive": lambda: self.receive(facility, choice),
            "sit down": lambda: self.sit_down(facility, choice),
            "peek": lambda: self.peek(facility, choice),
            "fail": lambda: self.fail(facility, choice),
            "kill": self.region.kill_courier,
            "race": lambda: self.race(name, facility, choice),
        }
        await steps.get(kind, lambda: self.world(kind, name, facility, choice))()

    async def again(self, name: str, choice: int) -> None:
        """What was taken in comes once more, to either worker."""
        taken = [event for event in self.past[name] if event not in self.waiting]
        await self.region.take(taken[-1 - choice % 8 :], choice % 2)

    async def sit_down(self, facility: str, choice: int) -> None:
        lines = self.region.hospitals[facility].lines
        self.region.sit_down(facility, choice % 2, (None, "0", lines[-1].id)[choice % 3])

    async def fail(self, facility: str, choice: int) -> None:
        """What the next tries of its systems meet with."""
        hospital = self.region.hospitals[facility]
        hospital.his.plan.extend(["hang", "AE"][: 1 + choice % 2])
        (hospital.web, hospital.fhir)[choice % 2].plan.extend(["500", "half"])

    async def world(self, kind: str, name: str, facility: str, choice: int) -> None:
        """Something that others say; two of three are taken at once, and the third waits."""
        if kind == "select" and any(isinstance(e, EncounterEnded) for e in self.past[name]):
            return  # dispatch refuses it
        event = self.event(kind, name, facility, choice)
        self.waiting.append(event)
        self.past[name].append(event)
        if choice % 3:
            await self.take(choice % 2)

    async def take(self, by: int) -> None:
        TRIED["several at once"] += len({e.encounter_id for e in self.waiting}) < len(self.waiting)
        waiting, self.waiting = self.waiting, []
        if waiting:
            await self.region.take(waiting, by)

    def event(self, kind: str, name: str, facility: str, choice: int) -> EncounterEvent:
        at = datetime.now(UTC) - timedelta(seconds=30 if choice % 5 == 0 else 0)
        common: dict[str, Any] = {"event_id": mark(), "encounter_id": name, "occurred_at": at}
        of: dict[str, Callable[[], EncounterEvent]] = {
            "select": lambda: DestinationSelected(**common, facility_id=facility, selected_by="d"),
            "board": lambda: PatientBoarded(**common, unit_id="U-two", inferred=choice % 4 == 0),
            "end": lambda: EncounterEnded(**common, outcome=OUTCOMES[choice % len(OUTCOMES)]),
            "update": lambda: EncounterUpdated.model_validate(
                {**common, "patient": {"complaint_text": mark(), "identity": "known"}}
            ),
            "find": lambda: FindingRecorded.model_validate(
                {**common, "finding": "shock", "present": True, "note": mark()}
            ),
            "examine": lambda: ExaminationDone.model_validate(
                {**common, "examination": "ecg_12_lead", "shows": ["st_elevation"], "note": mark()}
            ),
            "tell": lambda: BackgroundTold.model_validate(
                {**common, "background": {"allergies": [mark()], "belongings": [mark()]}}
            ),
            "retract": lambda: self._retracted(common, name),
            "triage": lambda: self._decided(common, name, choice),
            "pause": lambda: TriagePaused.model_validate(
                {**common, "worst": "urgent", "reason": mark()}
            ),
            "reach": lambda: PatientReached(**common, unit_id=mark()),
            "relay": lambda: PatientHandedToUnit(
                **common, unit_id="U-two", to_unit_id=mark(), reason="relay"
            ),
            "expect": lambda: ArrivalExpected(
                **common, unit_id=mark(), call_back="120 6",
                arrives_at=at + timedelta(seconds=60 * choice), estimated_at=at,
            ),
            "send on": lambda: EmergencyTransferRequested(
                **common, incident_id=mark(), from_facility_id=mark(), requested_by="d-2",
                consent="given", reason=mark(),
            ),
        }  # fmt: skip
        return of[kind]()

    def _retracted(self, common: dict[str, Any], name: str) -> EncounterEvent:
        found = [e for e in self.past[name] if isinstance(e, FindingRecorded)]
        return ObservationRetracted.model_validate(
            {**common, "observation": "finding", "reason": "wrong_patient", "retracted_by": mark(),
             "observation_id": found[-1].event_id if found else mark()}
        )  # fmt: skip

    def _decided(self, common: dict[str, Any], name: str, choice: int) -> EncounterEvent:
        self.decisions[name] += 1
        centres = [concern(("stroke", "trauma")[choice % 2])] if choice % 3 else []
        level = ("urgent", "critical", "not_yet", "severe")[choice % 4]
        override = {"level": "severe", "reason": mark(), "overridden_by": mark(), "role": "crew",
                    "occurred_at": common["occurred_at"]}  # fmt: skip
        made = decided(level, self.decisions[name], 0, centres)
        told = made.model_dump() | common | {"override": override, "changed": choice % 7 > 0}
        return type(made).model_validate(told)

    # -- what facilities do --------------------------------------------------------------------

    async def act(self, path: str, name: str, facility: str, choice: int) -> None:
        """An act by whoever it may be; now and then it comes twice at once, to both workers."""
        body, key = ACTS[path](choice) | {"occurred_at": datetime.now(UTC).isoformat()}, mark()
        if path.startswith("identity/") and choice % 2:
            body["reference"] = self._number(name, facility) or body["reference"]
        who = "doctor" if path == "transfer" else "nurse"
        times = 2 if choice % 4 == 0 else 1
        answers = await asyncio.gather(
            *(self.region.act(facility, name, path, body, by=by, key=key, who=who)
              for by in range(times))
        )  # fmt: skip
        assert len({each.status for each in answers}) == 1
        await self.region.told()  # a centre that is activated is sent a version, which they show
        for each in answers:
            self.answered(name, facility, each)
        if path.startswith("redirect-request"):
            one = -1 if path.endswith("withdrawn") else 1
            self.redirects[facility] += answers[0].is_good and one

    def _number(self, name: str, facility: str) -> str | None:
        """By which number the hospital calls the patient, as its board shows."""
        for line in reversed(self.region.hospitals[facility].lines):
            said = json.loads(line.data)
            if said.get("encounter_id") == name and said.get("handoff"):
                identity = said["handoff"]["identity"]
                return identity and str(identity["reference"])
        return None

    async def sign(self, name: str, facility: str) -> None:
        """Crew and doctor sign, wherever the crew believes to be."""
        why = {"not_aboard_reason": "walked in"}
        crew = await self.region.act(facility, name, "handover", why, who="crew", role=Role.CREW)
        self.answered(name, facility, crew)
        doctor = await self.region.act(facility, name, "transfer", why, who="doctor")
        self.answered(name, facility, doctor)
        TRIED["handed over"] += doctor.is_good

    def answered(self, name: str, facility: str, answer: Answer) -> None:
        """Whoever is not bound for it is nobody; of who is, nothing else is told."""
        self.region.judge(facility, answer.path, answer.text)
        if self.region.onlooker.of(name).is_at(facility):
            assert answer.status in {200, 409}, answer.text
            TRIED["done"] += answer.is_good
        else:
            self.is_nothing(answer)

    def is_nothing(self, answer: Answer) -> None:
        TRIED["nothing"] += 1
        assert (answer.status, answer.text) == (404, self.nothing.text)
        assert answer.headers == self.nothing.headers

    async def receive(self, facility: str, choice: int) -> None:
        """A board tells of everybody, and guesses versions."""
        told = [{"encounter_id": name, "version": 1 + choice, "displayed": choice % 2 == 0}
                for name in (*self.region.patients, NOBODY)]  # fmt: skip
        answer = await self.region.ask(facility, "POST", "receipts", {"receipts": told})
        assert (answer.status, answer.text) == (204, "")

    async def peek(self, facility: str, choice: int) -> None:
        """By a path of another one, and by the cursor of another one's feed."""
        other = HOSPITALS[(HOSPITALS.index(facility) + 1 + choice % 2) % 3]
        name = self.region.patients[choice % 4]
        for path in ("queue", "feed", "handed-over", "vitals", "beds", "indicators",
                     *(f"encounters/{name}{of}" for of in
                       ("", "/timeline", "/vitals", f"/attachments/{'0' * 64}"))):  # fmt: skip
            self.is_nothing(await self.region.ask(facility, "GET", path, of=other))
        for path in ACTS:
            said = await self.region.ask(
                facility, "POST", f"encounters/{name}/{path}", ACTS[path](choice), of=other
            )
            self.is_nothing(said)
        lines = self.region.hospitals[other].lines
        after = ("0", lines[-1].id, str(2**62))[choice % 3]
        headers = self.region.bearer(facility) | {"Last-Event-ID": after}
        url = f"{self.region.workers[choice % 2].url}/v1/facilities/{facility}/feed"
        parser = Parser()
        async with self.region.http.get(url, headers=headers) as answer:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(0.1):
                    async for chunk in answer.content.iter_any():
                        for line in parser.feed(chunk):
                            self.region.judge(facility, "feed", line.data)

    async def race(self, name: str, facility: str, choice: int) -> None:
        """Another hospital is chosen while the one that had the patient acts and reads."""
        if any(isinstance(e, EncounterEnded) for e in self.past[name]):
            return
        here = self.region.onlooker.of(name).facility or facility
        then = [self.event(kind, name, facility, 1) for kind in ("select", "update", "board")]
        self.past[name] += then
        waiting, self.waiting = [*self.waiting, *then], []
        body = ACTS["milestones"](choice)
        path = f"encounters/{name}"
        taking = asyncio.create_task(self.region.take(waiting, choice % 2))
        answers = await asyncio.gather(
            self.region.ask(here, "POST", f"{path}/milestones", body, by=1),
            *(self.region.ask(here, "GET", each, by=choice % 2)
              for each in (path, "queue", "vitals", f"{path}/timeline", f"{path}/vitals")),
        )  # fmt: skip
        await taking
        for answer in answers:
            self.region.judge(here, answer.path, answer.text)
            if answer.status == 404:
                self.is_nothing(answer)

    # -- what has to hold ----------------------------------------------------------------------

    async def holds(self, names: Iterable[str], facilities: Iterable[str]) -> None:
        """Whoever is bound for a hospital is shown there, and nobody else is, nowhere."""
        await self.region.told()
        self.region.look()
        for facility in facilities:
            paths = ["queue", *(f"encounters/{name}{of}" for name in names
                                for of in ("", "/timeline", "/vitals"))]  # fmt: skip
            queue, *items = await asyncio.gather(
                *(self.region.ask(facility, "GET", path, by=n % 2) for n, path in enumerate(paths))
            )
            ids = {each["encounter_id"] for each in queue.json()["items"]}
            assert ids == self.region.onlooker.at(facility, open_only=True)
            self.region.judge(facility, "queue", queue.text)
            over = await self.region.ask(facility, "GET", "handed-over")
            here = self.region.onlooker
            assert {each["encounter_id"] for each in over.json()["patients"]} == (
                here.at(facility) - here.at(facility, open_only=True)
            )
            self.region.judge(facility, "queue", over.text)
            for answer in items:
                (name,) = NAME.findall(answer.path)
                self.answered(name, facility, answer)

    async def ends(self) -> None:
        """What every hospital has in the end, by each way, is what it is to have."""
        for facility, hospital in self.region.hospitals.items():
            here = self.region.onlooker.at(facility)
            assert shown(hospital) == self.region.onlooker.at(facility, open_only=True)
            for name in self.region.patients:
                told_apart(hospital, name, is_here=name in here)
            await self.counts(facility, here)
        await self.reads()

    async def counts(self, facility: str, here: set[str]) -> None:
        end = (datetime.now(UTC) + timedelta(minutes=1)).isoformat()
        asked = f"indicators?since={self.region.since.isoformat()}&until={end}"
        figures = await self.region.ask(facility, "GET", asked.replace("+", "%2B"))
        assert figures.json()["patients"] == len(here)
        assert sum(figures.json()["redirects"].values()) == self.redirects[facility]
        beds = await self.region.ask(facility, "GET", "beds")
        self.region.judge(facility, "beds", beds.text)
        held = [r["encounter_id"] for ward in beds.json()["wards"] for r in ward["reservations"]]
        assert set(held) <= here
        TRIED["beds held"] += len(held)

    async def reads(self) -> None:
        """The log of reads names nobody who was never there, and nobody reads elsewhere."""
        rows = await self.region.admin.fetch(
            "SELECT facility_id, name, encounter_ids FROM bridge.reads"
            " WHERE facility_id = ANY ($1)",
            list(HOSPITALS),
        )
        for row in rows:
            assert set(row["encounter_ids"]) <= self.region.onlooker.ever_at(row["facility_id"])
            assert row["name"] == "crew" or row["name"][-2:] == row["facility_id"][-2:]


def shown(hospital: Hospital) -> set[str]:
    """Who is on the board, from the first line to the last."""
    items: dict[str, dict[str, Any]] = {}
    for line in hospital.lines:
        said = json.loads(line.data)
        if line.event == "snapshot":
            items = {each["encounter_id"]: each for each in said["items"]}
        else:
            items[said["encounter_id"]] = said
    return {
        name
        for name, item in items.items()
        if not item["withdrawn"] and item["handoff"]["transferred_at"] is None
    }


def told_apart(hospital: Hospital, name: str, *, is_here: bool) -> None:
    """What its systems were told of one patient: who was announced and left is taken back, once."""
    his = [(id_, said.split("|")[8].split("^")[1]) for id_, said in hospital.his.came
           if name in NAME.findall(said)]  # fmt: skip
    web = [(id_, json.loads(said)["data"]["withdrawn"]) for id_, said in hospital.web.came
           if name in NAME.findall(said)]  # fmt: skip
    fhir = [(said, json.loads(said)["identifier"]["value"].endswith("withdrawn"))
            for _, said in hospital.fhir.came if name in NAME.findall(said)]  # fmt: skip
    for came in ([(i, trigger in WITHDRAWALS) for i, trigger in his], web, fhir):
        gone = [is_gone for _, is_gone in dict(came).items()]  # a repeat under its id is one
        assert (gone[-1:] == [False]) is is_here, "the last that it was told"
        assert gone[:1] != [True], "who was never announced is not taken back"
        assert (True, True) not in itertools.pairwise(gone), "nor twice"
        TRIED["taken back"] += sum(gone)


@pytest.fixture(scope="module")
def tell(region: Region) -> Callable[[list[Step]], Awaitable[None]]:
    """Tells one story; a function, since what is given to an example is printed with it."""

    async def told(steps: list[Step]) -> None:
        await region.begin()
        try:
            await Story(region).tell(steps)
        finally:
            await region.forget()

    return told


@settings(
    max_examples=12,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(STEPS)
async def test_no_facility_is_given_a_patient_who_is_not_bound_for_it(
    tell: Callable[[list[Step]], Awaitable[None]], steps: list[Step]
) -> None:
    await tell(steps)


def test_what_was_tried_was_worth_it(region: Region) -> None:
    least = {"done": 100, "nothing": 100, "taken back": 20, "handed over": 3, "several at once": 3}
    least |= dict.fromkeys(("beds held", "race", "die", "again", "kill", "fail", "peek"), 1)
    assert {what: TRIED[what] for what, many in least.items() if TRIED[what] < many} == {}
