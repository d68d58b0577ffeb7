"""The keys that sign tokens: whose key is known waits for nobody, and no key set is no crash."""

from __future__ import annotations

import asyncio
import json
import threading
from pathlib import Path
from typing import Any

import pytest

from services.kit.auth import KeySet
from services.kit.errors import Rejected, TransientFailure
from services.kit.tokens import SigningKey


class Slow(KeySet):
    """Reads only when it is let."""

    def __init__(self, location: str) -> None:
        super().__init__(location)
        self.reads, self.let = 0, threading.Event()
        self.let.set()

    def _read(self, location: str) -> dict[str, Any]:
        self.reads += 1
        self.let.wait(10)
        return super()._read(location)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    made = tmp_path / "jwks.json"
    made.write_text(SigningKey().key_set())
    return made


async def test_a_known_key_does_not_wait_for_an_unknown_one(file: Path) -> None:
    keys = Slow(str(file))
    await keys.key("run")
    keys._read_at -= 60
    keys.let.clear()
    unknown = [asyncio.create_task(keys.key(f"stranger-{n}")) for n in range(5)]
    await asyncio.sleep(0.05)
    async with asyncio.timeout(1):
        await keys.key("run")
    keys.let.set()
    for task in unknown:
        with pytest.raises(Rejected, match="401"):
            await task
    assert keys.reads == 2


async def test_while_the_set_is_away_it_is_looked_for_now_and_then_and_401_is_not_said(
    tmp_path: Path,
) -> None:
    keys = Slow(str(tmp_path / "nowhere"))
    for _ in range(5):
        with pytest.raises(TransientFailure):
            await keys.key("run")
    assert keys.reads == 1


@pytest.mark.parametrize("content", [{"keys": []}, {}, [], "no keys"])
async def test_a_set_without_a_usable_key_is_as_one_that_is_away(
    tmp_path: Path, content: object
) -> None:
    file = tmp_path / "jwks.json"
    file.write_text(json.dumps(content))
    with pytest.raises(TransientFailure):
        await KeySet(str(file)).key("run")


async def test_without_a_key_set_no_token_is_good() -> None:
    with pytest.raises(Rejected, match="401"):
        await KeySet(None).key("run")
