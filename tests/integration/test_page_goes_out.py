"""A unit that does not leave, in a run that is watched as in production: whoever leads the shift is
called, and told of the end; before that nobody is."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults import CASES, LATE_S, hurts
from tests.watched import watched

CITY = ("--calls-per-hour", "60", "--live-encounters", "5", "--ambulances", "12", "--seed", "7")


@pytest.mark.timeout(420)
@pytest.mark.needs_program("prometheus", "prometheus-alertmanager")
async def test_whoever_leads_the_shift_is_called_and_told_of_the_end(tmp_path: Path) -> None:
    (fault,) = [each for each in CASES if each.name == "a unit does not leave"]
    async with watched(tmp_path, *CITY) as run:
        assert run.receivers.names() == []
        (told,) = await hurts(run, fault)
        assert told["to"] == "dispatch"
        assert told["late_s"] < LATE_S
        assert run.receivers.names() == ["DispatchOverdue"]
