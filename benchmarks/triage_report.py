"""What the part ``triage`` found, beside its limits and its peers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from benchmarks.report import Found, Limit

#: Of several rounds through the broker, as of several repetitions, the best counts: noise of the
#: machine only ever slows.

FOLDED = Limit("folded", "one core: folded and decided, nothing changes", 40_000, "/s")
DECIDED = Limit("decided", "one core: a decision built, explained, encoded each", 15_000, "/s")
THROUGH = Limit("through", "through broker and database", 5_000, "/s")
QUIX = Limit("quix", "of Quix Streams", 1.5, "×")
FAUST = Limit("faust", "of Faust", 5, "×")
MEMORY = Limit("memory", "memory for each of 10,000 live encounters", 20, "kB", at_most=True)

TITLES = {
    "triage": "Green Channel, with its database",
    "quix": "Quix Streams, with state",
    "faust": "Faust, with a table",
    "bare": "a bare loop: decodes, same bytes",
}


def best(rounds: list[dict[str, Any]]) -> dict[str, Any]:
    """The round with the highest rate."""
    return max(rounds, key=lambda found: int(found["vitals_per_s"]))


def limits(found: Found) -> list[dict[str, Any]]:
    """Each limit with what was measured beside it."""
    rates, ways = found["alone"]["rates"], found["ways"]
    through = {name: best(rounds)["vitals_per_s"] for name, rounds in ways.items()}
    told = [
        FOLDED.beside(rates["folded"]["best"]),
        DECIDED.beside(rates["refreshed"]["best"]),
        THROUGH.beside(through["triage"]),
    ]
    for peer, limit in (("quix", QUIX), ("faust", FAUST)):
        if through.get(peer):
            told.append(limit.beside(round(through["triage"] / through[peer], 2)))
    told.append(MEMORY.beside(found["memory"]["kb_per_encounter"]))
    return told


def disagreements(found: Found) -> Iterator[str]:
    """Where not all say the same: then no speed means anything."""
    if found["alone"]["differing"]:
        yield (
            f"{found['alone']['differing']} decisions that were said again with fresh values"
            " differ from the same made anew"
        )
    for name, rounds in found["ways"].items():
        for n, each in enumerate(rounds, 1):
            wrong = [what for what, same in each["agreement"].items() if not same]
            if each["cut_off"]:
                wrong = [what for what in wrong if what != "whole"]
            if wrong:
                yield f"{TITLES[name]}, round {n}: not {', '.join(wrong)}"


def lines(found: Found) -> Iterator[str]:
    """The table for a human."""
    rates = found["alone"]["rates"]
    yield "一核一进程 · one core, one process                      best       median"
    for name, title in (
        ("folded", "folded and decided, nothing changes"),
        ("refreshed", "a decision each, said again with fresh values"),
        ("anew", "a decision each, worked out anew"),
        ("as_they_come", "as they come: one in five decided"),
        ("decoded", "for scale: decoded"),
        ("state_written", "for scale: a state written as JSON"),
    ):
        yield f"  {title:<48}{rates[name]['best']:>8,}/s {rates[name]['median']:>10,}/s"
    yield "经消息与数据库 · the same stored vitals, on one broker   best    per CPU second of it"
    for name, rounds in found["ways"].items():
        top = best(rounds)
        cut = f"  first {top['vitals']:,} of them" if top["cut_off"] else ""
        rate = f"{top['vitals_per_s']:>8,}/s {top['vitals_per_cpu_s']:>10,}/s"
        yield f"  {TITLES[name]:<48}{rate}{cut}"
