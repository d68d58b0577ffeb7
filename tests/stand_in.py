"""Stands in for the services, the simulator and the judge where only their lives are tested:
answers to HTTP, notes what it was given, ends as they do."""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from types import FrameType
from typing import Any

COUNTED = {"vitals_sent": 1, "encounters": 1, "boardings": 1, "admissions": 1, "refused": 0,
           "by_hand": {"acts": 0, "done_by_both": 0, "refused": 0}}  # fmt: skip


class Answer(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        return


def main(name: str, *words: str) -> None:
    given = dict(zip(words[::2], words[1::2], strict=True))
    asked = threading.Event()

    def end(_number: int, _frame: FrameType | None) -> None:
        asked.set()

    signal.signal(signal.SIGTERM, end)
    server = HTTPServer(("127.0.0.1", int(os.environ["GREENCHANNEL_PORT"])), Answer)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    secrets = sorted(n for n in os.environ if n.startswith(("GREENCHANNEL_", "PG")))
    print(json.dumps({"name": name, "given": given, "environment": secrets}), flush=True)  # noqa: T201
    began, truth = time.monotonic(), Path(given.get("--truth", os.devnull))
    while not asked.wait(0.05):
        if name == "simulate" and time.monotonic() - began > float(given.get("--for", "inf")):
            break
        if name == "judge" and truth.exists():
            break
    if name == "simulate":
        truth.write_text('{"end": true}\n')
    if name == "judge":
        hurt = int(os.environ.get("STAND_IN_LOST", "0"))
        report = {**COUNTED, "unknowable": [], "ground_truth": {"lost": hurt, "duplicated": 0}}
        Path(given["--report"]).write_text(json.dumps(report))


if __name__ == "__main__":
    main(*sys.argv[1:])
