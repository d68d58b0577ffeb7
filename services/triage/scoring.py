"""A score of one patient: a number, or a range where something of it is missing."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple, TypeAlias

from schemas.triage import Bilingual, ScoreValue
from services.triage.derived import DERIVED
from services.triage.facts import Facts
from services.triage.frame import Frame
from services.triage.picture import latest
from services.triage.scores import Item, Score, Scores
from services.triage.support import Support


class Range(NamedTuple):
    """A score: one number, or the two between which it lies, and what is missing of it."""

    low: float
    high: float
    missing: tuple[str, ...] = ()
    #: Whether a human tried to measure one of its numbers and could not.
    unmeasurable: bool = False
    #: Of a number that follows from two, those that were measured minutes ago, and how many.
    ages: tuple[tuple[str, int], ...] = ()


Span: TypeAlias = tuple[float, float]


def score_of(facts: Facts, scores: Scores, name: str) -> Range | None:
    """A score of a patient; None when nothing of it is known."""
    if name not in facts.scored:
        facts.scored[name] = _score_of(facts, scores, scores.scores[name])
    found: Range | None = facts.scored[name]
    return found


def _score_of(facts: Facts, scores: Scores, score: Score) -> Range | None:
    if score.ratio is not None:
        counted = facts.counted(score.ratio)
        if counted is None or not counted.values or counted.stale:
            return None
        value = counted.second(score.number)
        return None if value is None else Range(value, value, ages=_ages(facts, score.ratio))
    if score.is_by_hand and not facts.picture.points:
        return None
    low = high = 0.0
    missing, known, unmeasurable = [], False, False
    sign = 1.0 if score.worse == "more" else -1.0
    for item_name, item in score.items.items():
        found = _points(facts, scores, item, sign)
        if found is None:
            if item.absent_unless_said:
                continue
            found = item.span
            missing.append(item_name)
        else:
            known = True
            unmeasurable = unmeasurable or _is_unmeasurable(facts, item)
            if found[0] != found[1]:
                missing.append(item_name)
        low, high = low + found[0], high + found[1]
    return Range(low, high, tuple(missing), unmeasurable) if known else None


def _ages(facts: Facts, ratio: str) -> tuple[tuple[str, int], ...]:
    """A ratio of what is measured now to what a cuff measured long ago looks like one of now."""
    known = ((name, latest(facts.picture, name)) for name in DERIVED[ratio])
    minutes = ((n, int((facts.now - k[0].at).total_seconds() // 60)) for n, k in known if k)
    return tuple((name, ago) for name, ago in minutes if ago > 0)


def _is_unmeasurable(facts: Facts, item: Item) -> bool:
    counted = facts.counted(item.of) if item.of is not None else None
    return counted is not None and counted.unmeasurable


def _points(facts: Facts, scores: Scores, item: Item, sign: float) -> Span | None:
    """The points of an item, as a range; None when nothing is known of it. ``sign`` is -1 where few
    points are bad."""
    return _WAYS[item.kind](facts, scores, item, sign)


def _of_letter(facts: Facts, scores: Scores, item: Item, sign: float) -> Span | None:
    said = facts.letter(item.of_letter or "consciousness")
    points = (item.letters or {}).get(said[0]) if said else None
    return None if points is None else (points, points)


def _of_scale(facts: Facts, scores: Scores, item: Item, sign: float) -> Span | None:
    scored = facts.picture.points.get(item.scale or "")
    return (float(scored[-1].points), float(scored[-1].points)) if scored else None


def _first_known(facts: Facts, scores: Scores, item: Item, sign: float) -> Span | None:
    found = (_points(facts, scores, way, sign) for way in item.first_known)
    return next((points for points in found if points is not None), None)


def _of_score(facts: Facts, scores: Scores, item: Item, sign: float) -> Span | None:
    inner = score_of(facts, scores, item.of_score or "")
    if inner is None or item.bands is None:
        return None
    ends = item.bands.of(inner.low), item.bands.of(inner.high)
    return min(ends), max(ends)


def _of_number(facts: Facts, scores: Scores, item: Item, sign: float) -> Span | None:
    counted, weigh = facts.counted(item.of or ""), _weighing(facts, item)
    if counted is None or counted.stale or weigh is None:
        return None
    best, worst = item.span if sign > 0 else item.span[::-1]
    if counted.unmeasurable:
        return worst, worst
    if counted.alone:
        points = weigh(counted.values[-1])
    elif len(counted.values) > 1:
        points = sorted(map(weigh, counted.values), reverse=sign > 0)[1]
    else:  # a lone sample counts when it is good
        points = weigh(counted.values[0])
        if points != best:
            return None
    return points, points


def _weighing(facts: Facts, item: Item) -> Callable[[float], float] | None:
    if item.bands is not None:
        return item.bands.of
    rule, years = item.from_normal, facts.years
    normal = next((n for n in rule.normal if n.ages.holds(years)), None) if rule else None
    if rule is None or normal is None:
        return None

    def weigh(value: float) -> float:
        above = next((b.points for b in rule.above if b.holds(value - normal.high)), 0.0)
        return max(above, next((b.points for b in rule.below if b.holds(normal.low - value)), 0.0))

    return weigh


def _of_signs(facts: Facts, scores: Scores, item: Item, sign: float) -> Span | None:
    """The most of what was found; for what nobody has looked at, a range."""
    signs = item.signs or {}
    words = {name: facts.picture.word(name) for name in signs}
    present = [signs[name] for name, word in words.items() if word and word.present]
    unknown = [signs[name] for name, word in words.items() if word is None]
    if not present and len(unknown) == len(signs):
        return None
    low = max(present, default=0.0)
    return low, low if item.absent_unless_said else max((low, *unknown))


def _greatest(facts: Facts, scores: Scores, item: Item, sign: float) -> Span | None:
    """The greatest of several items: a domain is as bad as its worst item."""
    items = tuple((item.greatest_of or {}).values())
    found = [_points(facts, scores, each, sign) for each in items]
    if all(points is None for points in found):
        return None
    spans = [
        points or ((0.0, 0.0) if each.absent_unless_said else each.span)
        for points, each in zip(found, items, strict=True)
    ]
    return max(low for low, _ in spans), max(high for _, high in spans)


def _by_oxygen(facts: Facts, scores: Scores, item: Item, sign: float) -> Span | None:
    """By whether oxygen is given; where nobody has said so, both."""
    said = facts.letter("on_oxygen")
    ways: Sequence[Item | None] = (item.with_oxygen, item.on_air)
    if said is not None:
        ways = (item.with_oxygen if said[0] == "yes" else item.on_air,)
    found = [_points(facts, scores, way, sign) for way in ways if way is not None]
    known = [points for points in found if points is not None]
    if not known:
        return None
    return min(low for low, _ in known), max(high for _, high in known)


_WAYS: Mapping[str, Callable[[Facts, Scores, Item, float], Span | None]] = {
    "of": _of_number,
    "of_score": _of_score,
    "letters": _of_letter,
    "signs": _of_signs,
    "scale": _of_scale,
    "first_known": _first_known,
    "greatest_of": _greatest,
    "with_oxygen": _by_oxygen,
}


def support_of(facts: Facts, scores: Scores, name: str) -> Support:
    """The observations that a score rests on."""
    items = scores.scores[name].items.values()
    ids = [said for item in items for said in _said_by(facts, scores, item)]
    return Support(tuple(dict.fromkeys(ids)))


def _said_by(facts: Facts, scores: Scores, item: Item) -> Iterator[str]:
    picture = facts.picture
    if item.of is not None and (known := latest(picture, item.of)):
        yield known[0].said_by
    if item.of_score is not None:
        yield from support_of(facts, scores, item.of_score).ids
    if item.letters is not None and (known := latest(picture, item.of_letter or "consciousness")):
        yield known[0].said_by
    for sign in item.signs or ():
        if word := picture.word(sign):
            yield word.said_by
    if item.scale is not None and item.scale in picture.points:
        yield picture.points[item.scale][-1].said_by
    parts = (item.with_oxygen, item.on_air, *item.first_known, *(item.greatest_of or {}).values())
    for part in parts:
        if part is not None:
            yield from _said_by(facts, scores, part)


def told(scores: Scores, frame: Frame, name: str, found: Range) -> ScoreValue:
    """A score as it is shown."""
    score = scores.scores[name]
    first, last = score.number(found.low), score.number(found.high)
    span = f"{found.low:.3g}" if found.low == found.high else f"{found.low:.3g}–{found.high:.3g}"
    zh, en = f"{score.name.zh} {span}", f"{score.name.en} {span}"
    if first == last:
        meaning = score.bands[first].text
        zh, en = f"{zh}：{meaning.zh}", f"{en}: {meaning.en}"
    if found.ages:
        aged = [(frame.named(value), ago) for value, ago in found.ages]
        zh += f"（{'、'.join(f'{n.zh}为 {ago} 分钟前' for n, ago in aged)}）"
        en += f" ({', '.join(f'{n.en} {ago} min ago' for n, ago in aged)})"
    if found.missing:
        names = [_named(item, score, frame) for item in found.missing]
        zh += f"（缺 {'、'.join(n.zh for n in names)}）"
        en += f" (missing: {', '.join(n.en for n in names)})"
    return ScoreValue(
        name=name, low=round(found.low, 3), high=round(found.high, 3), missing=found.missing,
        text=Bilingual(zh=zh, en=en),
    )  # fmt: skip


def _named(item: str, score: Score, frame: Frame) -> Bilingual:
    given = score.items[item]
    if given.name is not None:
        return given.name
    return frame.named(given.of or item)
