"""One service alone, fed straight from the topics: for tests of what a single part does."""

from __future__ import annotations

import asyncio
import uuid
from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import asyncpg
from aiokafka import AIOKafkaProducer, TopicPartition

from schemas.clinical import TreatmentGiven, VitalSigns, VitalSignsRecorded
from schemas.encounter import EncounterOpened, Patient
from schemas.envelope import Message, encode
from schemas.event import Event
from schemas.triage import TriageDecided
from services.kit.broker import client, kafka
from tests.crashes import Ledger
from tests.platform import Platform
from tests.services import until

GATEWAY = "greenchannel/gateway"


class Bench:
    """Encounters whose events are written by hand, and what triage made of them."""

    def __init__(
        self,
        platform: Platform,
        ledger: Ledger,
        writer: AIOKafkaProducer,
        database: asyncpg.Connection[asyncpg.Record],
    ) -> None:
        self.platform, self.ledger, self.writer = platform, ledger, writer
        #: As the administrator.
        self.database = database
        #: The clinical events of each encounter that triage has to account for.
        self.sent: dict[str, list[str]] = defaultdict(list)

    async def write(self, *messages: Message) -> list[TopicPartition]:
        """All at once and in this order; where each lies, as the position of its partition."""
        pending = [
            await self.writer.send(m.topic, value=m.value, key=m.key, headers=m.headers)
            for m in messages
        ]
        return [TopicPartition(r.topic, r.partition) for r in await asyncio.gather(*pending)]

    async def open(self, count: int) -> list[str]:
        """So many new encounters, each with a first decision."""
        names = [f"E-{uuid.uuid4().hex[:12]}" for _ in range(count)]
        at = datetime.now(UTC)
        await self.write(
            *(
                encode(
                    EncounterOpened(
                        event_id=str(uuid.uuid4()), occurred_at=at, recorded_at=at,
                        encounter_id=name, incident_id="I-1", patient=Patient(),
                    ),
                    "greenchannel/dispatch",
                )
                for name in names
            )
        )  # fmt: skip
        return names

    def sample(self, encounter: str, source: str = GATEWAY, counts: bool = True) -> Message:
        """A sample of a monitor; triage holds it back until the next decision."""
        event = VitalSignsRecorded(
            event_id=str(uuid.uuid4()), occurred_at=datetime.now(UTC), encounter_id=encounter,
            method="streamed", vitals=VitalSigns(heart_rate=88.0), device_id="M-1",
        )  # fmt: skip
        return self._counted(event, encounter, source, counts)

    def treatment(self, encounter: str, counts: bool = True) -> Message:
        """Something a human does: a decision follows at once."""
        event = TreatmentGiven(
            event_id=str(uuid.uuid4()), occurred_at=datetime.now(UTC), encounter_id=encounter,
            treatment="oxygen",
        )  # fmt: skip
        return self._counted(event, encounter, GATEWAY, counts)

    def _counted(self, event: Event, encounter: str, source: str, counts: bool) -> Message:
        if counts:
            self.sent[encounter].append(event.event_id)
        return encode(event, source)

    def decisions(self, encounter: str) -> list[TriageDecided]:
        return self.ledger.each(TriageDecided, encounter)

    def is_taken_in(self, encounters: Sequence[str]) -> bool:
        return all(self.ledger.folded(e).issuperset(self.sent[e]) for e in encounters)

    async def taken_in(self, encounters: Sequence[str], seconds: float = 40) -> None:
        """Wait until decisions have taken in all that was sent, each exactly once."""
        await until(lambda: self.is_taken_in(encounters), seconds, "not all was taken in")
        for encounter in encounters:
            decisions = self.decisions(encounter)
            assert sorted(i for d in decisions for i in d.folded) == sorted(self.sent[encounter])
            assert [d.number for d in decisions] == list(range(1, len(decisions) + 1))

    # -- what triage holds -------------------------------------------------------------------

    async def positions(self) -> dict[TopicPartition, int]:
        rows = await self.database.fetch("SELECT topic, partition, next FROM triage.positions")
        return {TopicPartition(r["topic"], r["partition"]): r["next"] for r in rows}

    async def move(self, place: TopicPartition, position: int) -> None:
        """Set a position by hand, as an operator might."""
        await self.database.execute(
            "UPDATE triage.positions SET next = $3 WHERE topic = $1 AND partition = $2",
            place.topic,
            place.partition,
            position,
        )

    async def is_quiet(self) -> bool:
        """Whether triage has taken and told everything."""
        positions = await self.positions()
        ends = await self.ledger.ends_of(positions)
        waiting = await self.database.fetchval("SELECT count(*) FROM triage.outbox")
        return all(positions[p] >= ends[p] for p in ends) and not waiting

    async def quiet(self) -> None:
        await until(self.is_quiet, 40, "triage does not come to rest")
        await until(self.ledger.at_the_end, 20)

    # -- what an administrator does ----------------------------------------------------------

    async def forbid_dead_letters(self) -> None:
        """Triage may not write its dead letters any more."""
        rule = kafka.AclBindingFilter(
            kafka.ResourceType.TOPIC, "triage-dead-letters", kafka.ResourcePatternType.LITERAL,
            "User:triage", "*", kafka.AclOperation.WRITE, kafka.AclPermissionType.ALLOW,
        )  # fmt: skip
        admin = client(self.platform.admin_settings)
        (gone,) = admin.delete_acls([rule]).values()
        assert await asyncio.wrap_future(gone)

    async def forget_before(self, place: TopicPartition, offset: int) -> None:
        """Let the log of a partition begin at ``offset``."""
        from confluent_kafka import TopicPartition as Place

        admin = client(self.platform.admin_settings)
        (gone,) = admin.delete_records([Place(place.topic, place.partition, offset)]).values()
        await asyncio.wrap_future(gone)


@asynccontextmanager
async def bench(platform: Platform) -> AsyncIterator[Bench]:
    database = await asyncpg.connect(platform.admin_dsn)
    writer = AIOKafkaProducer(**platform.kafka("admin"), acks="all", enable_idempotence=True)
    await writer.start()
    try:
        async with Ledger(platform) as ledger:
            yield Bench(platform, ledger, writer, database)
    finally:
        await writer.stop()
        await database.close()
