"""The alerts: each has its labels, its texts, its runbook, and tests of three kinds.

`promtool test rules` says whether a test holds; that there is one, and of what it speaks, is said
here. A test's name begins with its alert: ``DispatchOverdue fires when …``, ``… is silent when …``,
``… without data …``; one that is always on is never silent. ``python -m deploy.prometheus.alerts``
prints a table, and ends with 1 where something is missing.
"""

from __future__ import annotations

import re
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import yaml
from prometheus_client import metrics as kinds

from services.kit import metrics as declared

ROOT = Path(__file__).resolve().parents[2]
RULES = Path(__file__).resolve().parent / "rules"
#: What a label may say.
LABELS: Mapping[str, frozenset[str]] = {
    "severity": frozenset({"page", "ticket", "none"}),
    "audience": frozenset({"operations", "dispatch", "facility", "watch"}),
}
OBJECTIVES = ("dispatch_within_3min", "path_to_queue", "acknowledged_in_time", "no_vital_lost")
#: What a case's name says after its alert, and how the table heads it.
KINDS = {"fires when": "fires", "is silent when": "silent", "without data": "no data"}
#: An alert of this severity is always on.
ALWAYS = "none"
#: What Prometheus shows of one metric, by its kind.
_SUFFIXES: Mapping[type[object], tuple[str, ...]] = {
    kinds.Counter: ("_total",),
    kinds.Gauge: ("",),
    kinds.Histogram: ("_bucket", "_count", "_sum"),
    kinds.Summary: ("_count", "_sum"),
}
_CASE = re.compile(rf"(?P<alert>[A-Za-z]\w*) (?P<kind>{'|'.join(KINDS)})\b")
_STRING = re.compile(r'"(?:[^"\\]|\\.)*"')
_NAME = re.compile(r"(?<![\w:])[A-Za-z_:][\w:]*")
_CHINESE = re.compile("[\u4e00-\u9fff]")

Document = Mapping[str, Any]


class Alert(NamedTuple):
    """What an alert says of itself."""

    name: str
    labels: Mapping[str, str]
    annotations: Mapping[str, str]

    def kinds(self) -> list[str]:
        """The kinds of cases that it must have."""
        is_always_on = self.labels.get("severity") == ALWAYS
        return [kind for kind in KINDS if kind != "is silent when" or not is_always_on]


class Case(NamedTuple):
    """A test: by its name of which alert and kind; whether it expects that, look by look."""

    name: str
    alert: str
    kind: str
    expects: Sequence[bool]


def rules(documents: Iterable[Document]) -> Iterator[Document]:
    """Every rule of these files."""
    for document in documents:
        for group in document["groups"]:
            yield from group["rules"]


def alerts(documents: Iterable[Document]) -> list[Alert]:
    """The alerts of these files, in their order."""
    return [
        Alert(rule["alert"], rule.get("labels", {}), rule.get("annotations", {}))
        for rule in rules(documents)
        if "alert" in rule
    ]


def cases(documents: Iterable[Document]) -> Iterator[Case]:
    """The tests of these files; one whose name says nothing is of no alert."""
    for document in documents:
        for group in document["tests"]:
            name = str(group.get("name", ""))
            said = _CASE.match(name)
            alert, kind = (said["alert"], said["kind"]) if said else ("", "")
            looks = [each for each in group["alert_rule_test"] if each["alertname"] == alert]
            yield Case(name, alert, kind, [bool(look.get("exp_alerts")) for look in looks])


def counted(found: Iterable[Case]) -> Counter[tuple[str, str]]:
    """How many cases there are of each alert and kind."""
    return Counter((case.alert, case.kind) for case in found)


def of_alert(alert: Alert, files: frozenset[str]) -> Iterator[str]:
    """What is wrong with its labels and texts; ``files`` are those of the project."""
    for label, allowed in LABELS.items():
        if alert.labels.get(label) not in allowed:
            yield f"{alert.name}: {label} is none of {', '.join(sorted(allowed))}"
    if not alert.annotations.get("summary", "").strip():
        yield f"{alert.name}: has no summary"
    if not _CHINESE.search(alert.annotations.get("summary_zh", "")):
        yield f"{alert.name}: has no summary in Chinese"
    runbook = alert.annotations.get("runbook_url")
    if runbook not in files:
        yield f"{alert.name}: its runbook {runbook} is no file of the project"


def of_cases(known: Sequence[Alert], found: Sequence[Case]) -> Iterator[str]:
    """Which cases there are none of, and which do not do what they are named for."""
    names, many = Counter(alert.name for alert in known), counted(found)
    for alert in known:
        if names[alert.name] > 1:
            yield f"{alert.name}: another alert has its name, and nobody knows whose its tests are"
        for kind in alert.kinds():
            if not many[alert.name, kind]:
                yield f'{alert.name}: no test is named "{alert.name} {kind} …"'
    for case in found:
        if case.alert not in names:
            yield f'test "{case.name}": is named by no alert and kind of test'
        elif not case.expects:
            yield f'test "{case.name}": does not look at {case.alert}'
        elif case.kind == "fires when" and not any(case.expects):
            yield f'test "{case.name}": never expects {case.alert}'
        elif case.kind == "is silent when" and any(case.expects):
            yield f'test "{case.name}": expects {case.alert}'


def of_objectives(known: Iterable[Alert]) -> Iterator[str]:
    """Of which objective nobody is told, or not when its figures are missing."""
    of: dict[str, list[str]] = {objective: [] for objective in OBJECTIVES}
    for alert in known:
        objective = alert.labels.get("objective")
        if objective in of:
            of[objective].append(alert.name)
        elif objective is not None:
            yield f"{alert.name}: {objective} is no objective"
    for objective, names in of.items():
        missing = [name for name in names if name.endswith("FiguresMissing")]
        if len(missing) == len(names):
            yield f"objective {objective}: no alert says that it is not kept"
        if not missing:
            yield f'objective {objective}: no alert "…FiguresMissing" says that there are no data'


def of_metrics(documents: Sequence[Document], metrics: frozenset[str]) -> Iterator[str]:
    """Which rules rest on a metric of ours that nobody shows, or on a record that nobody makes."""
    recorded = {rule["record"] for rule in rules(documents) if "record" in rule}
    for rule in rules(documents):
        for name in sorted(set(_NAME.findall(_STRING.sub('""', str(rule["expr"]))))):
            is_ours = ":" in name or name.startswith("greenchannel_")
            if is_ours and name not in recorded | metrics:
                yield f"{rule.get('alert') or rule.get('record')}: nobody shows {name}"


def shown(declarations: Iterable[object]) -> frozenset[str]:
    """The names under which Prometheus sees these metrics."""
    names: set[str] = set()
    for each in declarations:
        if isinstance(each, declared.TableGauge):
            names.add(each.name)
        elif isinstance(each, kinds.MetricWrapperBase):
            (family,) = each.describe()
            names.update(family.name + suffix for suffix in _SUFFIXES[type(each)])
    return frozenset(names)


def table(known: Sequence[Alert], found: Iterable[Case]) -> Iterator[str]:
    """A line for each alert: its name, whom it is for, and how many cases say what of it."""
    many = counted(found)
    rows = [("alert", *LABELS, *KINDS.values())]
    for alert in known:
        said = (alert.labels.get(label, "") for label in LABELS)
        rows.append((alert.name, *said, *(str(many[alert.name, kind]) for kind in KINDS)))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        yield "  ".join(map(str.ljust, row, widths)).rstrip()


def read(folder: Path) -> tuple[list[Document], list[Document]]:
    """The files of rules and those of tests that stand in a folder."""
    paths = sorted(folder.glob("*.yml"))
    tests = [path for path in paths if path.stem.endswith("_test")]
    told: dict[Path, Document] = {path: yaml.safe_load(path.read_text("utf-8")) for path in paths}
    return [told[path] for path in paths if path not in tests], [told[path] for path in tests]


def main() -> int:
    """Print the table; complain where there is something to complain of."""
    documents, tests = read(RULES)
    known, found = alerts(documents), list(cases(tests))
    named = {alert.annotations.get("runbook_url", "") for alert in known}
    paths = {name: (ROOT / name).resolve() for name in named}
    files = frozenset(n for n, path in paths.items() if path.is_file() and ROOT in path.parents)
    said = [line for alert in known for line in of_alert(alert, files)]
    said += [*of_cases(known, found), *of_objectives(known)]
    said += of_metrics(documents, shown(vars(declared).values()))
    sys.stdout.writelines(f"{line}\n" for line in table(known, found))
    sys.stderr.writelines(f"{line}\n" for line in said)
    return 1 if said else 0


if __name__ == "__main__":
    sys.exit(main())
