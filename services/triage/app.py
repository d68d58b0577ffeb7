"""Puts triage together: protocols from YAML, one loop, one relay."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from importlib.resources import files

import yaml

from schemas.envelope import derived_id
from schemas.event import Event
from schemas.triage import TriageDecided, TriageLevel, TriagePaused
from services.kit import observability as seen
from services.kit import postgres, runtime
from services.kit.http import create_app
from services.kit.loop import Loop
from services.kit.outbox import Relay
from services.kit.patience import patiently
from services.kit.settings import Settings
from services.kit.work import Consumption, Received
from services.triage.decide import step
from services.triage.picture import Picture
from services.triage.protocol import Protocols, protocols_from
from services.triage.store import PictureStore

SERVICE = "triage"
TOPICS = ["dispatch-encounters", "ambulance-vitals", "ambulance-findings", "bridge-handoffs"]


def load_protocols() -> Protocols:
    """Every protocol that lies beside the code. Raises ``ValidationError`` when one is wrong."""
    folder = files("services.triage") / "protocols"
    documents = [
        yaml.safe_load(file.read_text("utf-8"))
        for file in sorted(folder.iterdir(), key=lambda f: f.name)
        if file.name.endswith(".yaml")
    ]
    return protocols_from(documents)


def handle(
    protocols: Protocols, picture: Picture | None, received: Received
) -> tuple[Picture, Sequence[TriageDecided]]:
    """Take in one record; the broker's time of it is the only clock."""
    after, decisions = step(picture, received.key, received.event, received.recorded_at, protocols)
    for decision in decisions:
        seen.DECISIONS.labels(decision.worst, decision.changed).inc()
    return after, decisions


def paused(picture: Picture | None, received: Received) -> Sequence[Event]:
    """Say that triage of this patient has stopped; the last level stands."""
    last = picture.decided if picture else None
    return [
        TriagePaused(
            event_id=derived_id("paused", received.key, received.event.event_id),
            occurred_at=received.recorded_at,
            recorded_at=received.recorded_at,
            encounter_id=received.key,
            worst=last.worst if last else TriageLevel.NOT_YET,
        )
    ]


async def main(settings: Settings) -> None:
    """Run until something fails."""
    pool = await patiently(settings, SERVICE, lambda: postgres.connect(settings, SERVICE))
    folders = [files("services.kit") / "migrations", files("services.triage") / "migrations"]
    await postgres.migrate(pool, SERVICE, folders)
    work = Consumption(
        SERVICE, SERVICE, TOPICS, PictureStore(), partial(handle, load_protocols()), paused
    )
    loop, relay = Loop(settings, pool, work), Relay(settings, SERVICE, pool)

    async def is_ready() -> bool:
        return loop.ready and await postgres.is_writable(pool)

    app = create_app(SERVICE, None, [], is_ready)
    await runtime.together([runtime.serve(app, settings), relay.run, loop.run])
