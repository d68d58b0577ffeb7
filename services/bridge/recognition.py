"""Whether a facility relies on an examination that was made elsewhere (检查检验结果互认).

What is recognised is not asked for again; of what is not, the reasons are told. Neither binds a
clinician: in an emergency the patient may be examined anew at any time.
"""

from __future__ import annotations

from collections.abc import Iterator

from schemas.clinical import ExaminationDone
from services.bridge.case import Case, Lack, Recognition
from services.bridge.facility import Facility


def recognised(case: Case, facility: Facility) -> Iterator[Recognition]:
    """A word on each examination of the record."""
    for done in case.examinations:
        lacks = tuple(_lacks(done, facility))
        yield Recognition(examination_id=done.event_id, recognised=not lacks, lacks=lacks)


def _lacks(done: ExaminationDone, facility: Facility) -> Iterator[Lack]:
    if "not_readable" in done.shows:
        yield "readable"
    if done.examiner is None:
        yield "examiner"
    if done.institution is None:
        yield "institution"
    if done.quality_mark is None:
        yield "quality_mark"
    elif done.quality_mark not in facility.marks:
        yield "mark_that_holds_here"
