"""The boards of emergency departments, as a program of its own: each reads its facility's feed and
tells what it shows.

Called with the bridge's address; a token for each facility stands in the environment, as JSON. It
goes on until it is asked to end.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys

import uvloop
from pydantic import SecretStr

from services.kit.runtime import cancel_on_signal
from simulator.endpoints import Endpoints, Tokens
from simulator.feed import Feed
from simulator.screen import Screen

TOKENS = "GREENCHANNEL_BENCH_TOKENS"


async def _follow(endpoints: Endpoints, facility: str) -> None:
    screen = Screen(endpoints, facility)
    async with asyncio.TaskGroup() as both:
        both.create_task(screen.run())
        async for item in Feed(endpoints, facility).items():
            screen.show(item)


async def main(bridge: str) -> None:
    """Until a signal comes."""
    cancel_on_signal()
    nobody, given = SecretStr(""), json.loads(os.environ[TOKENS])
    centre = {name: SecretStr(token) for name, token in given.items()}
    tokens = Tokens(dispatcher=nobody, crew=nobody, centre=centre)
    endpoints = Endpoints(kafka={}, http={"bridge": bridge}, tokens=tokens)
    try:
        async with asyncio.TaskGroup() as boards:
            for facility in centre:
                boards.create_task(_follow(endpoints, facility))
    except asyncio.CancelledError:
        return


if __name__ == "__main__":
    uvloop.run(main(sys.argv[1]))
