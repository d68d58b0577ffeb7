"""The publications that can be replayed: where their files lie, and how they are cited."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple


class Publication(NamedTuple):
    """``files`` lie below ``../shared/data``; docs/data.md says where they are published."""

    files: tuple[str, ...]
    encoding: str
    licence: str
    citation: str
    #: What the numbers are not.
    zh: str
    en: str


PUBLICATIONS: Mapping[str, Publication] = {
    "lincoln": Publication(
        files=("lincoln_ems/unit_legs_2010_2015.csv",),
        encoding="utf-8",
        licence="MIT",
        citation="Unit times of Lancaster County and Lincoln, Nebraska, 2010 to 2015: public"
        " records.",
        zh="美国内布拉斯加州的消防与急救车辆，乡村志愿者与市区急救员并计，没有来电时刻："
        "不是中国的 120 中心。",
        en="Fire and ambulance units of a county in Nebraska, rural volunteers and city medics"
        " together, without the time of the call: not a Chinese 120 centre.",
    ),
    "ktas": Publication(
        files=("ktas/ktas.csv",),
        encoding="latin-1",
        licence="CC BY 4.0",
        citation="Moon SH, Shim JL, Park KS, Park CS. Triage accuracy and causes of mistriage using"
        " the Korean Triage and Acuity Scale. PLoS ONE 2019;14(9):e0216972.",
        zh="是测量，不是验证：另一国家、另一量表、急诊室内，不含主诉的判断。",
        en="Measured, not validated: another country, another scale, in the department; nobody"
        " judged the complaint.",
    ),
    "numerics": Publication(
        files=("monitor_numerics/patient_a_1936min.csv", "monitor_numerics/patient_b_72min.csv"),
        encoding="utf-8",
        licence="ODbL 1.0",
        citation="MIMIC waveform database, bedside numerics (PhysioNet).",
        zh="重症监护床旁，不是院前；每分钟一次，压缩后发送。",
        en="Bedside of an intensive care unit, not pre-hospital; one sample a minute, sent faster.",
    ),
}
