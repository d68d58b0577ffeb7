"""The tracker as it would be without ``take()``: an agent that is handed one fix after the other,
and tells what each shows before the next. Everything else is the service's own."""

from __future__ import annotations

import sys
from typing import Any

from services.dispatch import tracker
from services.dispatch.tracker import Tracker
from services.kit.runtime import start


class OneByOne(Tracker):
    """Takes no batches."""

    async def _take_fixes(self, stream: Any) -> None:
        async for event in stream.events():
            shown = await self._guard(event.message)
            if shown:
                await self._tell(shown)


if __name__ == "__main__":
    tracker.Tracker = OneByOne  # type: ignore[misc]
    sys.exit(start("tracker", tracker.main))
