"""``greenchannel triage``: a line is a patient, a decision a page, the past is decided again."""

from __future__ import annotations

import gzip
import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from schemas.clinical import (
    ExaminationDone,
    FindingRecorded,
    LevelOverridden,
    ObservationRetracted,
    VitalSignsRecorded,
)
from schemas.encounter import Age, EncounterOpened, EncounterUpdated, Patient
from schemas.envelope import encode
from schemas.event import Event
from schemas.recording import Head, Recorded, head_line, line
from schemas.triage import TriageDecided
from services.cli import main
from services.triage.decide import step
from services.triage.loader import active
from services.triage.rerun import Logged, cases_of, decide_again, in_order

BEGIN = datetime(2026, 3, 1, 8, tzinfo=UTC)
RULES = active()


def at(second: float) -> datetime:
    return BEGIN + timedelta(seconds=second)


def run(*words: str, given: str | bytes | None = None) -> Result:
    return CliRunner().invoke(main, ["triage", *words], input=given)


def assessed(*told: object, **options: str) -> list[dict[str, Any]]:
    """What is decided on lines, each a patient."""
    lines = "\n".join(each if isinstance(each, str) else json.dumps(each) for each in told)
    words = [word for name, value in options.items() for word in (f"--{name}", value)]
    result = run("assess", "-", *words, given=lines)
    return [json.loads(said) for said in result.stdout.splitlines()]


def measured(**values: Any) -> dict[str, Any]:
    return {name: {"state": "measured", "value": value} for name, value in values.items()}


WELL = measured(
    heart_rate=80,
    respiratory_rate=16,
    systolic_bp=120,
    spo2=98,
    temperature=36.8,
    consciousness="A",
)
SIXTY = {"value": 60, "unit": "years"}


# -- assess ---------------------------------------------------------------------------------------


def test_a_line_is_decided_and_keeps_its_name() -> None:
    (told,) = assessed({"encounter_id": "E-1", "age": SIXTY, "sex": "male", "complaint": "胸痛",
                        "vital_signs": WELL})  # fmt: skip
    assert (told["encounter_id"], told["level"]) == ("E-1", "severe")
    assert told["reasons"][0]["rule"] == "complaint.chest_pain"
    assert told["protocol"] == {"protocol": "adult", "version": "2018.3", "set": "default"}
    assert [c["centre"] for c in told["centres"]] == ["chest_pain"]


@pytest.mark.parametrize(
    ("signs", "level"),
    [
        (WELL, "non_urgent"),
        ({**WELL, "spo2": {"state": "not_taken", "value": None}}, "not_yet"),
        ({**WELL, "spo2": {"state": "unmeasurable"}}, "critical"),
        ({**WELL, "spo2": {"state": "invalid", "value": 140}}, "not_yet"),
        ({**WELL, **measured(heart_rate=0)}, "critical"),
        ({**WELL, **measured(heart_rate=999)}, "not_yet"),
        ({}, "not_yet"),
    ],
)
def test_the_state_of_a_value_counts(signs: dict[str, Any], level: str) -> None:
    (told,) = assessed({"encounter_id": "E-1", "age": SIXTY, "vital_signs": signs})
    assert told["level"] == level


@pytest.mark.parametrize(
    ("age", "protocol"),
    [
        ({"value": 0, "unit": "days"}, "newborn"),
        ({"value": 27, "unit": "days"}, "newborn"),
        ({"value": 29, "unit": "days"}, "child.1-3-months"),
        ({"value": 11, "unit": "months"}, "child.6-12-months"),
        ({"value": 12, "unit": "months"}, "child.1-year"),
        ({"value": 13, "unit": "years"}, "child.10-14-years"),
        ({"value": 14, "unit": "years"}, "adult"),
        (None, "adult"),
    ],
)
def test_an_age_is_read_in_its_unit(age: Any, protocol: str) -> None:
    (told,) = assessed({"encounter_id": "E-1", "age": age, "vital_signs": WELL})
    assert told["protocol"]["protocol"] == protocol


@pytest.mark.parametrize(
    ("more", "level", "centres"),
    [
        ({"findings": ["st_elevation"]}, "severe", {"chest_pain": "activate"}),
        ({"findings": {"shock": True, "seizure": False}}, "critical", {}),
        ({"findings": {"shock": False}}, "non_urgent", {}),
        ({"complaint": "stroke", "scales": {"lams": {"face": 1, "arm": 2, "grip": 1}}}, "severe",
         {"stroke": "activate"}),
        ({"complaint": "chest_pain"}, "severe", {"chest_pain": "notice"}),
        ({"complaint": "no chest pain"}, "non_urgent", {}),
        ({"complaint": None}, "non_urgent", {}),
    ],
)  # fmt: skip
def test_findings_scales_and_the_complaint_count(
    more: dict[str, Any], level: str, centres: dict[str, str]
) -> None:
    (told,) = assessed({"encounter_id": "E-1", "age": SIXTY, "vital_signs": WELL, **more})
    assert told["level"] == level
    assert {c["centre"]: c["activation"] for c in told["centres"]} == centres


@pytest.mark.parametrize("said", [True, "yes"])
def test_pregnancy_counts_before_age(said: object) -> None:
    (told,) = assessed({"encounter_id": "E-1", "age": {"value": 13, "unit": "years"},
                        "pregnancy": said, "vital_signs": WELL})  # fmt: skip
    assert told["protocol"]["protocol"] == "obstetric"


def test_a_birth_time_counts_from_the_first_minute() -> None:
    at_birth = {"encounter_id": "E-1", "birth_time": "2026-03-01T08:00:00Z",
                "vital_signs": measured(spo2=70)}  # fmt: skip
    told = assessed(
        {**at_birth, "at": "2026-03-01T08:09:59Z"}, {**at_birth, "at": "2026-03-01T08:10:00Z"}
    )
    assert [each["level"] for each in told] == ["urgent", "critical"]


BAD = [
    ("nonsense", "JSON"),
    ({"age": SIXTY}, "encounter_id: Field required"),
    ({"encounter_id": "E 1"}, "encounter_id"),
    ({"encounter_id": "E-1", "vital_signs": {"pulse": {"state": "not_taken"}}}, "unknown: pulse"),
    ({"encounter_id": "E-1", "vital_signs": {"spo2": {"state": "normal"}}}, "spo2.state"),
    ({"encounter_id": "E-1", "vital_signs": {"spo2": {"state": "measured"}}}, "no value"),
    ({"encounter_id": "E-1", "findings": ["looks_ill"]}, "unknown: looks_ill"),
    ({"encounter_id": "E-1", "age": {"value": -1, "unit": "years"}}, "age.value"),
    ({"encounter_id": "E-1", "age": {"value": 3, "unit": "weeks"}}, "age.unit"),
    ({"encounter_id": "E-1", "temprature": 39}, "Extra inputs"),
    ({"encounter_id": "E-1", "scales": {"lams": {"leg": 1}}},
     "scales: Value error, lams has the items face, arm, grip, and no leg"),
    ({"encounter_id": "E-1", "scales": {"lams": {"face": 2}}}, "lams.face gives 0 to 1"),
    ({"encounter_id": "E-1", "scales": {"race": {"face": 2, "arm": -1}}}, "race.arm gives 0 to 2"),
    ({"encounter_id": "E-1", "scales": {"lams": {}}}, "lams has no item"),
    ({"encounter_id": "E-1", "scales": {"mood": {"face": 2}}}, "scales: Value error, unknown"),
    ({"encounter_id": "E-1", "vital_signs": {"spo2": {"state": "not_taken", "value": 30}}},
     "vital_signs.spo2: Value error, not_taken, and a value"),
    ({"encounter_id": "E-1", "vital_signs": {"spo2": {"state": "unmeasurable", "value": 0}}},
     "vital_signs.spo2: Value error, unmeasurable, and a value"),
    ({"encounter_id": "E-1", "at": "2017-01-01T00:00:00Z"}, "no protocol is in force before 2021"),
    (json.dumps({"encounter_id": "E-1", "complaint": "胸痛"}, ensure_ascii=False).encode("gbk"),
     "不是 UTF-8 · not UTF-8: invalid continuation byte, byte 39"),
    (b"\xff\xfe{\x00}\x00", "not UTF-8"),
    (b"\xef\xbb\xbf{}", "JSON"),
]  # fmt: skip


@pytest.mark.parametrize(("bad", "complaint"), BAD)
def test_a_bad_line_is_told_by_its_number_and_the_rest_goes_on(bad: object, complaint: str) -> None:
    good = json.dumps({"encounter_id": "E-good", "age": SIXTY, "vital_signs": WELL})
    line = bad if isinstance(bad, str | bytes) else json.dumps(bad)
    line = line.encode() if isinstance(line, str) else line
    result = run("assess", "-", given=b"%s\n\n%s\n%s\n" % (good.encode(), line, good.encode()))
    assert [json.loads(said)["level"] for said in result.stdout.splitlines()] == ["non_urgent"] * 2
    assert "line 3: " in result.stderr
    assert complaint in result.stderr
    assert result.exit_code == 1


def test_a_file_is_read_too_and_good_lines_end_well(tmp_path: Path) -> None:
    file = tmp_path / "patients.jsonl"
    file.write_text(json.dumps({"encounter_id": "E-1", "vital_signs": WELL}), "utf-8")
    result = run("assess", str(file))
    assert (result.exit_code, json.loads(result.stdout)["level"]) == (0, "non_urgent")


@pytest.mark.parametrize("begins", ["", "\n"])
def test_a_mark_of_utf_8_before_the_first_line_is_no_part_of_it(
    begins: str, tmp_path: Path
) -> None:
    file = tmp_path / "patients.jsonl"
    told = json.dumps({"encounter_id": "E-1", "complaint": "胸痛"}, ensure_ascii=False)
    file.write_text(begins + told, "utf-8-sig")
    result = run("assess", str(file))
    assert (result.exit_code, json.loads(result.stdout)["level"]) == (0, "severe")


def at_18(tmp_path: Path) -> str:
    file = tmp_path / "site.yaml"
    file.write_text("child_below: 18 y", "utf-8")
    return str(file)


SIXTEEN = {"encounter_id": "E-1", "age": {"value": 16, "unit": "years"}, "vital_signs": WELL}


def protocols_of(result: Result) -> list[str]:
    lines = map(json.loads, result.stdout.splitlines())
    return [each["protocol"]["protocol"] for each in lines]


def test_a_site_sets_what_it_sets_by_option_or_by_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    line, child = json.dumps(SIXTEEN), ["child.10-14-years"]
    assert protocols_of(run("assess", "-", given=line)) == ["adult"]
    assert protocols_of(run("assess", "-", "--site", at_18(tmp_path), given=line)) == child
    monkeypatch.setenv("GREENCHANNEL_TRIAGE_SITE", at_18(tmp_path))
    assert protocols_of(run("assess", "-", given=line)) == child
    assert protocols_of(run("assess", "-", "--protocols", "zhejiang-2021", given=line)) == child


@pytest.mark.parametrize("command", [["assess", "-"], ["rerun"]])
@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("altitude: 3650", "site.yaml: set.yaml: site.altitude: Extra inputs"),
        ("child_below: tall", "site.yaml: set.yaml: site.child_below: an age is written like"),
        ("altitude_m: 1\naltitude_m: 2", "site.yaml: no YAML: line 2: altitude_m stands twice"),
        ("nonsense", "site.yaml: no document"),
        ("[", "site.yaml: no YAML: line 2: did not find"),
        (None, "does not exist"),
    ],
)
def test_a_file_that_no_site_can_mean_is_refused_with_its_name_and_the_reason(
    command: list[str], said: str | None, told: str, tmp_path: Path
) -> None:
    file = tmp_path / "site.yaml"
    if said is not None:
        file.write_text(said, "utf-8")
    result = run(*command, "--site", str(file), given="")
    assert result.exit_code == 2
    assert "site.yaml" in result.stderr
    assert told in result.stderr


def test_another_set_decides_by_its_own_rules() -> None:
    signs = {**WELL, **measured(respiratory_rate=14, heart_rate=105)}
    age = {"value": 82, "unit": "years"}
    over_80 = {"encounter_id": "E-1", "age": age, "vital_signs": signs}
    for name in ("default", "zhejiang-2021"):
        assert assessed(over_80, protocols=name)[0]["level"] == "urgent"
    hurt = {**over_80, "complaint": "摔伤"}
    (told,) = assessed(hurt, protocols="zhejiang-2021")
    rules = [reason["rule"] for reason in told["reasons"]]
    assert (told["level"], rules) == ("severe", ["modifier.injured", "modifier.over_80"])


def test_a_set_from_memory_is_refused_with_file_rule_and_reason() -> None:
    result = run("assess", "-", "--protocols", "from-memory", given="")
    assert result.exit_code == 2
    assert "scores.yaml: scores.meows: evidence M (from memory) never decides" in result.stderr


# -- explain --------------------------------------------------------------------------------------


def test_a_decision_is_explained_in_both_languages() -> None:
    patient = {"encounter_id": "E-1", "age": SIXTY, "complaint": "胸痛",
               "vital_signs": {**WELL, **measured(systolic_bp=65), "spo2": {"state": "not_taken"},
                               "temperature": {"state": "invalid", "value": 99}},
               "findings": ["st_elevation"]}  # fmt: skip
    decision = run("assess", "-", given=json.dumps(patient)).stdout
    zh, en = (run("explain", "-", "--lang", lang, given=decision).stdout for lang in ("zh", "en"))
    for said in (
        "E-1  Ⅰ 濒危  · 立即响应",
        "Ⅰ 收缩压 65 mmHg（< 70）［单次测量，请复测］  [CONS2018 V2]",
        "缺：\n    血氧饱和度、体温",
        "不可能的数值：\n    体温 99",
        "胸痛中心 · 建议启动团队： 心电图 ST 段抬高 [UDMI4 V] → 导管室 (建议直达，待人确认)",
        "请复测收缩压",
        "default adult 2018.3",
    ):
        assert said in zh
    for said in (
        "E-1  Ⅰ critical  · respond at once",
        "systolic pressure 65 mmHg (< 70) [single reading: repeat it]",
        "Missing:\n    oxygen saturation, temperature",
        "proposes to activate the team",
        "catheter laboratory (proposed, until a human confirms)",
    ):
        assert said in en


def test_what_is_no_decision_is_told_by_its_number_and_the_rest_goes_on() -> None:
    good = run("assess", "-", given=json.dumps({"encounter_id": "E-1", "vital_signs": WELL})).stdout
    given = b'{"worst": "critical"}\n\xb3\xa4\n' + good.encode()
    result = run("explain", "-", given=given)
    assert result.exit_code == 1
    assert "line 1: " in result.stderr
    assert "line 2: 不是 UTF-8 · not UTF-8: " in result.stderr
    assert result.stdout.startswith("E-1  ")


def test_a_decision_is_explained_by_the_times_of_the_site_that_made_it(tmp_path: Path) -> None:
    site = tmp_path / "site.yaml"
    site.write_text("respond_within_min: {critical: 0, severe: 7, urgent: 8, non_urgent: 9}")
    patient = json.dumps({"encounter_id": "E-1", "complaint": "胸痛", "vital_signs": WELL})
    for words, told in (([], "10 min to respond"), (["--site", str(site)], "7 min to respond")):
        decision = run("assess", "-", *words, given=patient).stdout
        assert told in run("explain", "-", "--lang", "en", given=decision).stdout


# -- rerun ----------------------------------------------------------------------------------------


def made(kind: type[Event], number: int, second: float, **more: Any) -> Event:
    common = {"event_id": f"e-{number}", "encounter_id": "E-1", "occurred_at": at(second)}
    return kind.model_validate({**common, **more})


def vitals(number: int, second: float, method: str, **values: Any) -> Event:
    return made(VitalSignsRecorded, number, second, method=method, vitals=values, device_id="M-1")


def a_case() -> list[Logged]:
    """What happened to a patient, and what was decided: as the broker keeps it."""
    events = [
        (made(EncounterOpened, 0, 0, patient=Patient(complaint="chest_pain")), 0),
        *((vitals(n, n, "streamed", heart_rate=88.0, spo2=97.0), n + 0.2) for n in range(1, 12)),
        (vitals(20, 12, "reading", systolic_bp=68.0, temperature=36.5, consciousness="A"), 12.5),
        (made(FindingRecorded, 21, 13, finding="diaphoresis", present=True), 13),
        (made(EncounterUpdated, 22, 13, patient=Patient(age=Age(years=58))), 13),
        *((vitals(n, n, "streamed", heart_rate=160.0 + n, spo2=93.0), n) for n in range(23, 40)),
        (made(ExaminationDone, 41, 40, examination="ecg_12_lead", shows=["st_elevation"]), 41),
        (made(ObservationRetracted, 42, 44, observation="vitals", observation_id="e-20",
              reason="entered_in_error", retracted_by="c"), 44),
        (made(LevelOverridden, 43, 50, level="urgent", reason="x", overridden_by="c",
              role="crew"), 50),
        *((vitals(n, n, "streamed", heart_rate=80.0, spo2=93.0), n) for n in range(51, 70)),
    ]  # fmt: skip
    log, state = list[Logged](), None
    for event, second in events:
        log.append(Logged(event, at(second)))
        state, said = step(state, event, at(second), RULES)
        log += [Logged(decision, at(second + 0.05)) for decision in said]
    return log


def test_every_decision_of_a_log_is_reproduced() -> None:
    log = a_case()
    (case,) = cases_of(log)
    then = [logged.event for logged in log if isinstance(logged.event, TriageDecided)]
    assert len(then) > 10
    assert list(decide_again(case, RULES)) == then


def test_the_order_is_the_one_in_which_triage_took_it_in() -> None:
    """Two of one millisecond, and one that was read behind a later one."""
    one, two, three = (vitals(n, n, "reading", pain=float(n)) for n in (1, 2, 3))
    state, decisions = None, list[TriageDecided]()
    for event in (two, one, three):
        state, said = step(state, event, at(5), RULES)
        decisions += [each for each in said if isinstance(each, TriageDecided)]
    log = [Logged(event, at(second)) for event, second in ((one, 5), (two, 5), (three, 4))]
    assert [each.event for each in in_order(log, decisions)] == [two, one, three]


def recording(tmp_path: Path, log: Sequence[Logged], name: str = "run.ndjson") -> str:
    told = [head_line(Head(["triage-decisions"], 0, 1))]
    for offset, (event, when) in enumerate(log):
        message = encode(event, "greenchannel/test")
        t = round(when.timestamp() * 1000)
        told.append(line(Recorded(message.topic, 0, offset, t, message.key, message.value,
                                  message.headers)))  # fmt: skip
    file = tmp_path / name
    text = "".join(told)
    file.write_bytes(gzip.compress(text.encode()) if name.endswith(".gz") else text.encode())
    return str(file)


@pytest.mark.parametrize("name", ["run.ndjson", "run.ndjson.gz"])
def test_by_the_same_rules_nothing_differs(name: str, tmp_path: Path) -> None:
    result = run("rerun", "--recording", recording(tmp_path, a_case(), name))
    assert (result.exit_code, result.stdout) == (0, "")
    assert "0 处不同" in result.stderr


def test_by_other_rules_the_difference_is_printed(tmp_path: Path) -> None:
    file = recording(tmp_path, a_case())
    result = run("rerun", "--recording", file, "--protocols", "zhejiang-2021", "--json")
    assert result.exit_code == 1
    first = json.loads(result.stdout.splitlines()[0])
    assert first["encounter_id"] == "E-1"
    assert first["then"] != first["now"]
    plain = run("rerun", "--recording", file, "--protocols", "zhejiang-2021").stdout
    assert plain.splitlines()[0].startswith("E-1 #")


@pytest.mark.parametrize("by", ["option", "environment"])
def test_what_a_site_sets_otherwise_is_told_of_the_past(
    by: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = tmp_path / "site.yaml"
    site.write_text("child_below: 60 y", "utf-8")  # the patient is 58
    words = ["rerun", "--recording", recording(tmp_path, a_case())]
    assert run(*words).exit_code == 0
    if by == "option":
        words += ["--site", str(site)]
    else:
        monkeypatch.setenv("GREENCHANNEL_TRIAGE_SITE", str(site))
    result = run(*words)
    assert result.exit_code == 1
    assert result.stdout.startswith("E-1 #")


def test_a_set_from_memory_may_be_tried_on_the_past(tmp_path: Path) -> None:
    result = run(
        "rerun", "--recording", recording(tmp_path, a_case()), "--protocols", "from-memory"
    )
    assert result.exit_code == 0


def test_only_decisions_of_the_period_are_compared(tmp_path: Path) -> None:
    file = recording(tmp_path, a_case())
    result = run("rerun", "--recording", file, "--from", at(41).isoformat(),
                 "--to", at(45).isoformat())  # fmt: skip
    assert result.exit_code == 0
    assert "  2 条决定重算" in result.stderr


def test_a_patient_whose_log_begins_earlier_is_told_and_left_out(tmp_path: Path) -> None:
    result = run("rerun", "--recording", recording(tmp_path, a_case()[4:]))
    assert result.exit_code == 0
    assert "of patients whose log begins earlier" in result.stderr


def test_what_is_no_recording_is_told_in_a_line(tmp_path: Path) -> None:
    file = tmp_path / "no.ndjson"
    file.write_text("{}", "utf-8")
    result = run("rerun", "--recording", str(file))
    assert result.exit_code == 2
    assert "none of a recording" in result.output
