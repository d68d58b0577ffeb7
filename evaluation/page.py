"""The report as a page: pictures where people would rather look than read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from html import escape
from typing import Any

LEVELS = {
    "critical": "Ⅰ 濒危 critical",
    "severe": "Ⅱ 危重 severe",
    "urgent": "Ⅲ 急症 urgent",
    "non_urgent": "Ⅳ 非急症 non-urgent",
    "not_yet": "尚无 not yet",
}
CENTRES = {
    "emergency": "急诊 emergency",
    "chest_pain": "胸痛 chest pain",
    "stroke": "卒中 stroke",
    "trauma": "创伤 trauma",
    "maternal": "孕产妇 maternal",
    "neonatal": "儿童和新生儿 children",
}
STYLE = """
body{font:16px/1.6 system-ui,"Noto Sans SC","WenQuanYi Zen Hei",sans-serif;color:#17212b;
margin:2rem auto;max-width:62rem;padding:0 1rem;background:#fff}
h1{font-size:1.7rem;margin:0}h2{font-size:1.15rem;margin:2.2rem 0 .6rem}
p.lead{color:#51606d;margin:.2rem 0 0}table{border-collapse:collapse;font-size:.92rem}
td,th{padding:.35rem .6rem;text-align:right;border-bottom:1px solid #e3e8ec}
th:first-child,td:first-child{text-align:left}.grid{display:flex;flex-wrap:wrap;gap:2.2rem}
.cell{min-width:4.2rem;text-align:center}.hit{outline:2px solid #17212b;outline-offset:-2px}
.bar{position:relative;height:1.1rem;background:#edf1f4;border-radius:3px;width:20rem}
.bar i{position:absolute;top:0;bottom:0;background:#b8d4e3;border-radius:3px}
.bar b{position:absolute;top:-2px;bottom:-2px;width:3px;background:#0b4f6c}
.bar u{position:absolute;top:-5px;bottom:-5px;width:2px;background:#b3261e}
.miss{background:#f6f8f9;border-left:4px solid #b3261e;padding:.6rem 1rem;margin:.6rem 0;
white-space:pre-wrap;font-size:.9rem}small{color:#51606d}
"""


def page(told: Mapping[str, Any], source: str, date: str) -> str:
    """The whole page, complete in itself."""
    parts = (_head(told, date), _severe(told), _matrices(told), _missed(told), _centres(told),
             _rules(told), _gaps(told, source))  # fmt: skip
    return "\n".join(line for part in parts for line in part) + "\n"


def _judges(told: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    yield "绿色通道 Green Channel", told["green_channel"]
    yield "当时的护士 the nurses then", told["nurses"]


def _head(told: Mapping[str, Any], date: str) -> Iterator[str]:
    yield "<!doctype html><html lang='zh'><meta charset='utf-8'>"
    yield "<meta name='viewport' content='width=device-width,initial-scale=1'>"
    yield f"<title>分诊评估 · Triage against experts</title><style>{STYLE}</style>"
    visits = told["green_channel"]["visits"]
    yield "<h1>分诊评估 · Triage against experts</h1>"
    yield (
        f"<p class='lead'>{visits} 次成人急诊，三位专家共同定级；五级并为四级。"
        f"{escape(told['protocols'])} · {escape(date)}<br>"
        f"{visits} adult visits, levels of three experts, five levels taken for four. "
        "Measured, not validated.</p>"
    )


def _severe(told: Mapping[str, Any]) -> Iterator[str]:
    yield "<h2>级别 Ⅱ 及以上 · Level Ⅱ or worse</h2><table>"
    yield "<tr><th></th><th>灵敏度 sensitivity</th><th></th><th>特异度 specificity</th>"
    yield "<th></th></tr>"
    for name, judge in _judges(told):
        yield f"<tr><td>{name}</td>"
        for part in ("sensitivity", "specificity"):
            share = judge["severe_or_worse"][part]
            limit = told["asked"][part] if judge is told["green_channel"] else None
            yield f"<td>{_percent(share)}</td><td>{_bar(share, limit)}</td>"
        yield "</tr>"
    yield "</table><p><small>竖线为数值，浅色为 95% 区间（Wilson），红线为要求 · "
    yield "line: the share; pale: its 95 % interval (Wilson); red: what is asked</small></p>"


def _matrices(told: Mapping[str, Any]) -> Iterator[str]:
    yield "<h2>专家与判定 · Expert by judge</h2><div class='grid'>"
    for name, judge in _judges(told):
        yield _table(name, judge)
    yield "</div><table><tr><th></th><th>一致 exact</th><th>偏轻 under</th><th>偏重 over</th>"
    yield "<th>尚无 not yet</th><th>Ⅰ 级漏判 level Ⅰ missed</th></tr>"
    for name, judge in _judges(told):
        cells = (_percent(judge[p]) for p in ("exact", "under_triaged", "over_triaged", "not_yet"))
        shares = "".join(f"<td>{cell}</td>" for cell in cells)
        yield f"<tr><td>{name}</td>{shares}<td>{judge['level_one_missed']}</td></tr>"
    yield "</table>"


def _missed(told: Mapping[str, Any]) -> Iterator[str]:
    yield "<h2>每个Ⅰ级漏判 · Every level Ⅰ that was missed</h2>"
    for missed in told["level_one_missed"]:
        text = "\n".join((*missed["zh"], "", *missed["en"]))
        place, complaint = missed["place"], str(missed["complaint"])
        yield (
            f"<div class='miss'>{escape(place)} · {escape(complaint)} · "
            f"{escape(missed['diagnosis'])}\n{escape(text)}</div>"
        )


def _centres(told: Mapping[str, Any]) -> Iterator[str]:
    yield "<h2>各中心的告知 · What each centre is told</h2><table>"
    yield "<tr><th></th><th>告知 told</th><th>其中提醒或启动 louder</th>"
    yield "<th>阳性预测值 precision</th><th></th><th>发现 found</th></tr>"
    for name, centre in told["centres"].items():
        value, found = centre["positive_predictive_value"], centre["found_of_those_concerned"]
        louder = sum(n for how, n in centre["as"].items() if how != "notice")
        yield f"<tr><td>{CENTRES[name]}</td><td>{centre['told']}</td><td>{louder}</td>"
        if value is None or not value["whole"]:
            yield "<td colspan='3'><small>数据不能说明 · the visits cannot say</small></td></tr>"
        else:
            yield f"<td>{_percent(value)}</td><td>{_bar(value)}</td><td>{_percent(found)}</td></tr>"
    alarms = told["alarms_per_100_visits"]
    yield "</table><p>每百次就诊 · of every hundred visits: "
    yield (
        f"Ⅰ–Ⅱ {alarms['severe_or_worse']} · 告知中心 a centre is told {alarms['any_notice']} · "
        f"提醒或启动 louder than a notice {alarms['any_alarm']}</p>"
    )


def _rules(told: Mapping[str, Any]) -> Iterator[str]:
    yield "<h2>规则 · Rules for Ⅰ or Ⅱ</h2><table>"
    yield "<tr><th></th><th>触发 fired</th><th>专家同意 experts agree</th><th></th></tr>"
    for name, rule in told["rules"].items():
        yield f"<tr><td>{escape(name)}</td><td>{rule['whole']}</td><td>{_percent(rule)}</td>"
        yield f"<td>{_bar(rule)}</td></tr>"
    yield "</table>"


def _gaps(told: Mapping[str, Any], source: str) -> Iterator[str]:
    yield "<h2>没有测到的 · What is not measured</h2><ul>"
    gaps = told["not_measured"]
    for zh, en in zip(gaps["zh"], gaps["en"], strict=True):
        yield f"<li>{escape(zh)}<br><small>{escape(en)}</small></li>"
    yield f"</ul><p><small>{escape(source)}</small></p></html>"


def _percent(share: Mapping[str, Any]) -> str:
    if share["share"] is None:
        return "–"
    return f"{100 * share['share']:.1f} % <small>{share['part']}/{share['whole']}</small>"


def _bar(share: Mapping[str, Any], asked: float | None = None) -> str:
    if share["share"] is None:
        return ""
    low, high = (100 * end for end in share["interval_95"])
    limit = f"<u style='left:{100 * asked:.1f}%'></u>" if asked is not None else ""
    return (
        f"<div class='bar'><i style='left:{low:.1f}%;width:{high - low:.1f}%'></i>"
        f"<b style='left:{100 * share['share']:.1f}%'></b>{limit}</div>"
    )


def _table(name: str, judge: Mapping[str, Any]) -> str:
    most = max(n for row in judge["table"].values() for n in row.values())
    head = "".join(f"<th class='cell'>{LEVELS[level]}</th>" for level in LEVELS)
    rows = []
    for expert, row in judge["table"].items():
        cells = "".join(
            f"<td class='cell{' hit' if given == expert else ''}' "
            f"style='background:rgba(11,79,108,{0.75 * n / most:.2f})"
            f"{';color:#fff' if n > most / 2 else ''}'>{n}</td>"
            for given, n in row.items()
        )
        rows.append(f"<tr><td>{LEVELS[expert]}</td>{cells}</tr>")
    return f"<table><tr><th>{name}</th>{head}</tr>{''.join(rows)}</table>"
