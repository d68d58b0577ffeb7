"""What an operator types, against a real broker and a real database."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from schemas.envelope import Message
from schemas.topics import registry
from services.kit.broker import client, environment, kafka
from services.kit.endpoints import observed
from services.kit.settings import Settings
from services.kit.tokens import SigningKey
from services.operations.desk import Busy, Operator, at_the_desk
from services.operations.letter import Letter
from tests.bench import Bench, bench
from tests.crashes import QUICKLY
from tests.platform import Platform
from tests.services import Service, running, until

WHO = Operator("tester", "the sender was mended")


@pytest.fixture
def triage(platform: Platform, tmp_path: Path) -> Service:
    return Service("triage", platform, tmp_path, SigningKey(), extra=QUICKLY)


def environ(platform: Platform, **more: str) -> dict[str, str]:
    """That of the administrator."""
    reach = {
        **environment(platform.admin_settings),
        "GREENCHANNEL_POSTGRES_DSN": platform.admin_dsn,
    }
    return {**os.environ, **reach, **more}


def settings(platform: Platform) -> Settings:
    return platform.admin_settings.model_copy(
        update={"postgres_dsn": Settings(postgres_dsn=platform.admin_dsn).postgres_dsn}
    )


async def typed(
    platform: Platform, *words: str, status: int = 0, **more: str
) -> tuple[list[str], str]:
    """What the command says, and what it says to the person only."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "services.cli", *words, env=environ(platform, **more),
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, err = await process.communicate()
    assert process.returncode == status, (out.decode(), err.decode())
    return out.decode().splitlines(), err.decode()


# -- dead letters ----------------------------------------------------------------------------------


def spoilt(encounter: str) -> Message:
    headers = [("ce_type", b"greenchannel.VitalSignsRecorded.v2"), ("ce_source", b"a stranger")]
    return Message("ambulance-vitals", encounter.encode(), b'{"spo2": 38, \xff\x1b', headers)


async def letters_of(platform: Platform, encounter: str) -> list[Letter]:
    async with at_the_desk(settings(platform)) as desk:
        return [one for one in await desk.letters({"triage"}) if one.key == encounter.encode()]


async def set_down(at: Bench, encounter: str, count: int) -> list[Letter]:
    """The letters, once there are so many."""

    async def all_of_them() -> list[Letter]:
        found = await letters_of(at.platform, encounter)
        return found if len(found) == count else []

    found: list[Letter] = await until(all_of_them, 30)
    return found


async def test_what_was_set_aside_is_sent_again_when_it_is_mended_and_taken_in_once(
    platform: Platform, triage: Service
) -> None:
    async with bench(platform) as at, running(triage):
        ill, well = await at.open(2)
        await at.write(at.treatment(ill), at.treatment(well))
        await at.taken_in([ill, well])
        good = await at.database.fetchval("SELECT state FROM triage.states WHERE id = $1", ill)
        await at.database.execute(
            "UPDATE triage.states SET version = 7, state = '{\"picture\": 5}' WHERE id = $1", ill
        )
        await at.write(*(at.treatment(ill) for _ in range(3)))
        letters = await set_down(at, ill, 3)
        assert [one.kind for one in letters] == ["bug", "set_aside", "set_aside"]
        places = [str(one.place) for one in letters]

        _, said = await typed(
            platform, "dead-letters", "retry", *places, "--because", "x", status=1
        )
        assert f"triage has still set aside {ill}" in said
        assert [one.state for one in await letters_of(platform, ill)] == ["open"] * 3

        triage.kill()
        await triage.died()
        await at.database.execute("DELETE FROM triage.set_aside WHERE key = $1", ill)
        await at.database.execute("UPDATE triage.states SET state = $2, version = 8 WHERE id = $1",
                                  ill, good)  # fmt: skip
        triage.start()
        await triage.ready()
        for _ in range(2):  # a second time it is known already
            told, _ = await typed(
                platform, "dead-letters", "retry", *places, "--because", "mended", "--by", "Li"
            )
            assert [line.partition(" → ")[0] for line in told] == places
            await at.taken_in([ill])
        await at.quiet()
        await at.taken_in([ill, well])
        assert {one.state for one in await letters_of(platform, ill)} == {"retried"}
        rows = await at.database.fetch(
            "SELECT act, actor, because, sent_offset FROM access.letter_acts WHERE"
            " consumer = 'triage' AND partition = $1 AND \"offset\" = $2",
            letters[0].place.partition,
            letters[0].place.offset,
        )
        assert [tuple(row)[:3] for row in rows] == [("retried", "Li", "mended")] * 2
        assert all(row["sent_offset"] is not None for row in rows)


async def test_what_still_cannot_be_read_comes_back_and_names_the_first(
    platform: Platform, triage: Service
) -> None:
    async with bench(platform) as at, running(triage):
        (encounter,) = await at.open(1)
        await at.write(spoilt(encounter))
        (first,) = await set_down(at, encounter, 1)
        assert first.of_whom is None
        every = "--every", "--consumer", "triage", "--kind", "invalid"
        await typed(platform, "dead-letters", "retry", *every, "--because", "again")
        _, second = await set_down(at, encounter, 2)
        assert (second.retry_of, second.state) == (str(first.place), "open")
        assert second.again().value == first.value

        told, said = await typed(platform, "dead-letters", "list")
        assert not any(line.startswith(str(first.place)) for line in told)
        (line,) = [line for line in told if line.startswith(str(second.place))]
        assert "待处理 open  invalid  VitalSignsRecorded.v2  from ambulance-vitals/" in line
        assert f"again after {first.place}" in line
        assert "open (" in said
        shown = "\n".join(told) + said
        assert encounter not in shown, "the key of what cannot be read is a stranger's word"
        assert "38" not in line.rpartition("  ")[2]

        told, _ = await typed(platform, "dead-letters", "show", str(second.place), "--by", "Wang")
        assert f"  key: {encounter}" in told
        assert '  value: {"spo2": 38, \\xff\\x1b' in told
        await typed(platform, "dead-letters", "drop", str(second.place), "--because", "old news")
        dropped = [o for o in await letters_of(platform, encounter) if o.place == second.place]
        assert [one.state for one in dropped] == ["dropped"]
        told, _ = await typed(platform, "dead-letters", "list", "--all", "--json")
        states = {each["place"]: each["state"] for each in map(json.loads, told)}
        assert (states[str(first.place)], states[str(second.place)]) == ("retried", "dropped")
        acts = await at.database.fetch(
            'SELECT act, actor FROM access.letter_acts WHERE partition = $1 AND "offset" = $2'
            " AND consumer = 'triage' ORDER BY id",
            second.place.partition,
            second.place.offset,
        )
        assert [act["act"] for act in acts] == ["shown", "dropped"]
        assert acts[0]["actor"] == "Wang"


async def test_who_may_not_write_there_is_told_so_and_the_letter_stays_to_be_seen_to(
    platform: Platform, triage: Service
) -> None:
    async with bench(platform) as at, running(triage):
        (encounter,) = await at.open(1)
        await at.write(spoilt(encounter))
        (one,) = await set_down(at, encounter, 1)
        words = "dead-letters", "retry", str(one.place), "--because", "x"
        _, said = await typed(platform, *words, status=1, **platform.environment("observer"))
        assert "the broker refuses it (TopicAuthorizationFailedError)" in said
        assert "Traceback" not in said
        (one,) = await letters_of(platform, encounter)
        assert one.is_open


async def test_who_is_cut_off_while_sending_finds_it_unfinished_and_another_waits(
    platform: Platform, triage: Service
) -> None:
    async with bench(platform) as at, running(triage):
        (encounter,) = await at.open(1)
        await at.write(spoilt(encounter))
        (one,) = await set_down(at, encounter, 1)
    async with at_the_desk(settings(platform)) as desk, at_the_desk(settings(platform)) as other:
        sending = desk.retry([one, one], WHO)
        await anext(sending)
        with pytest.raises(Busy):
            await anext(other.retry([one], WHO))
        await sending.aclose()
        await anext(other.retry([one], WHO))
    async with bench(platform) as at:
        await at.database.execute("UPDATE access.letter_acts SET sent_offset = NULL")
        (one, *_) = await letters_of(platform, encounter)
        assert (one.state, one.is_open) == ("retrying", True)
        await at.database.execute("DELETE FROM access.letter_acts")


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        (("show",), 2, "name each PLACE"),
        (("show", "triage/9"), 2, "CONSUMER/PARTITION/OFFSET"),
        (("show", "nobody/0/0"), 2, "nobody has no dead letters; these have: dispatch"),
        (("show", "triage/0/999999"), 1, "no letter lies there"),
        (("drop", "triage/0/0"), 2, "--because"),
        (("retry", "--because", "x"), 2, "name each PLACE, or say --every"),
        (("retry", "triage/0/0", "--every", "--because", "x"), 2, "or say --every"),
    ],
)
async def test_what_cannot_be_done_is_told_in_a_line(
    platform: Platform, words: Sequence[str], status: int, said: str
) -> None:
    _, told = await typed(platform, "dead-letters", *words, status=status)
    assert said in told
    assert "Traceback" not in told


# -- topics, and the check-up ----------------------------------------------------------------------


async def found(platform: Platform, status: int = 0, **more: str) -> dict[str, dict[str, Any]]:
    """What the doctor says, by the name of each thing."""
    told, _ = await typed(platform, "doctor", "--json", status=status, **more)
    return {one["en"]: one for one in map(json.loads, told)}


async def test_the_doctor_finds_what_is_wrong_and_topics_apply_mends_it(
    platform: Platform, triage: Service
) -> None:
    async with bench(platform) as at, running(triage):
        whole = await found(platform, status=int(not await is_made(at)))
        for name in ("topics", "database", "clock of the database", "tables of triage",
                     "tables of access", "outbox of triage"):  # fmt: skip
            assert whole[name]["verdict"] == "good", whole[name]
        assert whole["clock of the broker, which takes records"]["verdict"] == "good"
        assert whole["broker"]["verdict"] == "warn", "a single node"
        assert {one["en"] for one in whole.values()} >= {"disk of the database", "disk of broker 1"}

        name = "operations-probes"
        admin = client(platform.admin_settings)
        for future in admin.delete_topics([name]).values():
            await asyncio.wrap_future(future)
        entry = kafka.ConfigEntry(
            "retention.ms", "60000", incremental_operation=kafka.AlterConfigOpType.SET
        )
        wrong = kafka.ConfigResource(
            kafka.ResourceType.TOPIC, "triage-shadow", incremental_configs=[entry]
        )
        for future in admin.incremental_alter_configs([wrong]).values():
            await asyncio.wrap_future(future)
        place = (await at.write(at.treatment("E-nobody", counts=False)))[0]
        stray = (place.partition + 1) % 4
        await at.writer.send_and_wait("ambulance-findings", b"{}", b"E-nobody", partition=stray)
        await at.database.execute(
            "INSERT INTO triage.migrations (name) VALUES ('9999_of_tomorrow.sql')"
        )
        try:
            broken = await found(platform, status=1)
        finally:
            await at.database.execute("DELETE FROM triage.migrations WHERE name LIKE '9999%'")
        assert name in broken["topics"]["found"]
        assert "retention.ms is 60000" in broken["topic triage-shadow"]["found"]
        assert "1 of unnamed" in broken["partitions of ambulance-findings"]["found"]
        assert broken["clock of the broker"]["verdict"] == "unseen"
        assert "9999_of_tomorrow.sql" in broken["tables of triage"]["found"]
        assert all(one["cure"] for one in broken.values() if one["verdict"] != "good")

        told, _ = await typed(platform, "topics", "apply", "--partitions", "4")
        kept = registry().topics["triage-shadow"].config()["retention.ms"]
        assert told == [f"topic {name}", f"topic triage-shadow retention.ms={kept}"]
        told, _ = await typed(platform, "topics", "apply", "--partitions", "4")
        assert told == ["nothing to change"]
        _, said = await typed(platform, "topics", "apply", status=1)
        assert "has 4 partitions, not 12" in said


async def is_made(at: Bench) -> bool:
    """Whether all services have made their tables: whole is bad where one never ran."""
    names = ("boards", "bridge", "dispatch", "gateway")
    made = [await at.database.fetchval("SELECT to_regclass($1)", f"{n}.migrations") for n in names]
    return all(made)


async def test_the_doctor_says_what_is_out_of_reach_and_what_it_may_not_see(
    platform: Platform,
) -> None:
    nowhere = {
        "GREENCHANNEL_POSTGRES_DSN": "postgresql://x:secret@127.0.0.1:1/greenchannel",
        "GREENCHANNEL_KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1",
        "GREENCHANNEL_BOARDS_BRIDGE": "http://127.0.0.1:1",
    }
    stranger = {"GREENCHANNEL_KAFKA_SASL_PLAIN_PASSWORD": "secret"}
    told = await found(platform, status=1, **nowhere)
    for name in ("database", "broker", "service bridge"):
        assert (told[name]["verdict"], bool(told[name]["cure"])) == ("bad", True)
    assert told["dead letters"]["verdict"] == "unseen"
    assert "secret" not in json.dumps(told)
    told = await found(platform, status=1, **stranger)
    assert "Authentication failed" in told["broker"]["found"]
    _, said = await typed(platform, "topics", "apply", status=1, **stranger)
    assert "Authentication failed" in said
    assert "secret" not in json.dumps([told, said])
    observer = platform.settings("observer")
    seen = await found(platform, status=1, **observer)
    assert seen["topics"]["verdict"] == "good"
    assert seen["clock of the broker"]["verdict"] == "unseen"


async def test_the_file_of_a_run_is_as_good_as_an_environment(
    platform: Platform, tmp_path: Path
) -> None:
    file = tmp_path / "endpoints.json"
    known = observed(platform.admin_settings, platform.admin_dsn, platform.passwords)
    file.write_text(json.dumps(known))
    told, _ = await typed(platform, "doctor", "--json", "--endpoints", str(file), status=1)
    seen = {one["en"]: one for one in map(json.loads, told)}
    assert seen["topics"]["verdict"] == "good"
    file.write_text("{}")
    _, said = await typed(platform, "doctor", "--endpoints", str(file), status=1)
    assert "not what greenchannel run --endpoints writes" in said
