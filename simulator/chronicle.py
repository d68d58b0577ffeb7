"""The stories for readers: a page with a paragraph each, and a picture of each one's timeline."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from html import escape
from typing import NamedTuple

from schemas.triage import TriageLevel
from simulator.story import Name, Step, Story

#: Of each level: its numeral, its Chinese name, its colour.
LEVELS = {
    TriageLevel.CRITICAL: ("Ⅰ", "濒危", "#c62828"),
    TriageLevel.SEVERE: ("Ⅱ", "危重", "#e8710a"),
    TriageLevel.URGENT: ("Ⅲ", "急症", "#e6b800"),
    TriageLevel.NON_URGENT: ("Ⅳ", "非急症", "#2e8b57"),
    TriageLevel.NOT_YET: ("–", "未定", "#9aa7ad"),
}
WORDS = {
    "call": "呼救", "locate": "定位", "classify": "归类", "merge": "合并", "close": "结束",
    "assign": "派车", "stamp": "", "destination": "定医院", "found": "新增患者",
    "reached": "到患者", "attach": "接监护", "detach": "撤监护", "update": "更新",
    "reading": "测量", "finding": "所见", "examination": "检查", "treatment": "处置",
    "background": "背景", "level": "医生改级", "retraction": "撤回", "reattribution": "数据归还",
    "boarding": "上车即入院", "handed_to_unit": "换车", "outcome": "结局", "walk_in": "自行来诊",
    "transfer_request": "申请转运", "acknowledgement": "确认", "acceptance": "接收",
    "redirect_request": "建议改送", "activation": "启动团队", "answer": "科室应答",
    "direct_to": "直达", "direct_to_revoked": "撤回直达", "bed": "留床", "bed_released": "撤床",
    "identity": "绑定身份", "formality": "补手续", "arrival": "到院", "death": "宣布死亡",
    "milestone": "院内节点", "transfer": "交接", "report": "转归",
}  # fmt: skip
STAMPS = {
    "departed": "出车", "on_scene": "到现场", "left_scene": "离现场", "at_destination": "到达医院",
    "stood_down": "撤回", "out_of_service": "停用", "available": "待命", "returning": "返回",
}  # fmt: skip

INTRODUCTION = (
    "Generated from `simulator/stories/` by `make schemas`. Offsets are seconds at the pace of the",
    "demonstration; slow tellings stretch them. The coloured band is the worst level that is due",
    "by then: written by hand, from the patient and not from the protocol, and not reviewed by a",
    "clinician yet. The triangles are the moments that prove it. The simulator plays these files,",
    "and the judge holds them against what triage decides.",
    "",
    "由 `simulator/stories/` 生成。横轴为演示节奏下的秒数。色带是手写的、当时应有的最重级别，",
    "依据患者而非规则写成，尚未经临床人员审阅；三角为证据成立的时刻。",
    "模拟、测试与裁判使用同一份文件。",
)

#: Why a level is due before anything was measured.
SAID = "凭最初所知，尚未测量 · by what is known at the beginning, before anything is measured"

#: Acts that belong to a vehicle or a call, and not to a patient.
OF_UNITS = frozenset({"call", "locate", "classify", "merge", "close", "assign", "stamp"})

LEFT, WIDTH, RIGHT = 96, 1000, 64
LANE, BAND, ROW = 17, 18, 26
FONT = "font-family='Noto Sans CJK SC, PingFang SC, Microsoft YaHei, sans-serif'"
#: A character of a label takes this much, in Chinese and in Latin.
WIDE, NARROW = 12.5, 7.0


class Label(NamedTuple):
    """A word at an offset, with the act behind it."""

    at: float
    text: str
    name: Name


def page(stories: Sequence[Story]) -> str:
    """The whole page, Chinese first."""
    said = ["# Stories · 故事", "", *INTRODUCTION, ""]
    for story in stories:
        said += [*_chapter(story), ""]
    return "\n".join(said)


def _chapter(story: Story) -> Iterator[str]:
    yield f"## {story.title.zh} · {story.title.en}"
    yield ""
    yield story.told.zh
    yield ""
    yield story.told.en.strip()
    yield ""
    yield f"![{story.title.en}](images/stories/{story.story}.svg)"
    yield ""
    yield "| s | | |"
    yield "|---|---|---|"
    for name in story.patients:
        who = f"{name}: " if len(story.patients) > 1 else ""
        for at, level, because in (*_first(story, name), *_rises(story, name)):
            numeral, word, _ = LEVELS[level]
            yield f"| {at:g} | {who}{numeral} {word} | {because} |"


def _first(story: Story, name: Name) -> Iterator[tuple[float, TriageLevel, str]]:
    level = story.patients[name].first_level
    if level is not TriageLevel.NOT_YET:
        yield _begins(story, name), level, SAID


def _rises(story: Story, name: Name) -> Iterator[tuple[float, TriageLevel, str]]:
    due = story.patients[name].first_level
    lowered = {step.at for step in story.steps_of(name) if step.act == "level"}
    for at, mark in story.marks(name):
        if mark.worst.urgency > due.urgency or at in lowered:
            due = mark.worst
            yield at, due, f"{mark.because.zh} · {mark.because.en}"


def picture(story: Story) -> str:
    """The timeline as SVG."""
    rows: list[str] = []
    y = 34.0
    for unit in story.units:
        mine = (s for s in story.steps if s.act in OF_UNITS and s.unit == unit)
        lanes = _lanes(story, mine)
        rows += _unit(story, unit, y, lanes)
        y += _depth(ROW, lanes)
    for name in story.patients:
        lanes = _lanes(story, (s for s in story.steps_of(name) if s.act not in OF_UNITS))
        rows += _patient(story, name, y, lanes)
        y += _depth(BAND + 8, lanes)
    height = y + 6
    head = (
        f"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {WIDTH} {height:g}' {FONT}"
        f" font-size='12' role='img'><title>{escape(story.title.en)}</title>"
        f"<rect width='{WIDTH}' height='{height:g}' fill='#ffffff'/>"
    )
    return "\n".join([head, *_axis(story, height), *rows, "</svg>", ""])


def _depth(bare: float, lanes: Sequence[tuple[int, Label]]) -> float:
    return bare + (1 + max((lane for lane, _ in lanes), default=-1)) * LANE + 14


def _x(story: Story, at: float) -> float:
    return LEFT + at / story.duration * (WIDTH - LEFT - RIGHT)


def _axis(story: Story, height: float) -> Iterator[str]:
    for at in range(0, int(story.duration) + 1, 10):
        x = _x(story, at)
        yield _line((x, 24), (x, height - 4), "#e6eaec")
        yield f"<text x='{x:.1f}' y='16' text-anchor='middle' fill='#6b7a80'>{at}</text>"


def _unit(story: Story, unit: Name, y: float, lanes: Sequence[tuple[int, Label]]) -> Iterator[str]:
    yield _side(unit, y + 14)
    for zone in (z for z in story.dead_zones if z.unit == unit):
        a, b = _x(story, zone.start), _x(story, zone.end)
        yield _box(a, y, b - a, 20, "#d7dde0")
        yield _text(a + 4, y + 14, "盲区", "#55646a")
    for drive in story.drives_of(unit):
        a, b = _x(story, drive.start), _x(story, drive.end)
        yield _line((a, y + 10), (b, y + 10), "#3b7dd8", 4)
        yield f"<path d='M{b:.1f} {y + 10:g} l-8 -5 v10 z' fill='#3b7dd8'/>"
    yield from _told(story, y + 20, lanes)


def _patient(
    story: Story, name: Name, y: float, lanes: Sequence[tuple[int, Label]]
) -> Iterator[str]:
    yield _side(name, y + 14)
    changes = [(_begins(story, name), story.patients[name].first_level)]
    changes += [(at, level) for at, level, _ in _rises(story, name)]
    ends = [at for at, _ in changes[1:]] + [_ends(story, name)]
    for (at, level), end in zip(changes, ends, strict=True):
        numeral, word, colour = LEVELS[level]
        a, b = _x(story, at), _x(story, max(at, end))
        yield _box(a, y, b - a, BAND, colour)
        if b - a > 44:
            yield _text(a + 6, y + 13, f"{numeral} {word}", "#ffffff")
    for at, _ in changes[1:]:
        x = _x(story, at)
        yield f"<path d='M{x:.1f} {y:g} l-5 -7 h10 z' fill='#20292d'/>"
    yield from _told(story, y + BAND, lanes)


def _told(story: Story, y: float, lanes: Sequence[tuple[int, Label]]) -> Iterator[str]:
    for lane, label in lanes:
        x, base = _x(story, label.at), y + 18 + lane * LANE
        yield _line((x, y), (x, base - 10), "#b9c4c9")
        yield _text(x + 2, base, label.text, "#2b373c", label.name)


def _box(x: float, y: float, width: float, height: float, colour: str) -> str:
    return f"<rect x='{x:.1f}' y='{y:g}' width='{width:.1f}' height='{height:g}' fill='{colour}'/>"


def _line(a: tuple[float, float], b: tuple[float, float], colour: str, width: float = 1) -> str:
    ends = f"x1='{a[0]:.1f}' y1='{a[1]:g}' x2='{b[0]:.1f}' y2='{b[1]:g}'"
    return f"<line {ends} stroke='{colour}' stroke-width='{width:g}'/>"


def _text(x: float, y: float, text: str, colour: str, title: str = "") -> str:
    more = f"<title>{escape(title)}</title>" if title else ""
    return f"<text x='{x:.1f}' y='{y:g}' fill='{colour}'>{more}{escape(text)}</text>"


def _side(name: Name, y: float) -> str:
    return _text(8, y, name.replace("_", " "), "#55646a")


def _begins(story: Story, name: Name) -> float:
    for step in story.steps:
        opens = step.act in {"call", "walk_in"} and name in step.opens
        if opens or (step.act == "found" and step.patient == name):
            return step.at
    return 0.0


def _ends(story: Story, name: Name) -> float:
    ends = [s.at for s in story.steps_of(name) if s.act in {"transfer", "outcome", "merge"}]
    return max(ends, default=story.duration)


def _label(step: Step) -> Label | None:
    word = STAMPS.get(step.body.get("status", ""), "") if step.act == "stamp" else WORDS[step.act]
    return Label(step.at, word, f"{step.at:g} s: {step.name.replace('_', ' ')}") if word else None


def _lanes(story: Story, steps: Iterable[Step]) -> list[tuple[int, Label]]:
    """The label of each step in the first lane that has room for it."""
    labels = [label for step in steps if (label := _label(step))]
    free: list[float] = []
    placed = []
    for label in sorted(labels):
        x = _x(story, label.at)
        width = sum(WIDE if ord(c) > 0x2E80 else NARROW for c in label.text) + 8
        lane = next((n for n, end in enumerate(free) if end <= x), len(free))
        if lane == len(free):
            free.append(0.0)
        free[lane] = x + width
        placed.append((lane, label))
    return placed
