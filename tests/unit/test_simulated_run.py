"""A whole run of the simulator and of the judge, against stand-ins: no broker, no services."""

from __future__ import annotations

import asyncio
import hashlib
import itertools
import json
import os
import signal
import socket
import time
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from schemas.handoff import Department
from simulator import cast, crew, department, story, truth
from simulator.api import Api, serving
from simulator.endpoints import Endpoints, load
from simulator.journal import Follower
from simulator.judge import Options as JudgeOptions
from simulator.judge import judge
from simulator.play import Options, play
from simulator.reading import milliseconds
from simulator.report import report
from simulator.story import Story
from simulator.verdict import Verdict
from tests.simulated import Shelf, endpoints, service


class Services:
    """Answers as the services do, shows destinations on the feeds, remembers what was asked."""

    def __init__(self) -> None:
        self.acts: Counter[str] = Counter()
        self.samples: list[str] = []
        self.keys: list[str] = []
        self.receipts: list[dict[str, Any]] = []
        self.beds: set[str] = set()
        self.shelf = Shelf()
        self.feeds: defaultdict[str, list[asyncio.Queue[str]]] = defaultdict(list)
        self.refuse = ""
        #: So many units are sent elsewhere by somebody else.
        self.taken = 0
        #: Nothing has ever happened here: no unit is known.
        self.is_new = False
        self._seen: dict[str, str] = {}

    async def answer(self, request: web.Request) -> Any:
        words = request.path.split("/")
        if words[-1] == "feed":
            return await self._feed(request, words[3])
        if words[-1] in {"telemetry", "receipts"} or {"beds", "attachments"} & set(words):
            return await self._by_machine(words[-1], request)
        if request.method == "GET":
            return {"encounter_ids": []}
        key, body = request.headers["Idempotency-Key"], await request.json()
        self.acts[words[-1]] += 1
        self.keys.append(key)
        if self.is_new and body.get("status") == "available":
            return web.Response(status=404, text="nobody ever sent it")
        is_taken = words[-1] == "units" and self.taken > 0
        if is_taken or (self.refuse and words[-1] == self.refuse):
            self.taken -= is_taken
            return web.Response(status=409, text='{"title": "Not free"}' if is_taken else "no")
        if words[-1] == "destination":
            self._bind(words[3], body["facility_id"])
        opened = body.get("patients", [{}])
        return {
            "incident_id": f"I-{key}",
            "encounter_ids": [f"E-{key}-{n}" for n in range(len(opened))],
            "encounter_id": f"E-{key}",
            "leg": {"leg_id": key, "incident_id": f"I-{key}"},
        }

    async def _by_machine(self, what: str, request: web.Request) -> web.Response:
        """What machines send: samples, files, what a screen shows, beds that are counted."""
        if "attachments" in request.path:
            return await self.shelf.answer(request)
        if request.method == "PUT":
            self.beds.add(request.path)
            return web.json_response({})
        if what == "receipts":
            self.receipts += (await request.json())["receipts"]
            return web.Response(status=204)
        lines = [json.loads(line) for line in (await request.text()).split("\n")]
        self.samples += [line["event_id"] for line in lines if "event_id" in line]
        return web.json_response({"accepted": len(lines), "refused": [], "doubted": []}, status=202)

    def _bind(self, encounter_id: str, facility: str) -> None:
        """The hospital is shown the patient, and the one before that nobody comes."""
        told = {"encounter_id": encounter_id, "version": 1}
        before = self._seen.get(encounter_id, facility)
        self._seen[encounter_id] = facility
        shown = {before: {**told, "facility_id": before, "record": None}}
        shown[facility] = {**told, "facility_id": facility, "record": {"worst": "urgent"}}
        for place, item in shown.items():
            for queue in self.feeds[place]:
                queue.put_nowait(json.dumps(item))

    async def _feed(self, request: web.Request, facility: str) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        await response.write(b'event: snapshot\r\nid: 0\r\ndata: {"feed":0,"items":[]}\r\n\r\n')
        queue: asyncio.Queue[str] = asyncio.Queue()
        self.feeds[facility].append(queue)
        while True:
            told = f"event: item\r\nid: 1\r\ndata: {await queue.get()}\r\n\r\n"
            await response.write(told.encode())


def sooner(item: Any, *names: str) -> Any:
    """A part of a story, sixty times as fast."""
    return item.model_copy(update={name: getattr(item, name) / 60 for name in names or ("at",)})


def shortened(told: Story) -> Story:
    """A story that is over in a second or two."""
    return told.model_copy(
        update={
            "duration": told.duration / 60,
            "steps": tuple(map(sooner, told.steps)),
            "streamed": {n: tuple(map(sooner, holds)) for n, holds in told.streamed.items()},
            "drives": tuple(sooner(drive, "start", "end") for drive in told.drives),
            "dead_zones": tuple(sooner(zone, "start", "end") for zone in told.dead_zones),
        }
    )


@pytest.fixture(autouse=True)
async def _hears_no_signals_afterwards() -> AsyncIterator[None]:
    """Programs that end with their process leave their handlers; here the process goes on."""
    yield
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().remove_signal_handler(number)


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every story is over in a second or two."""
    short = {told.story: shortened(told) for told in story.every()}
    monkeypatch.setattr(story, "load", short.__getitem__)
    monkeypatch.setattr(story, "every", lambda: tuple(short.values()))
    monkeypatch.setattr(story, "SLOW_S", (1.5, 2.0))
    monkeypatch.setattr(cast, "_midst", lambda told: (17 / 60, 70 / 60))
    monkeypatch.setattr(crew, "HOME_S", 0.1)
    monkeypatch.setattr(crew, "LEADS_OFF_S", 0.05)
    monkeypatch.setattr(crew, "LEADS_ON_S", 0.05)
    monkeypatch.setattr(crew, "COME_S", 0.05)
    monkeypatch.setattr(department, "REACTION_S", (0.01, 0.05))


CHEST_PAIN = ("chest_pain",)


def written(url: str, folder: Path) -> Path:
    known = endpoints(url).model_dump(mode="json")
    places = {kind: dict.fromkeys(known["tokens"][kind], "x") for kind in ("centre", "clinic")}
    tokens = {"dispatcher": "d", "crew": "c", **places}
    path = folder / "endpoints.json"
    path.write_text(json.dumps({**known, "tokens": tokens}))
    return path


async def played(tmp_path: Path, services: Services, **asked: Any) -> list[truth.TruthLine]:
    async with service(services.answer) as url:
        journal = tmp_path / "truth.ndjson"
        options = Options(endpoints=written(url, tmp_path), truth=journal, **asked)
        async with asyncio.timeout(30 + asked.get("seconds", 0.0)):
            assert await play(options) == 0
    return list(Follower(tmp_path / "truth.ndjson").news())


def kinds(told: list[truth.TruthLine]) -> Counter[str]:
    return Counter(line.KIND for line in told)


def acts_of(told: list[truth.TruthLine]) -> list[truth.ActSent]:
    return [line for line in told if isinstance(line, truth.ActSent)]


@pytest.mark.usefixtures("quick")
async def test_what_a_story_told_from_its_midst_had_behind_it_was_done_then(tmp_path: Path) -> None:
    """Only entered now; who answers in the hospital, and what follows, happens now."""
    services = Services()
    services.is_new = True
    told = await played(
        tmp_path, services, live_encounters=6, calls_per_hour=0, seconds=0.3, stories=CHEST_PAIN
    )
    acts = acts_of(told)
    ages = {line.id: line.t - milliseconds(line.about["occurred_at"]) / 1000 for line in acts}
    behind = [i for i in ages if i.endswith(".assigned")]
    assert len(behind) == 6
    assert all(0.1 < ages[i] < 3 for i in behind), ages
    seen = [i for i in ages if ".acknowledged_at_F-" in i]
    assert len(seen) >= 3
    assert all(ages[i] < 0.01 for i in seen), ages


@pytest.mark.usefixtures("quick")
async def test_where_units_are_known_already_nothing_is_told_from_before(tmp_path: Path) -> None:
    """After a crash of ours, or in a kept folder: their monitors spoke for others until now."""
    told = await played(
        tmp_path, Services(), live_encounters=6, calls_per_hour=0, seconds=0.3, stories=CHEST_PAIN
    )
    acts = acts_of(told)
    assert len(acts) > 6
    assert isinstance(told[0], truth.Epoch)
    assert all(milliseconds(line.about["occurred_at"]) / 1000 > told[0].t for line in acts)


def sent_in(told: list[truth.TruthLine]) -> list[str]:
    """The ids of all samples that were sent."""
    return [
        f"{handle}.{number}"
        for line in told
        if isinstance(line, truth.SamplesSent)
        for handle, numbers in line.numbers.items()
        for number in numbers
    ]


@pytest.mark.usefixtures("quick")
async def test_a_run_plays_whole_stories_and_tells_the_truth_about_them(tmp_path: Path) -> None:
    services = Services()
    told = await played(
        tmp_path,
        services,
        live_encounters=3,
        calls_per_hour=3600,
        seconds=4.0,
        ambulances=40,
        stories=CHEST_PAIN,
    )
    assert isinstance(told[0], truth.Epoch)
    assert isinstance(told[-1], truth.Ended)
    assert kinds(told)["input"] == 1
    assert kinds(told)["begin"] >= 4
    assert kinds(told)["incident"] == kinds(told)["begin"]
    assert kinds(told)["over"] >= 2
    assert services.acts["transfer"] >= kinds(told)["over"]
    assert services.acts["acknowledgement"] >= kinds(told)["over"]
    assert {each["displayed"] for each in services.receipts} == {True}, "the screens are lit"
    assert len(services.beds) == 3 * len(Department), "each hospital counts its beds"
    acknowledged = {i for line in told if isinstance(line, truth.Acknowledged) for i in line.ids}
    assert {line.id for line in acts_of(told)} <= acknowledged
    assert sorted(sent_in(told)) == sorted(set(services.samples))


@pytest.mark.usefixtures("quick")
async def test_the_picture_of_each_ecg_follows_it_whatever_breaks_off(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a story told from its midst too; and what is under way when the run ends is waited for."""
    services = Services()
    services.shelf.takes_s = 0.3
    monkeypatch.setattr("simulator.play.GRACE_S", 20.0)
    told = await played(
        tmp_path,
        services,
        live_encounters=3,
        calls_per_hour=3600,
        seconds=3.0,
        stories=CHEST_PAIN,
        realism=("broken_lines",),
    )
    named = {line.id: line for line in acts_of(told) if line.act == "examination"}
    pictures = {line.id: line for line in acts_of(told) if line.act == "picture"}
    assert len(named) > 3
    assert set(pictures) == {f"{id_}_picture" for id_ in named}
    acknowledged = {i for line in told if isinstance(line, truth.Acknowledged) for i in line.ids}
    assert set(pictures) <= acknowledged
    for sent in pictures.values():
        content = services.shelf.files[sent.about["encounter_id"], sent.about["sha256"]]
        assert hashlib.sha256(content).hexdigest() == sent.about["sha256"]
    assert services.shelf.broken
    assert services.shelf.asked["HEAD"] >= services.shelf.broken


def whole(told: Sequence[Any]) -> set[str]:
    """The stories that were told to their end."""
    begun = {line.handle: line for line in told if isinstance(line, truth.EncounterBegan)}
    return {begun[line.handle].story for line in told if isinstance(line, truth.EncounterOver)}


@pytest.mark.usefixtures("quick")
async def test_every_story_is_played_from_its_call_to_its_end(tmp_path: Path) -> None:
    services, names = Services(), [told.story for told in story.every()]
    asked = {"stories": names, "ambulances": 60, "calls_per_hour": 72_000.0}
    told = await played(tmp_path, services, **asked, seconds=9.0)
    if whole(told) != set(names):  # a machine that has other work needs longer
        (again := tmp_path / "again").mkdir()
        services = Services()
        told = await played(again, services, **asked, seconds=60.0)
    assert kinds(told)["refused"] == 0
    begun = {line.handle: line for line in told if isinstance(line, truth.EncounterBegan)}
    over = {line.handle for line in told if isinstance(line, truth.EncounterOver)}
    assert whole(told) == set(names)
    done: defaultdict[str, set[str]] = defaultdict(set)
    for line in acts_of(told):
        handle, _, name = line.id.rpartition(".")
        done[begun[handle].story].add(name)
    for each in story.every():
        steps = {step.name for step in each.steps if step.act not in {"call", "found", "walk_in"}}
        assert steps <= done[each.story]
    acknowledged = {i for line in told if isinstance(line, truth.Acknowledged) for i in line.ids}
    assert {line.id for line in acts_of(told) if line.handle in over} <= acknowledged
    assert sorted(sent_in(told)) == sorted(set(services.samples))


@pytest.mark.usefixtures("quick")
async def test_a_redirected_patient_is_acknowledged_by_who_is_told_in_time(tmp_path: Path) -> None:
    asked = {"stories": ["redirection_after_boarding"], "calls_per_hour": 1.0, "seconds": 4.0}
    told = await played(tmp_path, Services(), **asked)
    signed = [line for line in acts_of(told) if line.act == "acknowledgement"]
    bound = [line for line in acts_of(told) if line.act == "destination"]
    assert [line.about["facility_id"] for line in signed] == [
        line.about["facility_id"] for line in bound
    ]
    assert len({line.about["facility_id"] for line in bound}) == 2
    assert [line.facility for line in signed] == [line.about["facility_id"] for line in signed]


@pytest.mark.usefixtures("quick")
async def test_what_is_done_in_a_dead_zone_is_told_afterwards_as_done_then(tmp_path: Path) -> None:
    asked = {"stories": ["dead_zone"], "calls_per_hour": 1.0, "seconds": 3.5}
    told = await played(tmp_path, Services(), **asked)
    ages = {
        line.id.rpartition(".")[2]: line.t - milliseconds(line.about["occurred_at"]) / 1000
        for line in acts_of(told)
    }
    inside = ages.pop("worse")
    assert inside == pytest.approx(10 / 60, abs=0.05)
    assert max(ages.values()) < 0.05
    assert ages.keys() >= {"left_scene", "at_destination", "transferred"}


@pytest.mark.usefixtures("quick")
async def test_who_is_over_when_a_story_is_told_from_its_midst_is_not_live(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second call was merged long before: it is no encounter that is still to end."""
    monkeypatch.setattr(cast, "_midst", lambda told: (40 / 60, 50 / 60))
    asked = {"stories": ["duplicate_calls"], "live_encounters": 4, "calls_per_hour": 0}
    told = await played(tmp_path, Services(), **asked, seconds=0.2)
    begun = [line for line in told if isinstance(line, truth.EncounterBegan)]
    over = {line.handle for line in told if isinstance(line, truth.EncounterOver)}
    merged = {line.handle for line in acts_of(told) if line.act == "merge"}
    assert len(begun) >= 8
    assert len(merged) >= 4
    assert merged <= over
    before_input = told[: next(n for n, line in enumerate(told) if line.KIND == "input")]
    live = kinds(before_input)["begin"] - kinds(before_input)["over"]
    assert live >= 4


@pytest.mark.usefixtures("quick")
async def test_two_confused_monitors_are_told_from_before_as_confused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the older one's heart proves stands under the younger one's name, and is given back."""
    monkeypatch.setattr(cast, "_midst", lambda told: (26 / 60, 26 / 60))
    services = Services()
    services.is_new = True
    asked = {"stories": ["monitors_swapped"], "live_encounters": 2, "calls_per_hour": 0}
    told = await played(tmp_path, services, **asked, seconds=2.5)
    older, younger = [line.handle for line in told if isinstance(line, truth.EncounterBegan)][:2]
    samples = [line for line in told if isinstance(line, truth.SamplesSent)]
    acting = [mark.id for line in samples for mark in line.acting]
    proven = next(id_ for id_ in acting if id_.startswith(f"{younger}."))
    given_back = {
        line.handle: list(line.takes_back) for line in acts_of(told) if line.act == "reattribution"
    }
    assert given_back[younger] == [proven]
    assert given_back[older] == []
    place = next(n for n, line in enumerate(told) if line.KIND == "input")
    assert proven in {mark.id for line in told[:place] if isinstance(line, truth.SamplesSent)
                      for mark in line.acting}  # fmt: skip


@pytest.mark.usefixtures("quick")
async def test_a_story_that_is_refused_ends_and_the_run_goes_on(tmp_path: Path) -> None:
    services = Services()
    services.refuse = "units"
    told = await played(
        tmp_path, services, live_encounters=1, calls_per_hour=3600, seconds=2.5, stories=CHEST_PAIN
    )
    refused = [line for line in told if isinstance(line, truth.Refused)]
    assert refused
    assert {line.status for line in refused} == {409}
    assert kinds(told)["over"] >= 1
    assert not [key for key in services.keys if key.endswith((".departed", ".on_scene"))]


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("refused", ["", "arrival"])
async def test_when_all_units_have_come_home_the_call_is_closed_and_they_go_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, refused: str
) -> None:
    """Also where a human was faster, and the story has ended before its end."""
    monkeypatch.setattr(crew, "HOME_S", 0.05)
    services = Services()
    services.refuse = refused
    asked = {"stories": CHEST_PAIN, "ambulances": 1, "calls_per_hour": 36_000}
    await played(tmp_path, services, **asked, seconds=6.0)
    ended = [key for key in services.keys if key.endswith((".available", ".call.closed"))]
    assert len(ended) >= 4, "a second call by the same unit"
    for home, closed in itertools.pairwise(ended[:4]):
        assert closed.endswith(".closed") != home.endswith(".closed")


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("ambulances", [12, 1])
async def test_where_a_human_has_sent_the_unit_another_goes_and_nothing_counts_as_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ambulances: int
) -> None:
    """With one only, it is tried again until that is free."""
    monkeypatch.setattr(crew, "ANOTHER_S", 0.05)
    monkeypatch.setattr(story, "every", lambda: (story.load("chest_pain"),))
    services = Services()
    services.taken = 2
    told = await played(
        tmp_path,
        services,
        ambulances=ambulances,
        calls_per_hour=3600,
        seconds=2.5,
        stories=CHEST_PAIN,
    )
    refused = [line for line in told if isinstance(line, truth.Refused)]
    assert [(line.status, line.due) for line in refused] == [(409, True)] * 2
    sent = [line for line in acts_of(told) if line.act == "assign"][:3]
    assert len({line.id for line in sent}) == 3
    assert len({line.about["unit_id"] for line in sent}) == min(ambulances, 3)
    went = next(line for line in acts_of(told) if line.act == "stamp")
    assert went.about["unit_id"] == sent[2].about["unit_id"], "the one that was sent drives"
    verdict = Verdict(0.0)
    for line in told:
        verdict.tell(line)
    assert report(verdict, 100.0)["refused"] == 0


@pytest.mark.usefixtures("quick")
async def test_a_simulator_that_begins_again_leaves_what_was_abandoned(tmp_path: Path) -> None:
    lines: list[truth.TruthLine] = [
        truth.Epoch(t=0.5, epoch="old", seed=1),
        truth.InputBegan(t=time.time()),
        began("old-1", "E-old", 1.0),
    ]
    (tmp_path / "truth.ndjson").write_text("".join(map(truth.encode, lines)))
    services = Services()
    asked = {"live_encounters": 1, "calls_per_hour": 0, "seconds": 1.0, "stories": CHEST_PAIN}
    await played(tmp_path, services, **asked)
    assert services.acts["outcome"] == 1
    assert any(key.endswith("U-0001.free") for key in services.keys)


def began(handle: str, encounter_id: str, t: float) -> truth.EncounterBegan:
    return truth.EncounterBegan(
        t=t,
        id=f"{handle}.call",
        handle=handle,
        encounter_id=encounter_id,
        story="chest_pain",
        first_level="not_yet",
        centres=["emergency"],
    )


@pytest.mark.usefixtures("quick")
async def test_a_signal_ends_the_input(tmp_path: Path) -> None:
    services = Services()
    asyncio.get_running_loop().call_later(1.5, os.kill, os.getpid(), signal.SIGTERM)
    told = await played(tmp_path, services, calls_per_hour=3600)
    assert isinstance(told[-1], truth.Ended)


async def test_the_api_says_whether_it_is_alive_and_ready(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    monkeypatch.setenv("GREENCHANNEL_PORT", str(port))
    ready = [False, True]
    api = Api(lambda: ready.pop(0), {"/score": lambda: {"lost": 0}})
    address = f"http://127.0.0.1:{port}"
    async with serving(api), aiohttp.ClientSession() as session:
        for _ in range(100):
            try:
                async with session.get(f"{address}/livez") as answer:
                    assert answer.status == 200
                break
            except aiohttp.ClientConnectorError:
                await asyncio.sleep(0.05)
        for path, status in (("readyz", 503), ("readyz", 200), ("metrics", 200), ("no", 404)):
            async with session.get(f"{address}/{path}") as answer:
                assert answer.status == status
        async with session.get(f"{address}/score") as answer:
            assert await answer.json() == {"lost": 0}
        async with session.post(f"{address}/score") as answer:
            assert answer.status == 405


async def test_the_judge_counts_what_it_was_never_shown_as_lost(tmp_path: Path) -> None:
    """There is no broker: all that was acknowledged is lost, and the report says so."""
    options = JudgeOptions(
        endpoints=written("http://127.0.0.1:9", tmp_path),
        truth=tmp_path / "truth.ndjson",
        report=tmp_path / "report" / "r.json",
    )
    task = asyncio.create_task(judge(options))
    await asyncio.sleep(0.3)
    t = time.time()
    lines: list[truth.TruthLine] = [
        truth.Epoch(t=t, epoch="r", seed=1),
        truth.InputBegan(t=t),
        began("r-1", "E-1", t),
        truth.SamplesSent(t=t, batch=1, numbers={"r-1": [1, 2]}),
        truth.Acknowledged(t=t, batch=1),
        truth.Ended(t=t - 14),
    ]
    options.truth.write_text("".join(map(truth.encode, lines)))
    async with asyncio.timeout(10):
        assert await task == 0
    counted = json.loads(options.report.read_text())
    assert counted["ground_truth"]["lost"] == 3  # two samples and the call
    assert counted["latency_ms"]["vitals_to_queue"] == {
        "n": 0,
        "p50": None,
        "p95": None,
        "p99": None,
    }


async def test_the_judge_does_not_count_an_end_that_was_counted(tmp_path: Path) -> None:
    journal = tmp_path / "truth.ndjson"
    lines: list[truth.TruthLine] = [
        truth.Epoch(t=1.0, epoch="r", seed=1),
        truth.Ended(t=time.time() - 1),
    ]
    journal.write_text("".join(map(truth.encode, lines)))
    report = tmp_path / "r.json"
    report.write_text("{}")
    options = JudgeOptions(
        endpoints=written("http://127.0.0.1:9", tmp_path), truth=journal, report=report
    )
    task = asyncio.create_task(judge(options))
    done, _ = await asyncio.wait([task], timeout=4.0)
    assert not done
    os.kill(os.getpid(), signal.SIGTERM)
    async with asyncio.timeout(10):
        assert await task == 0
    assert json.loads(report.read_text())["ground_truth"]["lost"] == 0


async def test_endpoints_are_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "endpoints.json"
    task = asyncio.create_task(load(path))
    await asyncio.sleep(0.05)
    written("http://127.0.0.1:9", tmp_path)
    async with asyncio.timeout(2):
        assert isinstance(await task, Endpoints)
