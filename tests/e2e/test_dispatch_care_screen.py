"""What the dispatch board asks before it harms, and what it says before somebody has to guess."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
from playwright.async_api import Browser, Page, expect

from schemas.capacity import Beds, CapacityReported, PatientsWaiting
from schemas.handoff import Department, Escalated, Owed
from schemas.triage import TriageLevel
from services.kit.role import Role
from tests.boards import Site, somebody
from tests.dispatch_room import Room, asked, confirmed, opened, pictures, pressed, ring, row
from tests.journey import STATION
from tests.platform import Platform
from tests.services import now
from tests.unit.test_dispatch import decision

pytestmark = pytest.mark.needs_chromium

PEOPLE = (somebody("dispatcher-1", Role.DISPATCHER), somebody("dispatcher-2", Role.DISPATCHER))
#: A telephone call counts when it can be undone no more, and a little later everywhere.
UNDO_MS = 15_000
#: A list, and a question about one of it, are asked for anew every ten seconds.
FOLLOWS_MS = 15_000
PAIN = {"complaint": "chest_pain", "complaint_text": "胸口痛"}
#: What has the focus: its class, or the name of the field.
FOCUS = "document.activeElement.name || document.activeElement.className"
NEARLY = {**STATION, "latitude": round(STATION["latitude"] + 0.0003, 6)}


@pytest.fixture(scope="module")
async def site(platform: Platform, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Site]:
    made = Site(platform, tmp_path_factory.mktemp("care"), PEOPLE)
    async with made.open("dispatch"):
        yield made


async def test_who_sends_one_more_unit_is_told_first_who_was_sent_meanwhile(
    room: Room, chrome: Browser
) -> None:
    await room.registers()
    call = await room.call("解放路 9 号")
    async with room.sits(chrome) as page:
        offered = (await opened(page, call)).locator("[data-unit='U-01'] button")
        await offered.click()
        dialog = page.locator("dialog")
        await room.send(call, "U-10")
        await expect(dialog.locator(".against")).to_contain_text("U-10 刚被派往此处")
        await pressed(dialog)
        await expect(dialog.locator(".doubt")).to_have_text("U-10 已被派往此处：仍要加派？")
        assert [leg["unit_id"] for leg in (await room.shown(call))["legs"]] == ["U-10"]
        await pictures(page, "one-more", ("zh",))
        await confirmed(dialog)
    legs = (await room.shown(call))["legs"]
    assert {leg["unit_id"] for leg in legs} == {"U-10", "U-01"}


async def test_what_speaks_against_a_hospital_since_the_question_was_opened_is_asked_about(
    room: Room, chrome: Browser
) -> None:
    await room.registers()
    call = await room.call("解放路 9 号", patients=[PAIN])
    (encounter,) = call.encounters
    at = datetime.now(UTC)
    free = Beds(department=Department.EMERGENCY, free=2, reported_at=at)
    quiet = CapacityReported(
        event_id=secrets.token_hex(8),
        occurred_at=at,
        recorded_at=at,
        facility_id="F-0",
        staff_id="n-1",
        beds=(free,),
    )
    crowd = PatientsWaiting(level=TriageLevel.CRITICAL, patients=1)
    later = at + timedelta(seconds=1)
    crowded = quiet.but(event_id=secrets.token_hex(8), occurred_at=later, waiting=(crowd,))
    await room.told("bridge", quiet)
    async with room.sits(chrome) as page:
        await opened(page, call)
        await page.get_by_role("button", name="选择医院").click()
        offer = page.locator("[data-facility='F-0']")
        await expect(offer).to_contain_text("有空床", timeout=FOLLOWS_MS)
        await offer.locator("button").click()
        dialog = page.locator("dialog")
        await expect(dialog).to_contain_text("没有已知的不利因素")
        await room.told("bridge", crowded)
        waits = dialog.locator(".con", has_text="同级或更重的患者正在候诊")
        await expect(waits).to_be_visible(timeout=FOLLOWS_MS)
        await expect(offer.locator(".con")).to_contain_text("候诊")
        await expect(dialog).not_to_contain_text("没有已知的不利因素")
        await pressed(dialog)
        doubt = dialog.locator(".doubt")
        await expect(doubt).to_contain_text("打开后新增的不利因素：同级或更重的患者正在候诊")
        assert (await room.read(f"encounters/{encounter}"))["destination"] is None
        await pictures(page, "hospital-changed", ("zh",))
        await confirmed(dialog)
    assert (await room.read(f"encounters/{encounter}"))["destination"] == "F-0"


async def test_of_two_who_send_in_the_same_second_one_is_told(room: Room, chrome: Browser) -> None:
    await room.registers()
    call = await room.call("解放路 9 号")
    async with (
        room.sits(chrome, refused=[409]) as one,
        room.sits(chrome, "dispatcher-2", refused=[409]) as other,
    ):
        for page, unit in ((one, "U-00"), (other, "U-01")):
            await (await opened(page, call)).locator(f"[data-unit='{unit}'] button").click()
            await expect(page.locator("dialog .primary")).to_be_focused()
        await asyncio.gather(*(pressed(page.locator("dialog")) for page in (one, other)))

        async def closed(page: Page) -> bool:
            told = page.locator("dialog .against", has_text="刚被派往此处")
            await expect(told.or_(page.locator(".notice", has_text="已派")).first).to_be_visible()
            return await page.locator("dialog").count() == 0

        assert sorted([await closed(one), await closed(other)]) == [False, True]
    assert len((await room.shown(call))["legs"]) == 1


async def test_a_place_far_from_all_of_the_site_is_asked_about_and_left_out_of_the_view(
    room: Room, chrome: Browser
) -> None:
    await room.registers()
    await room.call("近处", 5)
    address = "很长的地址" * 38
    async with room.sits(chrome) as page:
        await page.locator(".new-call").click()
        form = page.locator("dialog")
        assert await page.evaluate(FOCUS) == "address"
        await form.locator("[name=address]").fill(address)
        await form.locator("[name=latitude]").fill("999")
        await form.locator("[name=longitude]").fill("0")
        await form.get_by_role("button", name="GPS（WGS-84）").click()
        await form.locator("[name=count]").fill("999")
        await form.get_by_role("button", name="急救", exact=True).click()
        await pressed(form)
        await expect(form.locator(".wrong")).to_have_text("纬度有误：应在 −90 与 90 之间")
        await form.locator("[name=latitude]").fill("0")
        await pressed(form)
        await expect(form.locator(".wrong")).to_contain_text("一次最多 50 人")
        assert await form.locator("[name=count]").input_value() == "999"
        await form.get_by_role("button", name="1", exact=True).click()
        await pressed(form)
        await expect(form.locator(".doubt")).to_contain_text("远离本地所有站点")
        await pictures(page, "far-asked", ("zh",))
        await confirmed(form)
        mine = page.locator(".call", has_text=address)
        box = await mine.bounding_box()
        assert box
        assert box["height"] < 120, "a row stays a row"
        await expect(page.locator(".opened .head-of")).to_have_text(address)
        await expect(page.locator(".beside .far-off")).to_have_text("1 处远离本地，不在图上")
        scale = await page.locator(".beside .map .scale text").text_content()
        assert scale in ("500 m", "1 km", "2 km"), scale
        await pictures(page, "far", ("zh", "en"))


async def test_a_call_is_opened_and_left_by_key(room: Room, chrome: Browser) -> None:
    await room.registers()
    call = await room.call("人民路 128 号")
    async with room.sits(chrome) as page:
        title = row(page, call).locator(".open")
        await title.focus()
        await page.keyboard.press("Enter")
        await expect(page.locator(".opened .head-of")).to_be_focused()
        await page.locator(".opened [data-unit] button").first.focus()
        await page.keyboard.press("Enter")
        await expect(page.locator("dialog .primary")).to_be_focused()
        await page.keyboard.press("Escape")
        await expect(page.locator("dialog")).to_have_count(0)
        await expect(page.locator(".opened")).to_have_count(1)
        await page.keyboard.press("Escape")
        await expect(page.locator(".opened")).to_have_count(0)
        await expect(title).to_be_focused()


async def test_a_ring_of_ten_minutes_keeps_its_digits_within(room: Room, chrome: Browser) -> None:
    calls = [await room.call(f"解放路 {s} 号", s) for s in (615, 3725)]
    async with room.sits(chrome) as page:
        for call in calls:
            clock = ring(row(page, call), 0)
            await expect(clock).to_have_attribute("data-phase", "late")
            share = await clock.evaluate(
                "(svg) => svg.querySelector('text').getBBox().width / svg.viewBox.baseVal.width"
            )
            assert share < 44 / 64, "the thick ring leaves so much"


async def test_a_call_near_an_open_one_is_offered_for_merging(room: Room, chrome: Browser) -> None:
    first = await room.call("人民路 128 号", 60, patients=[PAIN])
    await room.call("很远", 5, {"latitude": 34.4, "longitude": 117.5})
    async with room.sits(chrome) as page:
        await page.locator(".new-call").click()
        form = page.locator("dialog")
        await form.locator("[name=latitude]").fill(str(NEARLY["latitude"]))
        await form.locator("[name=longitude]").fill(str(NEARLY["longitude"]))
        await expect(form.locator(".near")).to_have_count(0)
        await form.get_by_role("button", name="GPS（WGS-84）").click()
        offer = form.locator(".near .choice button")
        await expect(offer).to_have_count(1)
        await expect(offer).to_contain_text("人民路 128 号 · 胸痛：胸口痛 · 33 m")
        await form.locator("[name=address]").fill("人民路口")
        await form.get_by_role("button", name="1", exact=True).click()
        await form.get_by_role("button", name="急救", exact=True).click()
        await offer.click()
        await pictures(page, "near", ("zh",))
        await pressed(form)
        await expect(form.locator("h2")).to_have_text("合并")
        chosen = form.locator(".choice button[aria-pressed=true]")
        await expect(chosen).to_contain_text("人民路 128 号")
        await expect(form.locator(".choice button").last).to_contain_text("很远")
        await form.get_by_role("button", name="取消", exact=True).click()
        near = page.locator(".opened .near")
        await expect(near).to_contain_text("人民路 128 号")
        await pictures(page, "near-opened", ("zh", "en"))
        await near.get_by_role("button").click()
        await expect(chosen).to_contain_text("33 m")
        await confirmed(form)
        await expect(page.locator(".opened .head-of")).to_have_text("人民路 128 号")
        await expect(page.locator(".opened .merged")).to_contain_text("已并入此呼叫： 人民路口")
    assert (await room.shown(first))["standing"] == "open"


async def test_what_another_dispatcher_has_acknowledged_says_who_and_the_register_has_its_number(
    room: Room, chrome: Browser
) -> None:
    await room.registers()
    place = {"latitude": 34.2, "longitude": 117.3}
    told = {"name": {"zh": "市第一人民医院", "en": "First"}, "location": place, "phone": "8010001"}
    await room.desk.do("PUT", "/v1/facilities/F-0", told)
    call = await room.call("建设路小学", patients=[{"complaint": "stroke"}])
    (encounter,) = call.encounters
    await room.desk.do(
        "POST",
        f"/v1/encounters/{encounter}/destination",
        {"facility_id": "F-0", "occurred_at": now()},
    )
    late = _unanswered(encounter)
    async with room.sits(chrome) as page, room.sits(chrome, "dispatcher-2") as other:
        await room.told("bridge", late)
        card = page.locator(".telephone")
        await expect(card.locator("a.phone")).to_have_attribute("href", "tel:8010001")
        await other.locator(".telephone .primary").click()
        said = page.locator(".notice")
        await expect(said).to_contain_text(
            "dispatcher-2 号 已打电话：市第一人民医院 未确认患者", timeout=UNDO_MS
        )
        await expect(card).to_have_count(0)
        await expect(said).to_have_count(0)  # for some seconds
        await expect(other.locator(".notice")).to_have_count(0)


async def test_beside_two_telephone_calls_and_a_late_clock_the_list_has_room(
    room: Room, chrome: Browser
) -> None:
    await room.registers()
    call = await room.call("建设路小学", patients=[PAIN, PAIN])
    late = await room.call("解放路 9 号", 90)
    for encounter in call.encounters:
        chosen = {"facility_id": "F-0", "occurred_at": now()}
        await room.desk.do("POST", f"/v1/encounters/{encounter}/destination", chosen)
    async with room.sits(chrome) as page:
        await page.set_viewport_size({"width": 1280, "height": 900})
        await room.told("bridge", *map(_unanswered, call.encounters))
        await expect(page.locator(".telephone")).to_have_count(2)
        await expect(page.locator(".telephone .todo")).to_have_count(1)
        await expect(page.locator(".lines .alarm").first).to_be_visible()
        await expect(row(page, late)).to_be_visible()
        share = await page.evaluate(
            "document.querySelector('.calls').getBoundingClientRect().height / innerHeight"
        )
        assert share > 0.58, share
        await pictures(page, "two-telephones")


def _unanswered(encounter: str) -> Escalated:
    """Nobody at the first hospital has acknowledged the patient: dispatch is asked to telephone."""
    at = datetime.now(UTC)
    return Escalated(
        event_id=secrets.token_hex(8),
        occurred_at=at,
        recorded_at=at,
        encounter_id=encounter,
        facility_id="F-0",
        step=3,
        due_at=at,
        owed=Owed.ACKNOWLEDGED,
        to="dispatch",
    )


async def test_of_several_telephone_calls_the_most_urgent_stands_first_with_its_level(
    room: Room, chrome: Browser
) -> None:
    await room.registers()
    call = await room.call("建设路小学", patients=[PAIN, PAIN, PAIN])
    levels = (TriageLevel.SEVERE, None, TriageLevel.CRITICAL)
    for n, (encounter, level) in enumerate(zip(call.encounters, levels, strict=True)):
        chosen = {"facility_id": "F-0", "occurred_at": now()}
        await room.desk.do("POST", f"/v1/encounters/{encounter}/destination", chosen)
        if level:
            await room.told("triage", decision(n + 1, level).but(encounter_id=encounter))
    async with room.sits(chrome) as page:
        shown = page.locator(".telephone")
        for n, encounter in enumerate(call.encounters, 1):
            await room.told("bridge", _unanswered(encounter))
            await expect(shown).to_have_count(n)
        # The longest waits the severe one: raised first.
        await expect(shown.locator("h3 .of-level span")).to_have_text(
            ["Ⅰ 濒危", "Ⅱ 危重", "尚无级别"]
        )
        await expect(shown.first.locator(".shape.critical")).to_be_visible()
        await expect(shown.first).to_contain_text("3 号患者")
        await expect(page.locator(".alarms [role=alert]")).to_contain_text("Ⅰ 濒危 市第一人民医院")
        await pictures(page, "telephones-by-level")


async def test_when_a_unit_comes_is_told_only_while_it_drives(room: Room, chrome: Browser) -> None:
    asking = """async (unit) => (await import("/static/dispatch/calls.js")).etaOf(unit)"""
    eta = {"place": "destination", "arrives_at": now(), "occurred_at": now()}
    async with room.sits(chrome) as page:
        assert await page.evaluate(asking, {"status": "left_scene", "eta": eta}) == eta
        assert await page.evaluate(asking, {"status": "at_destination", "eta": eta}) is None
        assert await page.evaluate(asking, {"status": "available", "eta": None}) is None


async def test_how_many_units_could_be_called_up_is_said_before(
    room: Room, chrome: Browser
) -> None:
    await room.registers()
    await room.register_unit("U-20", "S-0", "mobile")
    async with room.sits(chrome) as page:
        await page.get_by_role("tab", name="单元").click()
        await expect(page.locator(".units tbody")).to_contain_text("未动用")
        dialog = await asked(page, "动用机动力量")
        await expect(dialog).to_contain_text("尚未动用的机动力量单元：1 个")
