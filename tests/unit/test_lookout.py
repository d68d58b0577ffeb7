"""One that cannot be told is put off; when none can, it is us."""

from __future__ import annotations

import pytest

from services.kit.lookout import MANY, MOST, Lookout
from services.kit.settings import Settings


class Bug(Exception):
    """What nobody foresaw."""


class Due:
    """So many are due, the first first, of whom some cannot be told."""

    def __init__(self, count: int, bad: set[int]) -> None:
        self.waiting, self._bad = list(range(count)), bad
        self.told: list[int] = []
        self.late: list[int] = []

    async def look(self, many: int = MANY) -> int:
        taken = self.waiting[:many]
        if self._bad.intersection(taken):
            raise Bug
        self.told += taken
        del self.waiting[:many]
        return len(taken)

    async def put_off(self) -> None:
        self.late.append(self.waiting.pop(0))


async def until_done(due: Due) -> None:
    lookout = Lookout(Settings(), due, 0)
    while await lookout.once():
        pass


async def test_those_who_cannot_be_told_hold_up_no_other() -> None:
    bad = {0, 7, 8, 150, 499}
    due = Due(500, bad)
    await until_done(due)
    assert due.late == sorted(bad)
    assert due.told == [n for n in range(500) if n not in bad]


async def test_where_each_of_them_fails_the_failure_is_raised() -> None:
    """Else a fault of ours would put off all that is due, a minute at a time, for ever."""
    due = Due(500, set(range(500)))
    with pytest.raises(Bug):
        await until_done(due)
    assert len(due.late) == MOST
