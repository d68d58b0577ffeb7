"""What triage says of a patient stands beside them for the crew: why, and what is asked."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from schemas.encounter import REFUSED, EncounterEnded, Outcome, SignedRefusal
from schemas.triage import (
    Activation,
    Bilingual,
    Centre,
    CentreConcern,
    DirectTo,
    LostSignal,
    Reason,
    TriageDecided,
    TriageLevel,
    TriagePaused,
    TriageResumed,
)
from services.dispatch.encounter import Encounter, hear, record
from services.dispatch.judgement import MOST_MISSING, MOST_QUESTIONS, MOST_REASONS
from services.dispatch.requests import EndEncounter
from tests.unit.test_dispatch import act, at, decision, patient

SAID = Bilingual(zh="收缩压 78", en="systolic pressure 78")
ASKED = Bilingual(zh="何时发病？", en="Since when?")
PICTURE = {"sha256": "a" * 64, "media_type": "image/png", "size": 9_000}


def reason(level: TriageLevel, **more: Any) -> Reason:
    told = {"rule": "a", "source": "b", "evidence": "design", "text": SAID, **more}
    return Reason.model_validate({"level": level, **told})


def decided(**more: Any) -> TriageDecided:
    return decision(1, TriageLevel.SEVERE).but(**more)


def heard(*events: Any, known: Encounter | None = None) -> Encounter:
    after: Encounter | None = known or patient()
    for event in events:
        after, told = hear(after, event, at(61))
        assert told == ()
    assert after is not None
    return after


def test_the_crew_reads_why_and_what_is_asked() -> None:
    concern = CentreConcern(
        centre=Centre.CHEST_PAIN, activation=Activation.ALERT, text=SAID, source="b",
        missing=("ecg_12_lead",), direct_to=DirectTo.CATH_LAB,
    )  # fmt: skip
    told = decided(
        reasons=(reason(TriageLevel.URGENT), reason(TriageLevel.SEVERE, marks=("stale",))),
        questions=(ASKED,), missing=("pain",), centres=(concern,), trend="worse",
        lost=(LostSignal(name="heart_rate", since=at(59)),),
    )  # fmt: skip
    found = heard(told).triage
    assert found is not None
    assert found.model_dump(mode="json", exclude={"decided_at"}) == {
        "worst": "severe", "current": "severe", "trend": "worse", "paused": False,
        "reasons": [
            {"level": "severe", "text": SAID.model_dump(), "marks": ["stale"]},
            {"level": "urgent", "text": SAID.model_dump(), "marks": []},
        ],
        "questions": [ASKED.model_dump()], "lost": ["heart_rate"], "again": [], "missing": ["pain"],
        "centres": [{
            "centre": "chest_pain", "activation": "alert", "text": SAID.model_dump(),
            "missing": ["ecg_12_lead"], "direct_to": "cath_lab",
        }],
    }  # fmt: skip
    assert found.decided_at == at(60)


def test_what_rests_on_one_reading_is_named_once_in_the_order_in_which_it_is_asked_for() -> None:
    def single(rule: str) -> Reason:
        return reason(TriageLevel.SEVERE, rule=rule, marks=("single_reading",))

    rules = ("spo2.low", "respiratory_rate.high", "spo2.lower")
    other = reason(TriageLevel.CRITICAL, rule="heart_rate.high")
    found = heard(decided(reasons=(other, *map(single, rules)))).triage
    assert found is not None
    assert found.again == ("spo2", "respiratory_rate")


def test_a_mere_refresh_of_values_changes_nothing() -> None:
    known = heard(decided(reasons=(reason(TriageLevel.SEVERE),)))
    again = decided(changed=False, reasons=(), occurred_at=at(90))
    assert heard(again, known=known) is known, "what is as it was need not be stored"


def test_the_first_that_is_heard_is_kept_whatever_it_is() -> None:
    """Of a patient whose news came before this was kept."""
    found = heard(decided(changed=False, reasons=(reason(TriageLevel.SEVERE),))).triage
    assert found is not None
    assert len(found.reasons) == 1


def test_no_more_is_kept_than_a_crew_reads_and_the_most_severe_of_it() -> None:
    many = tuple(reason(TriageLevel.URGENT) for _ in range(40))
    found = heard(
        decided(
            reasons=(*many, reason(TriageLevel.CRITICAL)),
            questions=(ASKED,) * 40,
            missing=tuple(f"m-{n}" for n in range(80)),
        )
    ).triage
    assert found is not None
    assert found.reasons[0].level is TriageLevel.CRITICAL
    assert (len(found.reasons), len(found.questions)) == (MOST_REASONS, MOST_QUESTIONS)
    assert found.missing == tuple(f"m-{n}" for n in range(MOST_MISSING))


@pytest.mark.parametrize(
    "goes_on",
    [act(TriageResumed, worst="severe"), decided(), decided(changed=False)],
    ids=["resumed", "decided", "refreshed"],
)
def test_while_triage_stands_still_that_is_said_and_the_last_level_stands(goes_on: Any) -> None:
    paused = act(TriagePaused, worst="severe")
    before = heard(decided(reasons=(reason(TriageLevel.SEVERE),)))
    still = heard(paused, known=before)
    assert still.triage is not None
    assert before.triage is not None
    assert still.triage == before.triage.but(paused=True)
    assert heard(paused, known=still) is still
    after = heard(goes_on, known=still).triage
    assert after is not None
    assert not after.paused


def test_triage_may_stand_still_before_its_first_decision() -> None:
    found = heard(act(TriagePaused, worst="not_yet")).triage
    assert found is not None
    assert (found.paused, found.current, found.decided_at) == (True, TriageLevel.NOT_YET, None)


# -- who has signed a refusal ----------------------------------------------------------------------


@pytest.mark.parametrize("outcome", [each for each in Outcome if each != "handed_to_unit"])
def test_a_refusal_is_signed_where_something_was_refused(outcome: Outcome) -> None:
    signed = {"signed_by": "relative", "told_of": "心脏骤停", "signature": PICTURE}
    body = {"occurred_at": at(0), "outcome": outcome, "refusal": signed}
    if outcome in REFUSED:
        assert EndEncounter.model_validate(body).refusal == SignedRefusal.model_validate(signed)
    else:
        with pytest.raises(ValidationError, match="a refusal goes with"):
            EndEncounter.model_validate(body)


@pytest.mark.parametrize(
    "wrong",
    [{"signed_by": "nurse"}, {"signed_by": "nobody", "signature": PICTURE}, {"told_of": "x"},
     {"signed_by": "witness", "name": "x"}, {"signed_by": "patient", "signature": {"size": 1}}],
    ids=str,
)  # fmt: skip
def test_what_nobody_can_have_signed_is_refused(wrong: dict[str, Any]) -> None:
    body = {"occurred_at": at(0), "outcome": "refused_transport", "refusal": wrong}
    with pytest.raises(ValidationError):
        EndEncounter.model_validate(body)


def test_an_outcome_without_a_refusal_is_known_again_as_before() -> None:
    body = EndEncounter.model_validate({"occurred_at": at(0), "outcome": "refused_transport"})
    assert "refusal" not in body.model_dump_json()
    signed = body.model_copy(update={"refusal": SignedRefusal(signed_by="nobody")})
    assert "refusal" in signed.model_dump_json(), "another content is another act"


def test_a_signed_refusal_stands_in_the_event_and_beside_the_patient() -> None:
    signed = SignedRefusal(signed_by="nobody", told_of="心脏骤停")
    after, (told,) = record(
        patient(), act(EncounterEnded, outcome=Outcome.REFUSED_TREATMENT, refusal=signed)
    )
    assert isinstance(told, EncounterEnded)
    assert after.refusal == told.refusal == signed
