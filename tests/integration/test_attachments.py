"""The picture of an ECG, over a line that breaks off, from the crew to the board: real services, a
real broker and database, and a client of tus that is not ours."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import io
import random
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest
from tusclient.client import TusClient

from schemas.attachment import LARGEST
from schemas.clinical import AttachmentReceived
from schemas.encounter import EncounterEnded
from services.dispatch.upload import PIECE
from services.dispatch.upload_api import PIECE_BYTES
from services.kit.http import NOTHING_RUNS
from services.kit.role import Role
from services.kit.settings import Settings
from services.kit.tokens import SigningKey
from tests.platform import Platform
from tests.services import Caller, Service, Watcher, now, running, until

pytestmark = pytest.mark.timeout(120)

HERE, THERE = "H-files-1", "H-files-2"
PLACE = {"latitude": 34.2, "longitude": 117.2}
PNG = b"\x89PNG\r\n\x1a\n"


def picture(size: int, seed: int = 0) -> bytes:
    """Bytes that begin as a picture does."""
    return PNG + random.Random(seed).randbytes(size - len(PNG))


def described(content: bytes) -> dict[str, Any]:
    return {
        "sha256": hashlib.sha256(content).hexdigest(),
        "media_type": "image/png",
        "size": len(content),
    }


def announcement(length: object, **told: str) -> dict[str, str]:
    pairs = (f"{key} {base64.b64encode(value.encode()).decode()}" for key, value in told.items())
    return {"Upload-Length": str(length), "Upload-Metadata": ",".join(pairs)}


@dataclass
class Road:
    """A crew on its way, and two hospitals."""

    key: SigningKey
    dispatch: Service
    gateway: Service
    bridge: Service
    dispatcher: Caller
    crew: Caller
    boards: dict[str, Caller]

    async def patient(self, facility: str = HERE) -> str:
        """Somebody who is brought there."""
        call = {"occurred_at": now(), "location": PLACE}
        opened = await self.dispatcher.do("POST", "/v1/incidents", {**call, "patients": [{}]})
        (name,) = opened["encounter_ids"]
        await self.bring(name, facility)
        await self.item(name, facility)
        return str(name)

    async def bring(self, patient: str, facility: str) -> None:
        chosen = {"facility_id": facility, "occurred_at": now()}
        await self.dispatcher.do("POST", f"/v1/encounters/{patient}/destination", chosen)

    async def item(self, patient: str, facility: str = HERE) -> Any:
        async def found() -> Any:
            answer = await self.board(facility, patient)
            return answer.json() if answer.status_code == 200 else None

        return await until(found)

    async def board(self, facility: str, patient: str, below: str = "") -> httpx.Response:
        path = f"/v1/facilities/{facility}/encounters/{patient}{below}"
        return await self.boards[facility].send("GET", path)

    async def examined(self, patient: str, *contents: bytes, **more: Any) -> str:
        """An ECG was taken, whose pictures may be anywhere yet."""
        body = {"occurred_at": now(), "examination": "ecg_12_lead", "shows": ["st_elevation"]}
        files = [described(content) for content in contents]
        path = f"/v1/encounters/{patient}/examinations"
        taken = await self.crew.do("POST", path, {**body, "attachments": files, **more})
        return str(taken["event_id"])

    async def announced(self, patient: str, content: bytes) -> str:
        told = announcement(len(content), sha256=described(content)["sha256"], filetype="image/png")
        path = f"/v1/encounters/{patient}/attachments"
        answer = await self.crew.http.post(path, headers=told)
        assert answer.status_code == 201, answer.text
        return answer.headers["Location"]

    async def piece(self, where: str, start: int, content: bytes) -> httpx.Response:
        headers = {"Content-Type": PIECE, "Upload-Offset": str(start), "Tus-Resumable": "1.0.0"}
        return await self.crew.http.patch(where, content=content, headers=headers)

    async def there(self, where: str) -> int:
        answer = await self.crew.http.head(where)
        assert answer.status_code == 200
        return int(answer.headers["Upload-Offset"])

    async def breaks_off(self, where: str, content: bytes, after: int) -> None:
        """All of it is announced to the server, so many bytes are said, and the line is gone."""
        head = (
            f"PATCH {where} HTTP/1.1\r\nHost: gateway\r\nContent-Type: {PIECE}\r\n"
            f"Upload-Offset: 0\r\nContent-Length: {len(content)}\r\n"
            f"Authorization: {self.crew.http.headers['Authorization']}\r\n\r\n"
        )
        _, line = await asyncio.open_connection("127.0.0.1", self.gateway.port)
        line.write(head.encode() + content[:after])
        await line.drain()
        line.close()

    def tus(self, patient: str, content: bytes) -> Any:
        """An upload by somebody else's client."""
        headers = {"Authorization": self.crew.http.headers["Authorization"]}
        client = TusClient(f"{self.gateway.url}/v1/encounters/{patient}/attachments", headers)
        told = {"sha256": described(content)["sha256"], "filetype": "image/png"}
        return client.uploader(file_stream=io.BytesIO(content), chunk_size=200_000, metadata=told)


@pytest.fixture(scope="module")
async def road(platform: Platform, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Road]:
    key, folder = SigningKey(), tmp_path_factory.mktemp("services")
    dispatch, gateway, bridge = (
        Service(name, platform, folder, key) for name in ("dispatch", "gateway", "bridge")
    )
    async with running(dispatch, gateway, bridge):
        boards = {name: Caller(bridge, Role.CENTRE, name) for name in (HERE, THERE)}
        dispatcher, crew = Caller(dispatch, Role.DISPATCHER), Caller(gateway, Role.CREW)
        yield Road(key, dispatch, gateway, bridge, dispatcher, crew, boards)


async def test_over_a_line_that_breaks_off_to_the_board(road: Road, platform: Platform) -> None:
    ecg, patient = picture(1_300_000), await road.patient()
    examined = await road.examined(patient, ecg)

    async def shown() -> Any:
        record = (await road.item(patient))["record"]
        return record if record["examinations"] else None

    record = await until(shown)  # what it shows waits for no picture
    assert record["examinations"][0]["event_id"] == examined
    assert record["examinations"][0]["attachments"] == [described(ecg)]
    assert record.get("attachments", []) == []
    path = f"/attachments/{described(ecg)['sha256']}"
    assert (await road.board(HERE, patient, path)).status_code == 404

    where = await road.announced(patient, ecg)
    await road.breaks_off(where, ecg, 700_000)

    async def kept() -> int | None:
        """Once the gateway has put away all that came before the line was gone."""
        before = await road.there(where)
        await asyncio.sleep(1)
        return before if before and before == await road.there(where) else None

    came = await until(kept)
    assert came <= 700_000
    assert 700_000 - came < 2 * PIECE_BYTES
    elsewhere = await road.piece(where, 5, ecg[5:])
    assert (elsewhere.status_code, elsewhere.headers["Upload-Offset"]) == (409, str(came))
    uploader = road.tus(patient, ecg)
    uploader.set_url(f"{road.gateway.url}{where}")
    uploader.offset = uploader.get_offset()
    assert uploader.offset >= came
    await asyncio.to_thread(uploader.upload)

    async def arrived() -> Any:
        return (await road.item(patient))["record"].get("attachments")

    assert await until(arrived) == [described(ecg)]
    answer = await road.board(HERE, patient, path)
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "image/png")
    assert answer.content == ecg
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    database = await asyncpg.connect(platform.admin_dsn, database="greenchannel")
    try:
        read = "SELECT count(*) FROM bridge.reads WHERE encounter_ids = $1 AND way = 'attachment'"
        assert await database.fetchval(read, [patient]) == 1
    finally:
        await database.close()


async def test_who_sees_a_picture(road: Road) -> None:
    """Whoever the patient is bound for now; what was taken of another patient, nobody."""
    ecg, other, patient = picture(9_000, 1), picture(9_000, 2), await road.patient()
    examined = await road.examined(patient, ecg)
    for content in (ecg, other):
        await asyncio.to_thread(road.tus(patient, content).upload)
    path = f"/attachments/{described(ecg)['sha256']}"

    async def seen_by(facility: str) -> bool:
        return (await road.board(facility, patient, path)).status_code == 200

    await until(lambda: seen_by(HERE))
    assert not await seen_by(THERE)
    unnamed = f"/attachments/{described(other)['sha256']}"
    assert (await road.board(HERE, patient, unnamed)).status_code == 404
    await road.bring(patient, THERE)
    await until(lambda: seen_by(THERE))
    assert not await seen_by(HERE)
    back = {"occurred_at": now(), "observation": "examination", "observation_id": examined}
    path_back = f"/v1/encounters/{patient}/retractions"
    await road.crew.do("POST", path_back, {**back, "reason": "wrong_patient"})

    async def is_gone() -> bool:
        return not await seen_by(THERE)

    await until(is_gone)


async def test_what_is_no_picture_or_another_is_refused(road: Road) -> None:
    patient, ecg = await road.patient(), picture(40_000, 3)
    path = f"/v1/encounters/{patient}/attachments"
    good = {"sha256": "0" * 64, "filetype": "image/png"}
    for status, told in (
        (413, announcement(LARGEST + 1, **good)),
        (422, announcement(0, **good)),
        (422, announcement("many", **good)),
        (422, announcement(10, **{**good, "filetype": "text/html"})),
        (422, announcement(10, filetype="image/png")),
        (422, announcement(10, **{**good, "sha256": "0" * 63})),
        (422, {"Upload-Length": "10", "Upload-Metadata": "sha256 ***,filetype"}),
    ):
        answer = await road.crew.http.post(path, headers=told)
        assert answer.status_code == status, told
        assert answer.headers["Content-Type"] == "application/problem+json"
    nowhere = "/v1/encounters/E-nobody/attachments"
    assert (await road.crew.http.post(nowhere, headers=announcement(10, **good))).status_code == 404
    assert (await road.crew.http.head(f"{path}/{'0' * 64}")).status_code == 404

    where = await road.announced(patient, ecg)
    old = await road.crew.http.head(where, headers={"Tus-Resumable": "0.2.2"})
    assert old.status_code == 412
    called = {"Content-Type": "image/png", "Upload-Offset": "0"}
    assert (await road.crew.http.patch(where, content=ecg, headers=called)).status_code == 415
    assert (await road.piece(where, 0, b"<html>" + ecg)).status_code == 422
    assert (await road.piece(where, 0, ecg + b"more")).status_code == 422
    assert await road.there(where) == 0
    half = await road.piece(where, 0, ecg[:20_000])
    assert (half.status_code, half.headers["Upload-Offset"]) == (204, "20000")
    wrong = await road.piece(where, 20_000, bytes(20_000))
    assert (wrong.status_code, wrong.json()["title"]) == (422, "Other bytes")
    assert (await road.crew.http.head(where)).status_code == 404, "nothing is kept of it"
    await road.announced(patient, ecg)
    whole = await road.piece(where, 0, ecg)
    assert whole.status_code == 204
    again = await road.piece(where, len(ecg), b"")
    assert (again.status_code, again.headers["Upload-Offset"]) == (204, str(len(ecg)))


async def test_who_has_announced_it_wrongly_announces_it_again(road: Road) -> None:
    """Until it is whole: then it is known what it is."""
    patient, ecg = await road.patient(), picture(30_000, 7)
    path, sha = f"/v1/encounters/{patient}/attachments", described(ecg)["sha256"]
    for length, kind in ((20_000, "image/png"), (30_000, "application/pdf")):
        wrong = announcement(length, sha256=sha, filetype=kind)
        assert (await road.crew.http.post(path, headers=wrong)).status_code == 201
        await road.piece(f"{path}/{sha}", 0, ecg[:9_000])
    where = await road.announced(patient, ecg)
    assert await road.there(where) == 0
    assert (await road.piece(where, 0, ecg)).status_code == 204
    late = announcement(20_000, sha256=sha, filetype="image/png")
    assert (await road.crew.http.post(path, headers=late)).status_code == 409
    assert await road.there(where) == len(ecg)


async def test_what_is_recognised_and_what_not(road: Road) -> None:
    patient = await road.patient()
    known = {"examiner": "doctor-8", "institution": "C-001", "quality_mark": "全国HR"}
    good = await road.examined(patient, **known)
    bare = await road.examined(patient)
    far = await road.examined(patient, **{**known, "quality_mark": "湘HR"})

    async def told() -> Any:
        found = (await road.item(patient))["handoff"]["recognitions"]
        return found if len(found) == 3 else None

    assert await until(told) == [
        {"examination_id": good, "recognised": True, "lacks": []},
        {
            "examination_id": bare,
            "recognised": False,
            "lacks": ["examiner", "institution", "quality_mark"],
        },
        {"examination_id": far, "recognised": False, "lacks": ["mark_that_holds_here"]},
    ]


@pytest.mark.parametrize("point", ["gateway.received", "gateway.published"])
async def test_the_gateway_dies_over_the_last_piece(
    road: Road, platform: Platform, tmp_path: Path, point: str
) -> None:
    """Whole and not told, or told and not noted: it is told all the same, under one id."""
    patient, ecg = await road.patient(), picture(30_000, 4)
    await road.examined(patient, ecg)
    dying = Service("gateway", platform, tmp_path, road.key, worker=1)
    log = tmp_path / "points"
    dying.start(GREENCHANNEL_FAIL_POINT=point, GREENCHANNEL_FAIL_POINT_LOG=str(log))
    await dying.ready()
    where = await road.announced(patient, ecg)
    async with Watcher(platform, "ambulance-findings") as watcher:
        token = dying.key.token(Settings(), Role.CREW)
        headers = {"Authorization": f"Bearer {token}", "Content-Type": PIECE, "Upload-Offset": "0"}
        async with httpx.AsyncClient(trust_env=False) as http:
            with pytest.raises(httpx.TransportError):
                await http.patch(f"{dying.url}{where}", content=ecg, headers=headers)
        await dying.died()
        assert log.read_text("utf-8").split() == [point]
        assert await road.there(where) == len(ecg), "its sender believes that it is done"

        async def shown() -> Any:
            return (await road.item(patient))["record"].get("attachments")

        assert await until(shown) == [described(ecg)]
        times = 1 if point == "gateway.received" else 2
        await until(lambda: len(watcher.of(AttachmentReceived, patient)) == times)
        ids = {event.event_id for event in watcher.of(AttachmentReceived, patient)}
        assert len(ids) == 1, "it was told again, and is the same"


async def test_without_a_database_telemetry_goes_on_and_files_wait(
    road: Road, platform: Platform, tmp_path: Path
) -> None:
    """For longer than the patience of a service that cannot do without."""
    patient, ecg = await road.patient(), picture(30_000, 8)
    where, unit = await road.announced(patient, ecg), f"U-{uuid.uuid4().hex[:8]}"
    patience = {"GREENCHANNEL_PATIENCE": "0.5"}
    hardy = Service("gateway", platform, tmp_path, road.key, worker=1, extra=patience)
    async with running(hardy):
        crew = Caller(hardy, Role.CREW)
        await crew.do("POST", f"/v1/units/{unit}/positions", {**PLACE, "occurred_at": now()})
        away = asyncio.create_task(platform.restart_postgres(away=8))
        await asyncio.sleep(6)
        fix = {**PLACE, "occurred_at": now()}
        assert (await crew.http.post(f"/v1/units/{unit}/positions", json=fix)).status_code == 202
        headers = {"Content-Type": PIECE, "Upload-Offset": "0"}
        waits = await crew.http.patch(where, content=ecg, headers=headers)
        assert waits.status_code == 503
        await away
        assert await hardy.is_ready()

        async def is_taken() -> bool:
            return (await crew.http.patch(where, content=ecg, headers=headers)).status_code == 204

        await until(is_taken)


async def test_the_signature_under_a_refusal_is_read_by_dispatch_alone(
    road: Road, platform: Platform
) -> None:
    """It may come after the outcome, and in pieces; until it is there whole there is nothing."""
    patient, signature = await road.patient(), picture(30_000, 9)
    refusal = {"signed_by": "relative", "told_of": "心脏骤停", "conscious": True,
               "understands": False, "signature": described(signature)}  # fmt: skip
    body = {"outcome": "refused_transport", "refusal": refusal, "occurred_at": now()}
    path = f"/v1/encounters/{patient}/outcome"
    async with Watcher(platform, "dispatch-encounters") as watcher:
        answer = await road.dispatcher.do("POST", path, body)
        assert answer["refusal"] == refusal
        (told,) = await until(lambda: watcher.of(EncounterEnded, patient))
    assert told.refusal is not None
    assert told.refusal.model_dump(mode="json") == refusal
    desk = Caller(road.gateway, Role.DISPATCHER)
    where = await road.announced(patient, signature)
    await road.piece(where, 0, signature[:500])
    assert (await desk.http.get(where)).status_code == 404, "it is not there whole"
    await road.piece(where, 500, signature[500:])
    found = await desk.http.get(where)
    assert (found.status_code, found.content) == (200, signature)
    assert found.headers["content-type"] == "image/png"
    assert NOTHING_RUNS.items() <= {k: found.headers.get(k) for k in NOTHING_RUNS}.items()
    elsewhere = where.replace(patient, await road.patient())
    assert (await desk.http.get(elsewhere)).status_code == 404, "another's file is not theirs"
    assert (await road.crew.http.get(where)).status_code == 403
    assert (
        await road.board(HERE, patient, where.removeprefix(f"/v1/encounters/{patient}"))
    ).status_code == 404, "no examination names it"


async def test_what_never_arrives_is_let_go_of(road: Road, platform: Platform) -> None:
    patient, ecg = await road.patient(), picture(30_000, 5)
    where = await road.announced(patient, ecg)
    await road.piece(where, 0, ecg[:500])
    database = await asyncpg.connect(platform.admin_dsn, database="greenchannel")
    try:
        old = "UPDATE gateway.files SET begun_at = now() - interval '25 hours'"
        await database.execute(f"{old} WHERE encounter_id = $1", patient)

        async def is_gone() -> bool:
            return (await road.crew.http.head(where)).status_code == 404

        await until(is_gone)
        left = "SELECT count(*) FROM gateway.pieces WHERE encounter_id = $1"
        assert await database.fetchval(left, patient) == 0
    finally:
        await database.close()


async def test_the_rows_are_closed_to_whoever_names_no_patient(
    road: Road, platform: Platform
) -> None:
    patient, ecg = await road.patient(), picture(9_000, 6)
    await asyncio.to_thread(road.tus(patient, ecg).upload)
    count = "SELECT count(*) FROM gateway.pieces"
    for role in ("bridge", "observer"):
        database = await asyncpg.connect(platform.dsn(role))
        try:
            if role == "bridge":
                await database.execute("SET ROLE greenchannel_bridge_facility")
            assert await database.fetchval(count) == 0
            if role == "bridge":
                await database.execute("SET greenchannel.encounter = 'E-else'")
                assert await database.fetchval(count) == 0
                await database.execute(f"SET greenchannel.encounter = '{patient}'")
                assert await database.fetchval(count) == 1
                with pytest.raises(asyncpg.InsufficientPrivilegeError):
                    await database.execute("DELETE FROM gateway.pieces")
        finally:
            await database.close()
