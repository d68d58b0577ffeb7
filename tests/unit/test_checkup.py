"""A check-up names what is wrong and what to do, and says what it could not see."""

from __future__ import annotations

from dataclasses import replace

import pytest

from schemas.topics import registry
from services.operations import checkup
from services.operations.checkup import Finding, Seen

DECLARED = registry().topics
AS_DECLARED = {name: Seen(t.partitions, config=t.config()) for name, t in DECLARED.items()}
VITALS = "ambulance-vitals"


def said(changed: dict[str, Seen | None]) -> list[Finding]:
    """Of the topics as declared, but for these."""
    seen = {**AS_DECLARED, **changed}
    return checkup.of_topics(DECLARED, {n: one for n, one in seen.items() if one is not None})


def test_topics_as_declared_are_good() -> None:
    (one,) = said({})
    assert (one.verdict, one.cure) == ("good", "")


def test_another_number_of_partitions_is_good_where_all_agree() -> None:
    (one,) = said({n: replace(s, partitions=4) for n, s in AS_DECLARED.items()})
    assert one.verdict == "good"


@pytest.mark.parametrize(
    ("wrong", "verdict", "found"),
    [
        (None, "bad", VITALS),
        (Seen(4, config=DECLARED[VITALS].config()), "bad", "4 partitions, not 12"),
        (replace(AS_DECLARED[VITALS], leaderless=2), "bad", "2 partitions have no leader"),
        (replace(AS_DECLARED[VITALS], thin=3), "warn", "3 partitions lack a replica"),
        (
            Seen(12, config={**DECLARED[VITALS].config(), "retention.ms": "1"}),
            "bad",
            "retention.ms is 1, not 604800000",
        ),
    ],
)
def test_a_topic_that_is_not_as_declared_is_named(
    wrong: Seen | None, verdict: str, found: str
) -> None:
    (one,) = said({VITALS: wrong})
    assert one.verdict == verdict
    assert found in one.found
    assert VITALS in one.en + one.found
    assert one.cure


def test_what_may_not_be_looked_at_is_no_fault_of_the_topic() -> None:
    (one,) = said({VITALS: Seen(12)})
    assert one.verdict == "good"


def test_who_writes_to_another_partition_is_named() -> None:
    assert checkup.of_keys(VITALS, 0, {}).verdict == "good"
    assert checkup.of_keys(VITALS, 5, {}).verdict == "good"
    one = checkup.of_keys(VITALS, 5, {"vendor/7": 2})
    assert one.verdict == "bad"
    assert "2 of vendor/7" in one.found
    assert "murmur2_random" in one.cure


@pytest.mark.parametrize(
    ("ahead_s", "within_s", "verdict"),
    [
        (0.0, 0.001, "good"), (0.5, 0.0, "good"), (-0.6, 0.05, "warn"), (0.6, 0.05, "warn"),
        (0.6, 0.2, "good"), (5.0, 0.0, "warn"), (-5.1, 0.0, "bad"), (120.0, 1.0, "bad"),
    ],
)  # fmt: skip
def test_a_clock_is_judged_by_what_is_certain(
    ahead_s: float, within_s: float, verdict: str
) -> None:
    one = checkup.of_clock("x", "x", ahead_s, within_s)
    assert (one.verdict, bool(one.cure)) == (verdict, verdict != "good")
    assert ("behind" in one.found) == (ahead_s < 0)


@pytest.mark.parametrize(
    ("free", "verdict"),
    [(100, "good"), (15, "good"), (14, "warn"), (5, "warn"), (4, "bad"), (0, "bad")],
)  # fmt: skip
def test_a_disk_is_judged_before_it_is_full(free: int, verdict: str) -> None:
    assert checkup.of_disk("x", "x", free, 100).verdict == verdict


@pytest.mark.parametrize(
    ("applied", "verdict", "found"),
    [
        (["1.sql", "2.sql"], "good", "up to date"),
        (None, "bad", "never made"),
        (["1.sql"], "warn", "lack 2.sql"),
        (["1.sql", "2.sql", "3.sql"], "warn", "newer than this program: 3.sql"),
    ],
)
def test_tables_are_those_of_this_version(
    applied: list[str] | None, verdict: str, found: str
) -> None:
    one = checkup.of_migrations("bridge", ["2.sql", "1.sql"], applied)
    assert one.verdict == verdict
    assert found in one.found


@pytest.mark.parametrize(
    ("server", "verdict"),
    [
        ((180004, False, 10, 60), "good"), ((180004, True, 10, 60), "bad"),
        ((160004, False, 10, 60), "warn"), ((180004, False, 55, 60), "warn"),
    ],
)  # fmt: skip
def test_a_server_takes_writes_and_has_room(
    server: tuple[int, bool, int, int], verdict: str
) -> None:
    one = checkup.of_server(*server)
    assert one.verdict == verdict
    assert "PostgreSQL 1" in one.found


@pytest.mark.parametrize(
    ("waiting", "oldest_s", "aside", "verdict"),
    [
        (0, None, 0, "good"), (7, 1.0, 0, "good"), (7, 31.0, 0, "bad"), (0, None, 1, "bad"),
    ],
)  # fmt: skip
def test_what_waits_is_sent_soon_and_nobody_is_set_aside(
    waiting: int, oldest_s: float | None, aside: int, verdict: str
) -> None:
    assert checkup.of_outbox("bridge", waiting, oldest_s, aside).verdict == verdict


def test_open_dead_letters_are_counted_by_whose_they_are() -> None:
    assert checkup.of_letters({}).verdict == "good"
    one = checkup.of_letters({"triage": 2, "bridge": 1})
    assert (one.verdict, one.found) == ("warn", "open: 1 of bridge, 2 of triage")
