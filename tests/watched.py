"""A whole run that is watched as in production: its Prometheus and its Alertmanager, and whoever
receives what they send; and the ways to hurt it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
import time
import uuid
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psutil
import yaml
from aiohttp import web

from services.bridge import loader
from services.kit import postgres
from services.kit.auth import add_client
from services.kit.process import Child, end, free_port
from services.kit.role import Role
from services.kit.settings import Settings
from tests.services import now, until

#: A hospital of ours, beside those of the city: nobody sits at its board.
HOSPITAL = "F-watched"
STATION = {"latitude": 34.20, "longitude": 117.28}
#: Whoever hears nothing of the dead man's switch for so long raises the alarm.
SWITCH_S = 75.0


@dataclass(frozen=True)
class Page:
    """What went out to a receiver, and when it came there."""

    to: str
    alert: str
    labels: Mapping[str, str]
    is_firing: bool
    at: float

    def fits(self, alert: str, **labels: str) -> bool:
        """``alert`` may be several names with ``|`` between: one of which holds back the other."""
        return self.alert in alert.split("|") and labels.items() <= self.labels.items()


@dataclass
class Receivers:
    """Everybody who is told of alerts."""

    pages: list[Page] = field(default_factory=list)
    port: int = field(default_factory=free_port)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def take(self, request: web.Request) -> web.Response:
        for one in (await request.json())["alerts"]:
            labels = dict(one["labels"])
            name = labels.pop("alertname")
            page = Page(
                request.match_info["to"], name, labels, one["status"] == "firing", time.monotonic()
            )
            self.pages.append(page)
        return web.Response()

    def told(self, since: float = 0.0) -> list[Page]:
        """All that is no dead man's switch."""
        return [page for page in self.pages if page.to != "watch" and page.at >= since]

    async def fires(self, alert: str, since: float, within_s: float, **labels: str) -> Page:
        """The first page of this alert after ``since``."""

        def found() -> Page | None:
            fits = (p for p in self.told(since) if p.is_firing and p.fits(alert, **labels))
            return next(fits, None)

        why = f"{alert} {labels} did not go out; these did: {self.names(since)}"
        page: Page = await until(found, within_s, why)
        return page

    async def resolves(self, page: Page, within_s: float) -> float:
        """When the end of it was told."""

        def found() -> float | None:
            ends = (p.at for p in self.told(page.at) if not p.is_firing and p.alert == page.alert
                    and p.labels == page.labels)  # fmt: skip
            return next(ends, None)

        at: float = await until(found, within_s, f"{page.alert} {page.labels} does not end")
        return at

    async def rest(self, within_s: float) -> None:
        """Until the end of all that went out was told: what goes on is not told anew."""

        def still() -> set[tuple[str, str]]:
            last = {(p.alert, str(sorted(p.labels.items()))): p.is_firing for p in self.told()}
            return {name for name, is_firing in last.items() if is_firing}

        await until(lambda: not still(), within_s, f"these go on: {still()}")

    def names(self, since: float = 0.0) -> list[str]:
        return sorted({page.alert for page in self.told(since) if page.is_firing})

    def switch_is_lost(self) -> bool:
        """As whoever keeps the dead man's switch sees it."""
        switch = [page for page in self.pages if page.to == "watch"]
        if not switch or not switch[-1].is_firing:
            return True
        return time.monotonic() - switch[-1].at > SWITCH_S

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[None]:
        app = web.Application()
        app.router.add_post("/{to}", self.take)
        runner = web.AppRunner(app, handle_signals=False)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", self.port).start()
        try:
            yield
        finally:
            await runner.cleanup()


class Watched:
    """The run. Its parts are found by their process ids, which its file of endpoints has."""

    def __init__(self, folder: Path, receivers: Receivers) -> None:
        self.folder, self.receivers = folder, receivers
        self.file = folder / "endpoints.json"
        #: Where a system of the hospital would listen.
        self.hl7_port = free_port()
        self._tokens: dict[str, str] = {}
        self._http = httpx.AsyncClient(timeout=30, trust_env=False)

    def child(self, words: Sequence[str]) -> Child:
        argv = [sys.executable, "-m", "services.cli", "run", "--port", "0",
                "--data", str(self.folder / "data"), "--endpoints", str(self.file),
                "--alerts-to", self.receivers.url, *words]  # fmt: skip
        facilities = self.folder / "facilities.yaml"
        told = yaml.safe_load(loader.SHIPPED.read_text("utf-8"))
        interface = {"channel": "hl7", "address": f"mllp://127.0.0.1:{self.hl7_port}"}
        told["facilities"] = {HOSPITAL: {"interfaces": [interface]}}
        facilities.write_text(yaml.safe_dump(told, allow_unicode=True), "utf-8")
        environ = {**os.environ, "GREENCHANNEL_BRIDGE_FACILITIES": str(facilities)}
        return Child("run", argv, self.folder / "run.log", environ, stop_with=signal.SIGINT)

    @property
    def endpoints(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.file.read_text("utf-8"))
        return found

    @property
    def prometheus(self) -> str:
        """Where it answers."""
        told = yaml.safe_load((self.folder / "data/prometheus.yml").read_text("utf-8"))
        (own,) = [s for s in told["scrape_configs"] if s["job_name"] == "prometheus"]
        return f"http://{own['static_configs'][0]['targets'][0]}"

    async def admit_the_hospital(self) -> None:
        """Keys of its own for a hospital that is none of the city's."""
        words = json.loads((self.folder / "data/passwords.json").read_text("utf-8"))
        at = self.endpoints["postgres"].rpartition("@")[2]
        dsn = f"postgresql://greenchannel_admin:{words['admin']}@{at}"
        settings = Settings(postgres_dsn=dsn)
        async with await postgres.connect(settings, "access", size=1) as pool:
            self._tokens["ward"] = await add_client(pool, "watched", Role.CENTRE, HOSPITAL)
        self._tokens |= {r: self.endpoints["tokens"][r] for r in ("dispatcher", "crew")}

    async def say(
        self, who: str, service: str, path: str, body: Any, refused: int | None = None
    ) -> Any:
        """Send until it is answered; a refusal is a failure, but by the status ``refused``."""
        url = f"{self.endpoints['http'][service]}/v1/{path}"
        headers = {"Authorization": f"Bearer {self._tokens[who]}",
                   "Idempotency-Key": str(uuid.uuid4())}  # fmt: skip
        lines = {"content": body} if isinstance(body, str) else {"json": body}
        for _ in range(100):
            with contextlib.suppress(httpx.TransportError):
                answer = await self._http.post(url, headers=headers, **lines)
                if answer.status_code != 503:
                    good = answer.is_success or answer.status_code == refused
                    assert good, f"{path}: {answer.status_code} {answer.text[:300]}"
                    return answer.json() if answer.content else None
            await asyncio.sleep(0.2)
        raise AssertionError(f"{path}: no answer")

    # -- parts -------------------------------------------------------------------------------

    def _processes(self, part: str) -> list[psutil.Process]:
        if part in ("prometheus", "alertmanager"):
            file = f"--config.file={self.folder / 'data' / part}.yml"
            found = [
                p for p in psutil.process_iter(["cmdline"]) if file in (p.info["cmdline"] or [])
            ]
        else:
            found = [psutil.Process(self.endpoints["pids"][part])]
        return [each for one in found for each in (one, *one.children(recursive=True))]

    @asynccontextmanager
    async def stopped(self, part: str) -> AsyncIterator[None]:
        """It hangs: connections stay open, and nothing answers."""
        processes = self._processes(part)
        assert processes, f"{part} does not run"
        for process in processes:
            process.suspend()
        try:
            yield
        finally:
            for process in processes:
                with contextlib.suppress(psutil.NoSuchProcess):
                    process.resume()

    # -- patients ----------------------------------------------------------------------------

    async def call(self, **more: Any) -> dict[str, Any]:
        body = {"occurred_at": now(), "location": {"latitude": 34.25, "longitude": 117.30},
                "patients": [{"complaint": "chest_pain"}], **more}  # fmt: skip
        opened: dict[str, Any] = await self.say("dispatcher", "dispatch", "incidents", body)
        return opened

    async def send(self, incident: str, at: str | None = None) -> str:
        """A unit that nobody has heard of before, told to go."""
        unit = f"U-{uuid.uuid4().hex[:8]}"
        order = {"unit_id": unit, "station": STATION, "occurred_at": at or now()}
        await self.say("dispatcher", "dispatch", f"incidents/{incident}/units", order)
        return unit

    async def stamp(self, unit: str, status: str, at: str | None = None) -> None:
        body = {"status": status, "occurred_at": at or now()}
        await self.say("crew", "dispatch", f"units/{unit}/stamps", body)

    async def patient(self, facility: str | None = None) -> tuple[str, str]:
        """Somebody aboard a unit on its way, bound for a hospital; and the unit."""
        opened = await self.call()
        (encounter,), unit = opened["encounter_ids"], await self.send(opened["incident_id"])
        await self.stamp(unit, "departed")
        path = f"encounters/{encounter}"
        body = {"unit_id": unit, "occurred_at": now()}
        await self.say("crew", "dispatch", f"{path}/reached", body)
        if facility:
            chosen = {"facility_id": facility, "occurred_at": now()}
            await self.say("dispatcher", "dispatch", f"{path}/destination", chosen)
        await self.say("crew", "dispatch", f"{path}/boarding", body)
        return encounter, unit

    async def critical(self, encounter: str, at: str | None = None) -> None:
        """A pressure that makes somebody critical, read by a human."""
        vitals = {"heart_rate": 128, "systolic_bp": 62, "diastolic_bp": 38, "spo2": 97}
        body = {"occurred_at": at or now(), "vitals": vitals}
        await self.say("crew", "gateway", f"encounters/{encounter}/vitals", body)

    async def ward_does(self, encounter: str, act: str, **said: Any) -> None:
        path = f"facilities/{HOSPITAL}/encounters/{encounter}/{act}"
        await self.say("ward", "bridge", path, {"occurred_at": now(), **said})

    async def ends(self, encounter: str, unit: str, outcome: str = "handed_to_other") -> None:
        """The patient needs nobody of ours any more; the unit is free."""
        body = {"outcome": outcome, "occurred_at": now()}
        await self.say("dispatcher", "dispatch", f"encounters/{encounter}/outcome", body)
        await self.stamp(unit, "available")

    async def close(self) -> None:
        await self._http.aclose()


@asynccontextmanager
async def watched(folder: Path, *words: str) -> AsyncIterator[Watched]:
    """A run with a city, from when its alerts are looked at until nothing of it is left."""
    receivers = Receivers()
    made = Watched(folder, receivers)
    run = made.child(words)
    async with receivers.listening():
        run.start()
        try:

            async def is_up() -> bool:
                assert run.pid is not None, run.last_words(40)
                return made.file.exists() and not receivers.switch_is_lost()

            await until(is_up, 180, "the dead man's switch is not heard")
            await made.admit_the_hospital()
            yield made
        finally:
            await made.close()
            await asyncio.to_thread(end, [run], 60.0)
