"""What is counted in the tables: every fate, also of none, who is waited for, and who is silent."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from services.bridge import loader as bridge_loader
from services.dispatch import loader
from services.dispatch.census import fates, is_waited_for
from services.dispatch.clock import Fate
from services.dispatch.indicators import Sent, Site
from services.dispatch.leg import Dispatch

T0 = datetime(2026, 3, 9, 8, 0, tzinfo=UTC)
SITE = Site.of("Asia/Shanghai", "08:00,20:00", loader.clocks(loader.SHIPPED))
TOLD = Dispatch("L-1", "I-1", "U-1", notified=T0)


def counted(*sent: Sent, after_s: float = 600) -> dict[tuple[str, ...], float]:
    """What is told of these, but nothing."""
    found = fates(sent, SITE, T0 + timedelta(seconds=after_s))
    return {each.labels: each.value for each in found if each.value}


def left(seconds: float) -> Dispatch:
    return TOLD._replace(departed=T0 + timedelta(seconds=seconds))


def test_of_nothing_every_fate_is_told_as_none() -> None:
    assert {each.labels: each.value for each in fates([], SITE, T0)} == {
        (witness, fate.value): 0 for witness in ("reported", "verified") for fate in Fate
    }


@pytest.mark.parametrize(
    ("dispatch", "after_s", "fate"),
    [
        (left(0), 600, "in_time"),
        (left(180), 600, "in_time"),
        (left(180.5), 600, "late"),
        (TOLD, 100, "running"),
        (TOLD, 181, "missing"),
        (TOLD._replace(stood_down=T0 + timedelta(seconds=181)), 600, "stood_down_late"),
    ],
)
def test_a_dispatch_has_the_fate_that_the_indicators_give_it(
    dispatch: Dispatch, after_s: float, fate: str
) -> None:
    assert counted(Sent("emergency", dispatch), after_s=after_s)["reported", fate] == 1


def test_what_is_no_emergency_is_not_counted() -> None:
    assert counted(Sent("drill", left(10)), Sent("non_emergency_transfer", left(400))) == {}


def test_what_nobody_saw_leave_is_known_by_nobody_and_not_late() -> None:
    found = counted(Sent("emergency", left(10)))
    assert found == {("reported", "in_time"): 1, ("verified", "missing"): 1}


@pytest.mark.parametrize(
    ("more", "is_so"),
    [
        ({}, True),
        ({"acknowledged": T0}, True),
        ({"departed": T0}, False),
        ({"seen_to_depart": T0}, False),
        ({"on_scene": T0}, False),
        ({"stood_down": T0}, False),
        ({"available": T0}, False),
        ({"is_rolling": True}, False),
    ],
)
def test_a_unit_is_waited_for_until_something_says_that_it_has_left(
    more: dict[str, datetime | bool], is_so: bool
) -> None:
    assert is_waited_for(TOLD._replace(**more)) is is_so  # type: ignore[arg-type]


def test_after_how_long_a_monitor_is_silent_a_site_says(tmp_path: Path) -> None:
    shipped = bridge_loader.SHIPPED.read_text("utf-8")
    assert bridge_loader.facilities(None).of("H-1").silent_after == timedelta(seconds=120)
    (file := tmp_path / "ours.yaml").write_text(
        shipped.replace("silent_after_s: 120", "silent_after_s: 60"), "utf-8"
    )
    assert bridge_loader.facilities(file).of("H-1").silent_after == timedelta(seconds=60)
    file.write_text(shipped.replace("silent_after_s: 120", "silent_after_s: 0"), "utf-8")
    with pytest.raises(bridge_loader.FacilitiesRefused, match="silent_after_s"):
        bridge_loader.facilities(file)
