"""What a hospital's systems are told, when they are told again, and when that is given up."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as some
from pydantic import ValidationError

from schemas.encounter import DestinationSelected
from schemas.handoff import (
    AdmissionOpened,
    CareTransferred,
    DeathDeclared,
    Escalated,
    IdentityBound,
    PatientArrived,
    PreArrivalNotified,
    PreArrivalWithdrawn,
    RecordDelivered,
)
from schemas.triage import Centre
from services.bridge import loader, webhook
from services.bridge.case import Case
from services.bridge.delivery import (
    FIRST,
    GIVES_UP,
    OPEN,
    OPENS,
    Answer,
    Delivery,
    Outcome,
    after,
    again_after,
    id_of,
    is_open,
    is_told,
    judge,
)
from services.bridge.facility import Channel, Facilities, Interface
from services.bridge.item import item_of
from services.bridge.loader import FacilitiesRefused
from tests.unit.test_bridge_acts import at, made
from tests.unit.test_promise import bound, concern

ROOT = Path(__file__).resolve().parents[2]
CHANNELS: tuple[Channel, ...] = get_args(Channel)
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"  # of the specification's own examples


def delivery(attempts: int = 0, erring_since: datetime | None = None) -> Delivery:
    event = made(PatientArrived, "a", facility_id="H-1", staff_id="n")
    return Delivery(
        id="d", facility_id="H-1", channel="hl7", event=event, case=Case(encounter_id="E-1"),
        attempts=attempts, erring_since=erring_since,
    )  # fmt: skip


# -- what ------------------------------------------------------------------------------------------


def test_a_record_is_told_once_and_not_per_centre_nor_per_refresh() -> None:
    ward = bound("critical", concern("stroke"))
    both = [each for each in ward.told if isinstance(each, PreArrivalNotified)]
    assert {each.centre for each in both} == {Centre.EMERGENCY, Centre.STROKE}
    for channel in CHANNELS:
        (told,) = (each for each in both if is_told(channel, each))
        assert told.centre is Centre.EMERGENCY
        assert not is_told(channel, told.but(changed=False))


@pytest.mark.parametrize(
    ("kind", "more", "channels"),
    [
        (PreArrivalWithdrawn, {"centre": "emergency"}, {"hl7", "fhir", "webhook"}),
        (PreArrivalWithdrawn, {"centre": "stroke"}, set()),
        (PatientArrived, {"staff_id": "n"}, {"hl7", "fhir", "webhook"}),
        (DeathDeclared, {"staff_id": "n"}, {"hl7", "fhir", "webhook"}),
        (IdentityBound, {"staff_id": "n", "reference": "V"}, {"hl7", "fhir", "webhook"}),
        (CareTransferred, {"staff_id": "n", "handed_over_by": "c"}, {"fhir", "webhook"}),
        (Escalated, {"step": 1, "due_at": at(0)}, {"fhir", "webhook"}),
        (RecordDelivered, {"version": 1}, set()),  # or telling one would make the next
        (DestinationSelected, {"selected_by": "d"}, set()),
        (AdmissionOpened, {"admission": {"admission_number": "GC-20260301-0001",
                                         "admitted_at": at(0)}}, set()),
    ],
)  # fmt: skip
def test_each_channel_is_told_what_it_has_a_word_for(
    kind: Any, more: Mapping[str, Any], channels: set[str]
) -> None:
    event = made(kind, "x", facility_id="H-1", **more)
    assert {channel for channel in CHANNELS if is_told(channel, event)} == channels


def test_a_delivery_has_one_name_however_often_it_is_written() -> None:
    event = made(PatientArrived, "a", facility_id="H-1", staff_id="n")
    assert id_of("hl7", "H-1", event) == id_of("hl7", "H-1", event.but(recorded_at=at(9)))
    others = [
        id_of("webhook", "H-1", event),
        id_of("hl7", "H-2", event.but(facility_id="H-2")),
        id_of("hl7", "H-1", event.but(encounter_id="E-2")),
        id_of("hl7", "H-1", event.but(event_id="b")),
        id_of("hl7", "H-1", made(IdentityBound, "a", facility_id="H-1", staff_id="n",
                                 reference="V")),
    ]  # fmt: skip
    assert len({id_of("hl7", "H-1", event), *others}) == 6


# -- again -----------------------------------------------------------------------------------------


def test_it_is_tried_again_soon_and_then_now_and_then() -> None:
    waits = [again_after(n).total_seconds() for n in range(1, 8)]
    assert waits == [0.5, 1, 2, 4, 30, 30, 30]
    assert [is_open(n) for n in range(7)] == [False] * OPENS + [True] * 2


@given(attempts=some.integers(0, 10**6), minutes=some.integers(0, 10**5))
def test_a_hospital_that_is_away_is_tried_for_ever(attempts: int, minutes: int) -> None:
    now = at(0) + timedelta(minutes=minutes)
    following = after(delivery(attempts, at(0)), Answer(outcome=Outcome.AWAY), now)
    assert following.outcome is Outcome.AWAY
    assert following.again is not None
    assert FIRST <= following.again <= OPEN
    assert following.erring_since == at(0), "what it said before is not forgotten"


def test_one_that_answers_with_errors_is_given_up_after_a_while() -> None:
    erred = Answer(outcome=Outcome.ERRED)
    began = after(delivery(300), erred, at(0))
    assert (began.outcome, began.erring_since) == (Outcome.ERRED, at(0)), "since now, not before"
    later = at(0) + GIVES_UP
    still = after(delivery(20, at(0)), erred, later - timedelta(seconds=1))
    assert (still.outcome, still.again) == (Outcome.ERRED, OPEN)
    done = after(delivery(20, at(0)), erred, later)
    assert (done.outcome, done.again) == (Outcome.REFUSED, None)


@pytest.mark.parametrize("outcome", [Outcome.ACCEPTED, Outcome.REFUSED])
def test_what_is_answered_for_good_is_not_told_again(outcome: Outcome) -> None:
    following = after(delivery(7), Answer(outcome=outcome), at(0))
    assert (following.outcome, following.again) == (outcome, None)


@pytest.mark.parametrize(
    ("statuses", "became"),
    [
        ((200, 201, 202, 204, 299), Outcome.ACCEPTED),
        ((400, 403, 404, 409, 410, 413, 422), Outcome.REFUSED),
        ((408, 429, 500, 502, 503, 504, 599), Outcome.AWAY),
        ((301, 302, 307, 308, 401, 100), Outcome.AWAY),
    ],
)
def test_a_status_says_what_became_of_it(statuses: tuple[int, ...], became: Outcome) -> None:
    assert {judge(status).outcome for status in statuses} == {became}


# -- webhooks --------------------------------------------------------------------------------------


def test_a_webhook_is_signed_as_the_specification_has_it() -> None:
    """The example of its reference implementations."""
    at_ = datetime.fromtimestamp(1614265330.9, UTC)
    name, body = "msg_p5jXN8AQM9LWM0D4loKWxJek", b'{"test": 2432232314}'
    headers = webhook.headers(name, at_, body, webhook.key_of(SECRET))
    assert headers == {
        "content-type": "application/json",
        "webhook-id": name,
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }


@pytest.mark.parametrize("secret", ["", "whsec_", SECRET[6:], "whsec_c2hvcnQ=", f"{SECRET}*"])
def test_a_secret_that_is_none_is_not_repeated(secret: str) -> None:
    with pytest.raises(ValueError, match=r"^the secret of a webhook is whsec_ and at least 24"):
        webhook.key_of(secret)


def test_a_webhook_tells_the_item_as_it_stands_in_the_queue() -> None:
    ward = bound("severe")
    event = next(each for each in ward.told if isinstance(each, PreArrivalNotified))
    told = json.loads(webhook.body_of(event, ward.case, "H-1"))
    assert told["type"] == "greenchannel.PreArrivalNotified"
    assert datetime.fromisoformat(told["timestamp"]) == event.occurred_at
    assert told["data"] == item_of(ward.case, "H-1", withdrawn=False)
    assert webhook.body_of(event, ward.case, "H-1") == webhook.body_of(event, ward.case, "H-1")


def test_a_webhook_tells_nothing_of_a_patient_who_has_gone_elsewhere() -> None:
    ward = bound("severe")
    event = next(each for each in ward.told if isinstance(each, PreArrivalNotified))
    ward.bind(60, "H-2")
    left = next(each for each in ward.told if isinstance(each, PreArrivalWithdrawn))
    for each in (event, left):
        told = json.loads(webhook.body_of(each, ward.case, "H-1"))
        assert (told["data"]["withdrawn"], told["data"]["record"]) == (True, None)


# -- interfaces ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("interface", "is_enciphered"),
    [
        ({"channel": "hl7", "address": "mllps://his.example:2575"}, True),
        ({"channel": "hl7", "address": "mllp://127.0.0.1:2575"}, False),
        ({"channel": "hl7", "address": "mllp://[::1]:2575"}, False),
        ({"channel": "hl7", "address": "mllp://localhost:2575"}, False),
        ({"channel": "hl7", "address": "mllps://h:1", "ca_file": "/etc/ca.pem"}, True),
        ({"channel": "webhook", "address": "https://his.example/h", "secret": "KEY_1"}, True),
        ({"channel": "webhook", "address": "http://127.0.0.1:1/h", "secret": "/run/key"}, False),
        ({"channel": "fhir", "address": "https://his.example/fhir"}, True),
        ({"channel": "fhir", "address": "https://his.example/fhir", "secret": "BEARER"}, True),
    ],
)
def test_an_interface_is_enciphered_or_on_this_machine(
    interface: Mapping[str, Any], is_enciphered: bool
) -> None:
    assert Interface.model_validate(interface).is_enciphered is is_enciphered


@pytest.mark.parametrize(
    ("interface", "said"),
    [
        ({"channel": "hl7", "address": "mllp://his.example:2575"}, "write mllps://"),
        ({"channel": "hl7", "address": "mllp://10.0.0.1:2575"}, "write mllps://"),
        ({"channel": "hl7", "address": "mllp://127.0.0.1.example:1"}, "write mllps://"),
        ({"channel": "hl7", "address": "mllps://his.example"}, "mllps://HOST:PORT"),
        ({"channel": "hl7", "address": "https://his.example:1"}, "begins with mllps://"),
        ({"channel": "hl7", "address": "mllps://h:1", "secret": "S"}, "no place for a secret"),
        ({"channel": "webhook", "address": "http://his.example/", "secret": "S"}, "write https://"),
        ({"channel": "webhook", "address": "https://his.example/"}, "name where its secret lies"),
        ({"channel": "webhook", "address": "https://h/", "secret": "whsec_x"}, "secret"),
        ({"channel": "fhir", "address": "https://u:p@h/"}, "an address holds no secret"),
        ({"channel": "fax", "address": "https://h/"}, "channel"),
    ],
)
def test_an_interface_that_is_none_is_refused_with_what_to_write(
    interface: Mapping[str, Any], said: str
) -> None:
    with pytest.raises(ValidationError, match=said):
        Interface.model_validate(interface)


HL7 = {"channel": "hl7", "address": "mllp://127.0.0.1:2575"}


def test_a_facility_has_its_own_interfaces_and_what_all_keep() -> None:
    shipped = loader.facilities()
    ours = Facilities.model_validate(
        {**shipped.model_dump(), "facilities": {"H-1": {"interfaces": [HL7]}}}
    )
    assert [each.channel for each in ours.interfaces("H-1")] == ["hl7"]
    assert ours.of("H-1").terms == shipped.of("H-1").terms
    assert (ours.interfaces("H-2"), shipped.interfaces("H-1")) == ((), ())


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ("facilities: {H-1: {interfaces: [%(i)s, %(i)s]}}", "one interface of a channel"),
        ("facilities: {H-1: {interfaces: [{channel: hl7, address: 'mllp://h:1'}]}}", "mllps://"),
        ("facilities: {H-1: {interfaces: [{channel: hl7, adress: 'mllp://h:1'}]}}", "adress"),
    ],
)
def test_a_file_says_which_interface_is_wrong(tmp_path: Any, more: str, said: str) -> None:
    shipped = loader.SHIPPED.read_text("utf-8")
    file = tmp_path / "ours.yaml"
    written = more % {"i": "{channel: hl7, address: 'mllp://127.0.0.1:1'}"} if "%" in more else more
    file.write_text(shipped.replace("facilities: {}", written), "utf-8")
    with pytest.raises(FacilitiesRefused, match=f"ours.yaml.*{said}"):
        loader.facilities(file)


def example() -> str:
    """The file that the page on systems of hospitals shows, as it stands there."""
    page = (ROOT / "docs/hospitals.md").read_text("utf-8")
    shown = re.search(r"```yaml\n(.+?)```", page, re.DOTALL)
    assert shown is not None
    return shown[1]


def ends(file: Path, **environment: str) -> tuple[int, list[str]]:
    """With which status the bridge ends at its start by this file, and what it says."""
    named = {"GREENCHANNEL_BRIDGE_FACILITIES": str(file), **environment}
    done = subprocess.run(
        [sys.executable, "-m", "services.cli", "bridge"],
        cwd=ROOT, env={**os.environ, **named}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    return done.returncode, (done.stdout + done.stderr).splitlines()


def test_the_example_of_the_page_is_a_file_of_a_site(tmp_path: Path) -> None:
    file = tmp_path / "ours.yaml"
    file.write_text(example(), "utf-8")
    ours = loader.facilities(file)
    assert ours.all == loader.facilities().all
    assert ours.of("H-1").terms == ours.of("H-2").terms == ours.all.terms
    assert [each.channel for each in ours.interfaces("H-1")] == ["hl7", "webhook"]
    status, said = ends(file)  # what it names is not on this machine
    assert status == 2
    assert said == ["✗ H-1: hl7: ca_file /etc/greenchannel/his.pem: No such file or directory"]


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("facilities: {H-1: {interfaces: [{channel: fax}]}}", "H-1.interfaces.0.channel: Input"),
        ("facilities:\n  H-1: [\n", "line 3: "),
        ("facility: {}", "facility: Extra inputs"),
        ("all: {terms: {}}", "all has no term for "),
    ],
)
def test_a_file_that_is_refused_ends_the_bridge_with_a_line(
    tmp_path: Path, written: str, said: str
) -> None:
    file = tmp_path / "ours.yaml"
    file.write_text(written, "utf-8")
    status, (line,) = ends(file)
    assert status == 2
    assert line.startswith("✗ ours.yaml: ")
    assert said in line


def test_what_all_keep_is_no_interface() -> None:
    shipped = loader.facilities().model_dump()
    for own in ({"interfaces": [HL7]}, {"phone": "0516 8500 0120"}):
        with pytest.raises(ValidationError, match="belongs to one facility"):
            Facilities.model_validate({**shipped, "all": {**shipped["all"], **own}})
