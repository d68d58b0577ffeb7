"""A patient as the pages of a hospital have them, and how far their handover has come."""

from __future__ import annotations

from datetime import datetime
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

from playwright.async_api import Page, expect

from simulator.ecg import drawn
from tests.boards import Site
from tests.hospital_screen import HERE
from tests.journey import Traveller, admitted
from tests.services import ago, until


async def everything_known(site: Site) -> Traveller:
    """Somebody of whom a crew has said all that it can say."""
    patient = {
        "complaint": "chest_pain", "complaint_text": "胸骨后压榨样疼痛，约一小时", "sex": "male",
        "age": {"years": 58, "estimated": True}, "identity": "unknown", "precautions": ["contact"],
    }  # fmt: skip
    (one,) = await admitted(site, HERE, patient)
    for minute, rate in ((6, 96), (4, 92), (3, 41), (2, 36)):
        vitals = {"heart_rate": rate, "spo2": 97 - minute, "respiratory_rate": 18 + minute}
        await one.reading(vitals, ago(minute * 60))
    more = {"systolic_bp": 82, "diastolic_bp": 51, "temperature": 36.6, "consciousness": "V"}
    await one.reading({**more, "on_oxygen": False}, ago(150))
    await one.reading({"systolic_bp": "unmeasurable"}, ago(60))
    await one.tell(
        "examinations", occurred_at=ago(200), examination="ecg_12_lead", shows=["st_elevation"],
        attachments=[await one.picture(drawn(("st_elevation",), 36))], examiner="crew-7",
        institution="S-1", quality_mark="苏HR",
    )  # fmt: skip
    await one.tell("treatments", occurred_at=ago(180), treatment="aspirin", dose=300, unit="mg")
    await one.tell("findings", occurred_at=ago(170), finding="diaphoresis", present=True)
    await one.tell("findings", occurred_at=ago(165), finding="shock", present=False)
    background = {
        "allergies": [], "medications": ["华法林"], "history": ["高血压"],
        "lines": [{"line": "peripheral_iv", "where": "左前臂"}],
        "belongings": ["手机"], "consents": [{"to": "treatment", "by": "patient"}],
    }  # fmt: skip
    await one.tell("background", background=background, told_by="relative")
    for with_ in ("background", "attachments", "treatments"):
        await until(partial(one.item, with_), why=f"no {with_}")
    await until(lambda: worst(one, "critical"), why="it was not triaged as critical")
    return one


async def worst(one: Traveller, level: str) -> bool:
    return bool((await one.item())["record"]["worst"] == level)


async def wristband(one: Traveller) -> str:
    return str((await one.item())["record"]["admission"]["wristband"])


async def handoff(one: Traveller) -> Any:
    return (await one.item())["handoff"]


def page_of(one: Traveller) -> str:
    """The path of their page."""
    return f"/hospital/patient/{one.encounter}"


def sheet_of(one: Traveller) -> str:
    """The path of their handover sheet."""
    return f"/hospital/sheet/{one.encounter}"


async def read(page: Page, one: Traveller) -> None:
    await page.goto(f"{one.site.url}{page_of(one)}")
    await expect(page.locator(".banner")).to_be_visible()


def at_site(moment: str) -> str:
    return datetime.fromisoformat(moment).astimezone(ZoneInfo("Asia/Shanghai")).strftime("%H:%M:%S")


async def reached(one: Traveller, milestone: str) -> Any:
    found = (await handoff(one))["milestones"]
    return next((m for m in found if m["milestone"] == milestone), None)


async def no_milestone(one: Traveller, milestone: str) -> bool:
    return await reached(one, milestone) is None


async def said_at(one: Traveller, milestone: str, time: str) -> bool:
    return at_site((await reached(one, milestone))["occurred_at"]) == time


async def reference(one: Traveller, wanted: str | None) -> bool:
    identity = (await handoff(one))["identity"]
    return (identity or {}).get("reference") == wanted


async def is_done(one: Traveller, formality: str) -> bool:
    return formality not in (await one.item())["record"]["admission"].get("pending", [])


async def is_over(one: Traveller) -> bool:
    return (await handoff(one))["transferred_at"] is not None


async def signed_by(one: Traveller, side: str, who: str) -> bool:
    signed = (await handoff(one))["signatures"]
    return any(s["side"] == side and s["staff_id"] == who for s in signed)


async def answered(one: Traveller, said: str) -> bool:
    """Whether the last answer of some department is this."""
    return any(each["answer"] == said for each in (await handoff(one))["answers"])
