"""A patient of whom as much is said as a page may ever have to show."""

from __future__ import annotations

import math
from typing import Any

from simulator.ecg import drawn
from tests.boards import Site
from tests.journey import Traveller, called
from tests.services import ago, now, until

MINUTES = 60
#: A word that no line of a phone holds, and a name as long as names may be.
WORD = "Donaudampfschifffahrtselektrizitaetenhauptbetriebswerkbauunterbeamtengesellschaft"
NAME = "N-" + "0123456789" * 6 + "AB"
SAID = f"骑电动车与货车相撞，被抛出车外，压在护栏下约二十分钟，救出后胸痛、右侧无力 {WORD} "
PATIENT = {
    "age": {"years": 58, "estimated": True}, "sex": "female", "pregnant": "yes",
    "gestation_weeks": 34, "identity": "unknown", "complaint": "trauma",
    "complaint_text": SAID * 2,
    "precautions": ["contact", "droplet", "airborne", "chemical", "radiation"],
}  # fmt: skip
GIVEN = (
    ("aspirin", 300, "mg"), ("oxygen", 15, "L/min"), ("adrenaline", 1, "mg"),
    ("adrenaline", 0.5, "mg"), ("crystalloid", 1000, "mL"), ("norepinephrine", 12.5, "ug"),
    ("tranexamic_acid", 1, "g"), ("magnesium_sulfate", 4, "g"), ("oxytocin", 10, "IU"),
    ("paracetamol", 1, "g"), ("anticonvulsant", 10, "mg"), ("defibrillation", 200, "J"),
)  # fmt: skip
EXAMINED = (
    ("ecg_12_lead", "st_elevation"), ("ultrasound_fast", "free_fluid"),
    ("ecg_12_lead", "not_readable"), ("ultrasound_fast", "no_free_fluid"),
    ("ecg_12_lead", "no_st_elevation"), ("ecg_12_lead", "st_elevation"),
)  # fmt: skip
PRESENT = ("shock", "poor_perfusion", "active_bleeding", "diaphoresis", "facial_droop", "arm_drift",
           "penetrating_injury", "unstable_pelvis", "ejected", "suspected_abruption")  # fmt: skip
ABSENT = ("seizure", "cyanosis", "spinal_injury", "vision_loss", "suspected_infection", "asthma")
TEAMS = ("chest_pain", "stroke", "trauma")


async def very_much_known(site: Site, facility: str) -> Traveller:
    """On their way here, after an hour with a crew; of the teams one comes, and one cannot."""
    (one,) = await called(site, {**PATIENT, "last_known_well": ago(5400)})
    one.unit = NAME
    await one.reached(ago(MINUTES * 60 + 120))
    await one.bound_for(facility)
    await one.boards(ago(MINUTES * 30))
    for minute in range(MINUTES, -1, -1):
        await one.reading(_vitals(minute), ago(minute * 60))
    for place, (treatment, dose, unit) in enumerate(GIVEN):
        at = ago(3400 - 240 * place)
        await one.tell("treatments", occurred_at=at, treatment=treatment, dose=dose, unit=unit)
    for place, (examination, shows) in enumerate(EXAMINED):
        await _examined(one, place, examination, shows)
    for finding in PRESENT:
        await one.tell("findings", finding=finding, present=True, note=SAID)
    for finding in ABSENT:
        await one.finding(finding, present=False)
    await one.tell("background", background=_background(), told_by="documents")
    await one.tell("level", level="critical", reason=SAID)
    await until(lambda: _is_told(one), 40, "not all was told")
    await _answered(one)
    return one


def _vitals(minute: int) -> dict[str, Any]:
    """So many minutes ago: it gets worse, and now and then something cannot be measured."""
    left = minute / MINUTES
    found: dict[str, Any] = {
        "heart_rate": round(142 - 50 * left + 4 * math.sin(minute)),
        "respiratory_rate": round(34 - 16 * left), "spo2": round(84 + 13 * left),
        "systolic_bp": round(68 + 60 * left), "diastolic_bp": round(40 + 35 * left),
    }  # fmt: skip
    if minute % 10 == 0:
        found |= {
            "temperature": round(35.1 + left, 1), "blood_glucose": round(2.9 + 3 * left, 1),
            "potassium": round(5.8 - left, 1), "pain": 9, "consciousness": "P", "on_oxygen": True,
            "fetal_heart_rate": round(96 + 40 * left),
            "gcs_eye": 2, "gcs_verbal": 3, "gcs_motor": 4,
        }  # fmt: skip
    if minute % 15 == 7:
        found |= {"systolic_bp": "unmeasurable", "diastolic_bp": None}
    if minute % 20 == 3:
        found |= {"spo2": 999}
    return found


async def _examined(one: Traveller, place: int, examination: str, shows: str) -> None:
    said: dict[str, Any] = {"examination": examination, "shows": [shows], "note": SAID}
    if examination == "ecg_12_lead":
        said["attachments"] = [await one.picture(drawn((shows,), 90 + place))]
    if place % 2 == 0:
        said |= {"examiner": NAME, "institution": NAME, "quality_mark": "全国HR"}
    await one.tell("examinations", occurred_at=ago(3300 - 500 * place), **said)


def _background() -> dict[str, Any]:
    word = f"{WORD}，其余不详"
    lines = [{"line": "peripheral_iv", "where": word}, {"line": "pelvic_binder", "where": word}]
    return {
        "allergies": [word, "青霉素", "碘造影剂"], "medications": [word, "华法林", "二甲双胍"],
        "history": [word, "高血压", "2 型糖尿病"], "last_meal_at": ago(7200), "lines": lines,
        "skin": [word], "belongings": [word, "手机", "钥匙"],
        "consents": [{"to": to, "by": "not_obtainable"} for to in ("treatment", "transport")],
    }  # fmt: skip


async def _is_told(one: Traveller) -> bool:
    item = await one.item("background")
    if item is None or not item["record"].get("override"):
        return False
    told = (await one.ward.do("GET", f"{one.path_there}/vitals"))["series"]
    rates: list[Any] = next((each["values"] for each in told if each["name"] == "heart_rate"), [])
    pictures = sum(examination == "ecg_12_lead" for examination, _ in EXAMINED)
    return len(rates) > MINUTES and len(item["record"]["attachments"]) == pictures


async def _answered(one: Traveller) -> None:
    """What the hospital has done for them before they come."""
    await one.act("acknowledgement")
    for centre in TEAMS:
        await one.act("activation", centre=centre, activation="activate")
    await one.act("departments/cardiology/answer", answer="coming")
    await one.act("departments/imaging/answer", answer="cannot")
    await one.act("direct-to", direct_to="theatre", phone="0516 8500 0120 0000", gate=SAID)
    await one.act("bed", department="icu", bed=NAME)
    await one.act("bed", department="ccu", bed="12")
    await one.act("identity", reference=NAME)
    await one.act("identity/merged", reference=NAME, merged=f"{NAME[:-1]}C")


async def arrived(one: Traveller) -> None:
    """They are here, and much was done at once."""
    await one.act("arrival", place="resus")
    for milestone in ("first_doctor", "ct_done", "antibiotics", "surgery_begun"):
        await one.act("milestones", milestone=milestone, occurred_at=now())
