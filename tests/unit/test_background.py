"""What a handover asks for beside the complaint: the last word of each field, and none is not
unknown."""

from __future__ import annotations

from itertools import permutations
from typing import Any, get_args

import pytest
from pydantic import ValidationError

from schemas.background import MOST, Background, KnownBackground, LastWord
from schemas.clinical import BackgroundTold
from schemas.envelope import encode
from schemas.event import Event
from services.bridge.background import background_of
from services.bridge.case import Case
from services.bridge.handoff import SHELF
from services.dispatch.bodies import BackgroundReport
from services.kit.outbox import MOST_BYTES
from services.triage.decide import State, step
from services.triage.loader import active
from tests.unit.test_bridge import BEGIN, at, bound, made, retracted, tell


def told(name: str, second: float = 0, by: str | None = None, **fields: Any) -> BackgroundTold:
    event: BackgroundTold = made(BackgroundTold, name, second, background=fields, told_by=by)
    return event


def known(*events: Event) -> dict[str, Any]:
    """What the record shows of it, as a board reads it."""
    record = tell(bound("H-1"), *events).last.record
    assert record.background is not None
    found: dict[str, Any] = record.background.model_dump(mode="json", exclude_none=True)
    return found


# -- of each field the last word -------------------------------------------------------------------


def test_every_field_of_the_background_may_have_its_last_word() -> None:
    assert set(get_args(LastWord.model_fields["field"].annotation)) == set(Background.model_fields)
    assert KnownBackground.model_fields.keys() - Background.model_fields.keys() == {"said"}


def test_nobody_has_asked_and_there_is_none_are_two_things() -> None:
    assert tell(bound("H-1")).last.record.background is None
    shown = known(told("a", allergies=[]))
    assert shown.pop("said") == [{"field": "allergies", "at": "2026-03-01T08:00:00Z"}]
    assert shown == {"allergies": []}


def test_a_field_that_is_there_replaces_what_was_told_before_and_what_is_left_out_stands() -> None:
    events = (
        told("a", 0, "patient", allergies=[], medications=["华法林"], history=["高血压"]),
        told("b", 20, "relative", allergies=["青霉素"]),
        told("c", 40, lines=[{"line": "peripheral_iv", "where": "左前臂"}], history=[]),
    )
    shown = known(*events)
    said = {word["field"]: (word["at"][17:19], word.get("told_by")) for word in shown.pop("said")}
    assert shown == {
        "allergies": ["青霉素"],
        "medications": ["华法林"],
        "history": [],
        "lines": [{"line": "peripheral_iv", "where": "左前臂"}],
    }
    assert said == {
        "allergies": ("20", "relative"),
        "medications": ("00", "patient"),
        "history": ("40", None),
        "lines": ("40", None),
    }
    for order in permutations(events):
        assert background_of(tell(*order).case.backgrounds) == background_of(events)


def test_of_two_of_one_time_the_one_that_came_later_stands() -> None:
    assert known(told("a", skin=["x"]), told("b", skin=["y"]))["skin"] == ["y"]


def test_a_time_in_the_future_hides_nothing_that_comes_after() -> None:
    """The first is heard 1,000 s after the beginning, the next ten seconds later each."""
    shown = known(told("a", 90_000, allergies=["x"]), told("b", 1_015, allergies=[]))
    assert shown["allergies"] == []


# -- taken back ------------------------------------------------------------------------------------


def test_what_was_taken_back_gives_way_to_what_it_had_replaced() -> None:
    events = told("a", 0, allergies=["青霉素"]), told("b", 20, allergies=[], skin=[])
    shown = known(*events, retracted("background", "b"))
    assert shown["allergies"] == ["青霉素"]
    assert "skin" not in shown
    last = tell(
        bound("H-1"), *events, retracted("background", "b"), retracted("background", "a", "r")
    )
    assert last.last.record.background is None


def test_each_word_and_each_that_is_taken_back_is_told_at_once() -> None:
    events = told("a", allergies=[]), told("a", allergies=[]), retracted("background", "a")
    assert [(e.version, e.changed) for e in tell(bound("H-1"), *events).notified] == [
        (1, True), (2, True), (3, True),
    ]  # fmt: skip


# -- how much of it --------------------------------------------------------------------------------


def full(name: str) -> BackgroundTold:
    """As much as anybody can write."""
    lists = ("allergies", "medications", "history", "skin", "belongings")
    fields: dict[str, Any] = {field: ["长" * 120] * MOST for field in lists}
    fields["lines"] = [{"line": "supraglottic_airway", "where": "长" * 120}] * MOST
    return told(name, **fields)


def test_a_word_that_still_holds_outlasts_many_others() -> None:
    first = told("first", 0, allergies=["青霉素"], history=[])
    many = [told(f"e-{n}", n + 1, history=[f"h-{n}"]) for n in range(SHELF + 5)]
    case = tell(first, *many).case
    assert [e.event_id for e in case.backgrounds] == ["first", *(f"e-{n}" for n in range(5, 105))]
    shown = background_of(case.backgrounds)
    assert shown is not None
    assert (shown.allergies, shown.history) == (("青霉素",), ("h-104",))


def test_all_that_can_be_told_is_far_less_than_a_topic_takes() -> None:
    sent = encode(tell(bound("H-1"), full("a")).last, "greenchannel/bridge")
    assert 4 * len(sent.value or b"") < MOST_BYTES


def test_a_case_that_was_stored_and_loaded_knows_none_from_unknown() -> None:
    case = tell(told("a", allergies=[], last_meal_at=at(0))).case
    stored = case.model_dump_json(exclude_defaults=True)
    assert background_of(Case.model_validate_json(stored).backgrounds) == background_of(
        case.backgrounds
    )


# -- the level -------------------------------------------------------------------------------------


def test_triage_takes_it_in_once_and_no_level_follows_from_it() -> None:
    state: State | None = None
    for event in (
        made(BackgroundTold, "a", 0, background={"medications": ["华法林"]}),
        made(BackgroundTold, "a", 0, background={"medications": ["华法林"]}),
        retracted("background", "a"),
    ):
        before = state.course if state else None
        state, out = step(state, event, BEGIN, active())
        if before is not None:
            same = {"worst", "current", "missing", "centres"}
            assert state.course.model_dump(include=same) == before.model_dump(include=same)
        assert [d.folded for d in out] in ([], [(event.event_id,)])  # type: ignore[attr-defined]
        assert bool(out) is (before is None or event.event_id == "retracted")


# -- what is refused -------------------------------------------------------------------------------

BODY: dict[str, Any] = {"occurred_at": at(0).isoformat()}


@pytest.mark.parametrize(
    ("background", "said"),
    [
        ({}, "one field at least"),
        ({"allergies": None}, "one field at least"),
        ({"allergys": []}, "Extra inputs"),
        ({"lines": [{"line": "splint", "place": "x"}]}, "Extra inputs"),
        ({"lines": [{"line": "cannula"}]}, "peripheral_iv"),
        ({"allergies": [" "]}, "at least 1 character"),
        ({"allergies": ["x" * 121]}, "at most 120 characters"),
        ({"allergies": ["x"] * 21}, "at most 20 items"),
        ({"allergies": "none"}, "valid tuple"),
        ({"history": ["\x00"]}, "pattern"),
        ({"consents": [{"to": "treatment", "by": "spouse"}]}, "relative"),
        ({"last_meal_at": at(1).isoformat()}, "last_meal_at lies after occurred_at"),
    ],
)
def test_what_says_nothing_or_cannot_be_is_refused_in_words(
    background: dict[str, Any], said: str
) -> None:
    with pytest.raises(ValidationError, match=said):
        BackgroundReport.model_validate({**BODY, "background": background})


def test_what_may_be_said_is_taken_without_the_blanks_around_it() -> None:
    fields: dict[str, Any] = {name: [] for name in Background.model_fields}
    fields |= {"allergies": [" 青霉素 "], "last_meal_at": at(0).isoformat()}
    body = BackgroundReport.model_validate({**BODY, "background": fields})
    assert body.background.allergies == ("青霉素",)
    assert body.background.skin == ()
    assert body.background.last_meal_at == BEGIN
