"""Puts triage together: protocols from YAML, one loop, one relay."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from importlib.resources import files

from schemas.envelope import derived_id
from schemas.event import Event
from schemas.triage import ShadowDecided, TriageLevel, TriagePaused
from services.kit import aside, postgres, runtime
from services.kit import metrics as seen
from services.kit.census import Census
from services.kit.http import create_app
from services.kit.loop import Loop
from services.kit.outbox import Relay
from services.kit.patience import patiently
from services.kit.settings import Misconfigured, Settings
from services.kit.work import Consumption, Received
from services.triage import loader
from services.triage.decide import State, step
from services.triage.rulebook import Rulebook
from services.triage.store import StateStore

SERVICE = "triage"
TOPICS = ["dispatch-encounters", "ambulance-vitals", "ambulance-findings", "bridge-handoffs"]


def handle(
    rulebook: Rulebook, on_trial: Rulebook | None, state: State | None, received: Received
) -> tuple[State, Sequence[Event]]:
    """Take in one record; the broker's time of it is the only clock."""
    after, said = step(state, received.event, received.recorded_at, rulebook, on_trial)
    for event in said:
        if isinstance(event, ShadowDecided):
            seen.SHADOWS.labels(after.course.worst, event.worst, event.differs).inc()
    return after, said


def paused(state: State | None, received: Received) -> Sequence[Event]:
    """Say that triage of this patient has stopped; the last level stands."""
    return [
        TriagePaused(
            event_id=derived_id("paused", received.key, received.event.event_id),
            occurred_at=received.recorded_at,
            recorded_at=received.recorded_at,
            encounter_id=received.key,
            worst=state.course.worst if state else TriageLevel.NOT_YET,
        )
    ]


def sets(settings: Settings) -> tuple[Rulebook, Rulebook | None]:
    """The set that decides and the one on trial. Raises ``Misconfigured``."""
    trial, site = settings.triage_on_trial, settings.triage_site
    try:
        active = loader.active(settings.triage_protocols, site)
        return active, loader.on_trial(trial, site) if trial else None
    except (loader.ProtocolRefused, OSError) as refused:
        raise Misconfigured(str(refused)) from refused


async def main(settings: Settings) -> None:
    """Run until something fails."""
    rulebook, on_trial = sets(settings)
    pool = await patiently(settings, SERVICE, lambda: postgres.connect(settings, SERVICE))
    folders = [files("services.kit") / "migrations", files("services.triage") / "migrations"]
    await postgres.migrate(pool, SERVICE, folders)
    work = Consumption(
        SERVICE, SERVICE, TOPICS, StateStore(), partial(handle, rulebook, on_trial), paused
    )
    loop, relay = Loop(settings, pool, work), Relay(settings, SERVICE, pool)

    async def is_ready() -> bool:
        return loop.ready and await postgres.is_writable(pool)

    app = create_app(SERVICE, None, [], is_ready)
    counted = Census(SERVICE, pool, [aside.counted(work.group)])
    await runtime.together([runtime.serve(app, settings), relay.run, loop.run, counted.run])
