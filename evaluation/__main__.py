"""``python -m evaluation``: triage against the labelled visits, as JSON and as a page."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime
from pathlib import Path

import click
from tqdm import tqdm

from evaluation.page import page
from evaluation.report import Judged, report
from evaluation.visits import visits
from services.triage.loader import ProtocolRefused, active
from services.triage.snapshot import decided
from simulator.replays.publication import PUBLICATIONS

ROOT = Path(__file__).resolve().parents[1]
KTAS = PUBLICATIONS["ktas"]
FILE = ROOT.parent / "shared/data" / KTAS.files[0]


@click.command()
@click.option("--file", type=click.Path(dir_okay=False, path_type=Path), default=FILE)
@click.option("--protocols", default="default", show_default=True, help="a set, or a folder")
@click.option(
    "--reports", type=click.Path(file_okay=False, path_type=Path), default=ROOT / "reports"
)
def main(file: Path, protocols: str, reports: Path) -> None:
    """评估 · triage against visits that three experts have labelled."""
    if not file.is_file():
        click.echo(f"NOT RUN: the labelled visits are not at {file.name} (docs/data.md says where)")
        return
    try:
        rulebook = active(protocols)
    except ProtocolRefused as refused:
        raise click.ClickException("\n".join(refused.lines)) from refused
    now = datetime.now(UTC)
    read = list(visits(file.read_text(KTAS.encoding), file.name))
    bar = tqdm(read, desc="  评估 · visits", unit="", disable=None)
    judged = [Judged(visit, decided(visit.snapshot, now, rulebook)) for visit in bar]
    edition = rulebook.at(now)
    told = report(judged, edition, f"{rulebook.name} {edition.frame.version}")
    told = {"date": f"{now:%Y-%m-%d}", "source": KTAS.citation, "licence": KTAS.licence, **told}
    reports.mkdir(exist_ok=True)
    text = json.dumps(told, ensure_ascii=False, indent=1)
    (reports / "triage_eval.json").write_text(text + "\n", "utf-8")
    source = f"{KTAS.citation} {KTAS.licence}."
    (reports / "triage_eval.html").write_text(page(told, source, told["date"]), "utf-8")
    severe = told["green_channel"]["severe_or_worse"]
    for name in ("sensitivity", "specificity"):
        share = severe[name]
        low, high = share["interval_95"]
        click.echo(f"  Ⅱ+ {name} {share['share']:.3f} [{low:.3f}, {high:.3f}]")
    missed = told["green_channel"]["level_one_missed"]
    click.echo(f"  Ⅰ missed {missed} · reports/triage_eval.html")
    sys.exit(0 if told["asked"]["holds"] else 1)


if __name__ == "__main__":
    main()
