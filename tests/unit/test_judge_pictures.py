"""The judge and the pictures of examinations: each is told of once, and shown where it is named."""

from __future__ import annotations

from typing import Any

import pytest

from schemas import encounter
from schemas.attachment import Attachment
from schemas.clinical import AttachmentReceived, ExaminationDone
from simulator import truth
from simulator.case import Case
from tests.good_run import (
    BASE,
    HANDLE,
    NOTHING,
    Read,
    Run,
    Told,
    at,
    changed,
    count,
    good_run,
    judged,
    of_patient,
    told_act,
    with_fields,
    without,
)

PICTURE = Attachment(sha256="a" * 64, media_type="image/png", size=9)
OTHER = PICTURE.model_copy(update={"sha256": "b" * 64})
EXAMINED = ExaminationDone(
    event_id=f"{HANDLE}.ecg",
    occurred_at=at(28),
    encounter_id="E-1",
    examination="ecg_12_lead",
    shows=("st_elevation",),
    attachments=(PICTURE,),
)
SHOWN = {"examinations": (EXAMINED,), "attachments": (PICTURE,)}


def sent(t: float, *, bound: bool = True) -> list[Any]:
    facility = {"facility": "F-001"} if bound else {}
    return told_act(t, "ecg_picture", "picture", about={"sha256": PICTURE.sha256}, **facility)


def showing(run: Run, *names: str, **fields: Any) -> Run:
    """The run with what these records show of pictures."""
    for name in names:
        found = next(h for h in run if isinstance(h, Read) and h.name == name)
        record = found.event.record.model_copy(update=fields)  # type: ignore[attr-defined]
        run = changed(name, with_fields(record=record), run)
    return run


def with_picture(*shown: Any, bound: bool = True, t: float = 29.0) -> Run:
    """A good run in which the picture of the ECG follows it, and later records show it."""
    run = good_run()
    place = next(n for n, h in enumerate(run) if isinstance(h, Read) and h.name == "ecg") + 1
    if not bound:  # before it was known where the patient is brought
        place = next(n for n, h in enumerate(run) if isinstance(h, Told) and _binds(h.line))
    follows = [*sent(t, bound=bound), of_patient(AttachmentReceived, t, attachment=PICTURE)]
    run = [*run[:place], *follows, *run[place:]]
    return showing(run, *(shown or ("emergency 3", "emergency 4", "emergency 5")), **SHOWN)


def _binds(line: truth.TruthLine) -> bool:
    return isinstance(line, truth.ActSent) and line.act == "destination"


def test_a_picture_that_came_and_is_shown_is_all_there_is_to_say() -> None:
    for run in (with_picture(), with_picture("emergency 5"), with_picture(bound=False, t=23.0)):
        result = count(run)
        assert result["ground_truth"] == NOTHING, result["findings"]
        assert result["findings"] == []


LATER = with_picture("emergency 5", bound=False, t=23.0)


@pytest.mark.parametrize(
    ("spoiled", "says"),
    [
        pytest.param(without("AttachmentReceived", with_picture()), {"lost": 1}, id="dropped"),
        pytest.param(
            [
                *with_picture(),
                with_fields(event_id="A-2")(of_patient(AttachmentReceived, 31, attachment=PICTURE)),
            ],
            {"duplicated": 1},
            id="told of twice",
        ),
        pytest.param(
            [*with_picture(), of_patient(AttachmentReceived, 29.0, attachment=PICTURE)],
            {},
            id="redelivered",
        ),
        pytest.param(
            changed("AttachmentReceived", with_fields(attachment=OTHER), with_picture()),
            {"lost": 1},
            id="another file",
        ),
        pytest.param(
            showing(with_picture("emergency 5"), "emergency 5", attachments=()),
            {"lost": 1},
            id="named and never there",
        ),
        pytest.param(
            showing(with_picture("emergency 5"), "emergency 5", examinations=()),
            {"lost": 1},
            id="there and never named",
        ),
        pytest.param(
            showing(LATER, "emergency 5", examinations=()),
            {"lost": 1},
            id="not shown to who was chosen later",
        ),
    ],
)  # fmt: skip
def test_what_is_done_to_a_picture_is_said(spoiled: Run, says: dict[str, int]) -> None:
    result = count(spoiled)
    assert result["ground_truth"] == {**NOTHING, **says}, result["findings"]
    assert len(result["findings"]) == sum(says.values())


def test_a_picture_that_was_never_acknowledged_is_not_owed() -> None:
    run = good_run()
    unheard = [h for h in sent(29) if not isinstance(h.line, truth.Acknowledged)]
    assert count([*run[:-2], *unheard, *run[-2:]])["ground_truth"] == NOTHING
    assert count([*run[:-2], *sent(50), *run[-2:]])["ground_truth"] == {**NOTHING, "lost": 1}


def test_a_picture_that_is_refused_is_told() -> None:
    refused = Told(truth.Refused(t=BASE + 51, ids=[f"{HANDLE}.ecg_picture"], status=422))
    run = [*sent(50)[:1], refused]
    whole = good_run()
    result = count([*whole[:-2], *run, *whole[-2:]])
    assert result["ground_truth"] == NOTHING
    assert result["refused"] == 1


@pytest.mark.parametrize(
    ("act", "about", "acked", "lost"),
    [
        ("transfer", {"facility_id": "F-001"}, False, 0),
        ("transfer", {"facility_id": "F-001"}, True, 1),
        ("outcome", {"outcome": "refused_transport"}, True, 0),
    ],
)
def test_who_no_longer_waits_for_the_patient_is_not_owed_the_sight(
    act: str, about: dict[str, str], acked: bool, lost: int
) -> None:
    """A file that was under way when care was handed over need not be shown, but has to come; one
    that was there before has to be shown; and nobody is shown who does not come."""
    before = good_run()[:-2]
    begun, answered = sent(50)
    ends = told_act(51, "ended", act, about=about, facility="F-001")[:1]
    run = [*before, begun, *([answered] if acked else []), *ends, answered]
    came = of_patient(AttachmentReceived, 51, attachment=PICTURE)
    verdict = judged([*run, came])
    item = verdict.ledger.cases["E-1"].pictures[PICTURE.sha256]
    assert (item in verdict.owed()) == bool(lost)
    unheard = judged(run)
    assert unheard.ledger.cases["E-1"].pictures[PICTURE.sha256] in unheard.owed(), "it never came"


def test_who_is_chosen_next_is_shown_it_too() -> None:
    """And who was chosen before that is owed it no more."""

    def owed(run: Run, *readings: Any) -> list[str]:
        bound = {"facility": "F-001", "about": {"facility_id": "F-002"}}
        chosen = told_act(49, "elsewhere", "destination", **bound)
        event = of_patient(
            encounter.DestinationSelected, 49, facility_id="F-002", selected_by="dispatcher"
        )
        verdict = judged([*run[:-2], *chosen, event, *readings])
        case: Case = verdict.ledger.cases["E-1"]
        waits = {key for key in verdict.ledger._awaited if key.startswith("picture/")}
        assert all("/F-001/" not in key for key in waits)
        assert case.facility == "F-002"
        return sorted(waits)

    (there,) = (h for h in with_picture() if isinstance(h, Read) and h.name == "emergency 5")
    later = with_fields(facility_id="F-002", version=6, event_id="P-6")(there)
    assert owed(with_picture()) == [f"picture/E-1/F-002/{PICTURE.sha256}"]
    assert owed(with_picture(), later) == []
    unseen = showing(LATER, "emergency 5", examinations=())
    assert owed(unseen) == [f"picture/E-1/F-002/{PICTURE.sha256}"]
