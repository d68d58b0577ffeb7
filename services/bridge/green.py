"""The clocks of the green channel, as they stand for one patient: when each began and ended.

What nobody has reported is not known. It is no clock that was kept, and none that was missed.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from schemas.handoff import Milestone
from services.bridge.case import Case, Running
from services.bridge.facility import Facility, GreenClock, Step


def running(case: Case, facility: Facility) -> Iterator[Running]:
    """The clocks of the centres that the patient concerns, each with what it shows."""
    for centre in case.centres:
        for name, clock in facility.clocks.get(centre, {}).items():
            if _is_for(clock, case):
                began = _at(clock.begins, case)
                within = timedelta(seconds=clock.within_s)
                yield Running(
                    clock=name,
                    centre=centre,
                    began_at=began,
                    due_at=began + within if began else None,
                    ended_at=_at(clock.ends, case),
                )


def _is_for(clock: GreenClock, case: Case) -> bool:
    if clock.of is None:
        return True
    return (clock.of == "transfer") is (case.transfer is not None)


def _at(step: Step, case: Case) -> datetime | None:
    """When this was, as far as anybody has said."""
    match step:
        case "at_patient":
            return case.reached_at
        case "first_ecg":
            taken = (e.occurred_at for e in case.examinations if e.examination == "ecg_12_lead")
            return min(taken, default=None)
        case "boarded":
            return case.boarded_at
        case "arrived":
            return case.handoff.arrived_at
        case Milestone():
            reached = (m.occurred_at for m in case.handoff.milestones if m.milestone is step)
            return min(reached, default=None)
