"""What a replay says at its end: a few lines of its report, Chinese first."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

Report = Mapping[str, Any]
_MOST = 6


def lines(report: Report) -> Iterator[str]:
    """The lines, in order."""
    yield from _rows(report["rows"])
    if report["finished"]:
        yield from _PARTS[report["replay"]](report)
    yield f"  {report['not']['zh']}"
    yield f"  {report['not']['en']}"
    yield f"  {report['citation']} {report['licence']}."
    for problem in report["problems"]:
        yield f"✗ 对不上 · does not add up: {problem}"


def _rows(rows: Report) -> Iterator[str]:
    refused, skipped = sum(rows["refused"].values()), sum(rows["skipped"].values())
    yield (
        f"  行 rows {rows['read']} = 已发 sent {rows['sent']} + 被拒 refused {refused}"
        f" + 略过 skipped {skipped}"
    )
    for name, reasons in (("被拒 refused", rows["refused"]), ("略过 skipped", rows["skipped"])):
        for reason, number in list(reasons.items())[:_MOST]:
            yield f"    {name} {number:>6}  {reason}"


def _lincoln(report: Report) -> Iterator[str]:
    stamps, figure = report["stamps"], report["dispatch_within_3min"]
    yield (
        f"  时刻 stamps {stamps['read']} = 已发 sent {stamps['sent']} + 被拒 refused"
        f" {stamps['refused']} + 未发 not sent {stamps['not sent']}"
    )
    yield f"  三分钟出车 dispatch within 3 min: {_rate(figure['by_dispatch'])}"
    yield f"    其中医疗呼叫 medical calls: {_rate(figure['by_record_medical_calls'])}"


def _rate(figure: Report) -> str:
    """Numerator, denominator and missing; without a denominator there is no rate."""
    share = f" ({figure['numerator'] / figure['denominator']:.1%})" if figure["denominator"] else ""
    parts = f"{figure['numerator']} / {figure['denominator']}{share}"
    return f"{parts}, 无出车时刻 departure never stamped {figure['missing']}"


def _ktas(report: Report) -> Iterator[str]:
    yield (
        f"  已定级 decided {report['decided']}, 有理由 explained {report['explained']}, 在队列"
        f" in the queue {report['in_queue']}, 已入院 admitted {report['admitted']}"
    )
    names = {"green_channel": "绿色通道 Green Channel", "nurses_at_the_time": "当班护士 the nurses"}
    for key, found in report["measured_not_validated"].items():
        yield (
            f"  {names[key]} / 专家 experts: 一致 exact {found['exact']}, 偏轻 under"
            f" {found['under']}, 偏重 over {found['over']}, 未定 not yet {found['not_yet']}"
        )


def _numerics(report: Report) -> Iterator[str]:
    for patient in report["patients"]:
        if "samples" not in patient:
            continue
        yield (
            f"  文件 file {patient['file']}: 样本 samples {patient['samples']} = 已收 accepted"
            f" {patient['accepted']} + 被拒 refused {patient['refused']}; 存疑 doubted"
            f" {patient['doubted']}; 含断线 with a lost signal {patient['with_a_lost_signal']}"
        )
        ways = [f"{each['worst']}/{each['current']}" for each in patient["levels"]]
        yield f"    级别 levels worst/current: {' → '.join(ways[: 2 * _MOST])}"


_PARTS = {"lincoln": _lincoln, "ktas": _ktas, "numerics": _numerics}
