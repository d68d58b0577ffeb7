"""The judge of FHIR and HL7 v2 sees what is wrong: else what it lets pass would prove nothing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.hapi import errors, parse_hl7, validate_fhir

pytestmark = pytest.mark.timeout(600)  # the first run on a machine fetches the judge

ENCOUNTER = {
    "resourceType": "Encounter",
    "status": "planned",
    "class": {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "EMER"},
}
PRIORITY = {"system": "http://terminology.hl7.org/CodeSystem/v3-ActPriority", "code": "EMM"}
MESSAGE = "\r".join(
    (
        "MSH|^~\\&|A|B|C|D|20261126101010+0800||ADT^A04^ADT_A01|42|P|2.5.1|||||CHN|UNICODE UTF-8",
        "EVN||20261126101010+0800",
        "PID|1||e-1^^^A||^^^^^^U",
        "PV1|1|E||P|||||||||||||||绿-1",
        "",
    )
)


def test_fhir_of_4_0_1_passes_and_what_is_none_is_named(tmp_path: Path) -> None:
    bodies: dict[str, dict[str, Any]] = {
        "good": ENCOUNTER,
        "a status that is none": ENCOUNTER | {"status": "departed"},
        "a property of R5": ENCOUNTER | {"actualPeriod": {"start": "2026-11-26"}},
        "a code that its system has not": ENCOUNTER | {"priority": {"coding": [PRIORITY]}},
        "nothing that is required": {"resourceType": "Encounter"},
    }
    files = []
    for number, body in enumerate(bodies.values()):
        files.append(tmp_path / f"{number}.json")
        files[-1].write_text(json.dumps(body, ensure_ascii=False), "utf-8")
    files.append(tmp_path / "none.json")
    files[-1].write_text("{", "utf-8")
    good, *bad = map(errors, validate_fhir(files))
    assert good == []
    named_in_turn = ("'departed'", "'actualPeriod'", "EMM", "Encounter.status: minimum", "JSON")
    for issues, named in zip(bad, named_in_turn, strict=True):
        assert any(named in issue.says for issue in issues), named


def test_a_message_of_hl7_is_read_and_what_is_wrong_is_named(tmp_path: Path) -> None:
    messages = {
        MESSAGE: None,
        MESSAGE.replace("PID|1||e-1^^^A", "PID|1||"): "PID-3",
        MESSAGE.replace("EVN||2026", "EVN||2026-"): "EVN-2",
        MESSAGE + "OBR|1\r": "OBR",
        MESSAGE.replace("ADT^A04^ADT_A01", "ADT^A04^ADT_B01"): "",
        "junk": "",
    }
    files = []
    for number, text in enumerate(messages):
        files.append(tmp_path / f"{number}.hl7")
        files[-1].write_bytes(text.encode())
    good, *bad = parse_hl7(files)
    assert (good.error, good.structure) == (None, "ADT_A01")
    names = "MSH-9", "MSH-10", "PID-3", "PV1-4", "PV1-19"
    read = [good.fields[name] for name in names]
    assert read == ["ADT^A04^ADT_A01", "42", "e-1^^^A", "P", "绿-1"]
    for said, named in zip(bad, list(messages.values())[1:], strict=True):
        assert said.error is not None
        assert str(named) in said.error
