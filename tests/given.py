"""Parts of a service that know what a test gives them."""

from __future__ import annotations

from services.dispatch.directory import Directory


class GivenDirectory(Directory):
    """Reads nothing, and so is always up to date."""

    async def caught_up(self, seconds: float) -> None:
        """At once."""
