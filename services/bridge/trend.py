"""How vital signs were a while ago: one value of each is kept for five minutes, and the one before.

What nobody measured then has no trend; what cannot be counted (a word, "unmeasurable") has none.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from schemas.clinical import VitalSigns
from schemas.handoff import Trend
from schemas.triage import Input
from services.bridge.case import Anchor

#: What is counted, and not said in a word or with yes or no.
COUNTED = frozenset(
    name for name, field in VitalSigns.model_fields.items() if field.json_schema_extra
)
#: So long a value stands for how it was.
APART = timedelta(minutes=5)


def followed(anchors: Sequence[Anchor], inputs: Sequence[Input]) -> tuple[Anchor, ...]:
    """The values that are kept when these are the newest."""
    known = {each.name: each for each in anchors}
    for taken in inputs:
        if taken.name not in COUNTED or not isinstance(taken.value, float):
            continue
        kept = known.get(taken.name)
        if kept is None or taken.occurred_at - kept.at >= APART:
            before = kept and Trend(name=kept.name, value=kept.value, at=kept.at)
            known[taken.name] = Anchor(
                name=taken.name, value=taken.value, at=taken.occurred_at, before=before
            )
    return tuple(known.values())


def trends(anchors: Sequence[Anchor]) -> tuple[Trend, ...]:
    """What is known of how they were."""
    return tuple(each.before for each in anchors if each.before is not None)
