"""Boards of emergency departments, as a program of its own: most read their feed, one never does.

Called with a file, the bridge's port, and how many boards of each facility read; a token for each
facility stands in the environment, as JSON. It reads until it is asked to end, and writes into the
file what came, and when.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import socket
import sys
import time
from pathlib import Path

import aiohttp
import uvloop

from services.kit.process import write_whole
from services.kit.runtime import on_signal
from simulator.feed import Parser

TOKENS = "GREENCHANNEL_BENCH_TOKENS"
#: How an item begins: reading all of it would measure this program.
ITEM = re.compile(r'\{"feed": ?\d+, ?"encounter_id": ?"([^"]+)".{1,200}?"version": ?(\d+)')


async def _read(http: aiohttp.ClientSession, facility: str, token: str, board: Board) -> None:
    headers = {"Authorization": f"Bearer {token}"}
    async with http.get(f"/v1/facilities/{facility}/feed", headers=headers) as answer:
        answer.raise_for_status()
        parser = Parser()
        async for chunk in answer.content.iter_any():
            now = time.time()
            for sent in parser.feed(chunk):
                board.take(sent.event, sent.data, now)


class Board:
    """What came to one board: whom it showed in which version, and when."""

    def __init__(self) -> None:
        self.is_open = asyncio.Event()
        self.shown: list[tuple[str, int, float]] = []

    def take(self, event: str, text: str, now: float) -> None:
        """One event of the feed."""
        if event == "snapshot":
            self.is_open.set()
        elif found := ITEM.match(text):
            self.shown.append((found[1], int(found[2]), now))


def _stall(port: int, facility: str, token: str) -> socket.socket:
    """It asks for the feed, and never reads."""
    opened = socket.create_connection(("127.0.0.1", port))
    path = f"/v1/facilities/{facility}/feed"
    asked = f"GET {path} HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {token}\r\n\r\n"
    opened.sendall(asked.encode())
    return opened


async def main(file: Path, port: int, each: int) -> None:
    """Until a signal comes."""
    tokens: dict[str, str] = json.loads(os.environ[TOKENS])
    ended = asyncio.Event()
    on_signal(ended.set)
    timeout = aiohttp.ClientTimeout(total=None, sock_read=60)
    connector = aiohttp.TCPConnector(limit=0)
    boards = {name: [Board() for _ in range(each)] for name in tokens}
    async with aiohttp.ClientSession(
        f"http://127.0.0.1:{port}", connector=connector, timeout=timeout
    ) as http:
        reading = [
            asyncio.create_task(_read(http, name, tokens[name], board))
            for name, of in boards.items()
            for board in of
        ]
        for of in boards.values():
            for board in of:
                await board.is_open.wait()
        stalling = [_stall(port, name, token) for name, token in tokens.items()]
        await ended.wait()
        for task in reading:
            task.cancel()
        for opened in stalling:
            opened.close()
    cut_off = sum(task.done() and not task.cancelled() for task in reading)
    shown = [board.shown for of in boards.values() for board in of]
    write_whole(file, json.dumps({"cut_off": cut_off, "boards": shown}))


if __name__ == "__main__":
    uvloop.run(main(Path(sys.argv[1]), *map(int, sys.argv[2:])))
