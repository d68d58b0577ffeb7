"""What tests of every tier may ask for."""

from __future__ import annotations

import signal
from collections.abc import AsyncIterator, Iterator

import pytest
from hypothesis import settings

from tests.platform import Platform, platform_of_its_own

pytest_plugins = ["tests.closing"]
# The same examples at every run; a busy machine is no failure.
settings.register_profile("repeatable", derandomize=True, deadline=None)
settings.load_profile("repeatable")


@pytest.fixture(scope="session")
async def platform() -> AsyncIterator[Platform]:
    """A real broker and a real database, for the whole session; nothing of them is left after."""
    async with platform_of_its_own() as made:
        yield made


@pytest.fixture(scope="module", autouse=True)
def _leaves_signals_as_they_were() -> Iterator[None]:
    """A handler that is left behind acts in the next file, which may run in the same process."""
    numbers = (signal.SIGTERM, signal.SIGINT)
    before = [signal.getsignal(number) for number in numbers]
    yield
    assert [signal.getsignal(number) for number in numbers] == before
