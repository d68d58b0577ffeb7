"""Somebody who is signed in at the boards: who, until when, and with which tokens."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from services.kit.errors import Rejected

#: A token is renewed when it has less than this left.
AHEAD = timedelta(seconds=30)
#: That somebody is still there is written down at most this often.
NOTED = timedelta(minutes=1)
#: Where each role begins.
HOMES: Mapping[str, str] = {
    "centre": "/board",
    "dispatcher": "/dispatch",
    "crew": "/crew",
}


@dataclass(frozen=True)
class Tokens:
    """What the provider has given; ``ends_at`` is of the access token."""

    access: str
    refresh: str | None
    identity: str | None
    ends_at: datetime


@dataclass(frozen=True)
class Session:
    """One browser of one person. ``hash`` is of the secret that lies in it."""

    hash: str
    name: str
    role: str
    facility: str | None
    #: What the provider calls them, by language; empty where it says nothing.
    spoken: Mapping[str, str]
    tokens: Tokens
    began_at: datetime
    seen_at: datetime
    ends_at: datetime

    def must_renew(self, now: datetime) -> bool:
        """Whether its access token is over, or about to be."""
        return now >= self.tokens.ends_at - AHEAD

    def is_over(self, now: datetime, idle: timedelta) -> bool:
        """Whether it has come to its end, or nobody was there for so long."""
        return now >= min(self.ends_at, self.seen_at + idle)

    def renewed(self, tokens: Tokens) -> Session:
        """The same, with fresh tokens."""
        return replace(self, tokens=tokens)

    @property
    def home(self) -> str:
        """The page that this role begins at."""
        return HOMES.get(self.role, "/")

    def shown(self) -> dict[str, Any]:
        """What their own pages know of them."""
        told = {"name": self.name, "role": self.role, "facility_id": self.facility}
        return {**told, "spoken": dict(self.spoken), "ends_at": self.ends_at.isoformat()}


def landing(wanted: str | None) -> str:
    """A path of ours to go on to after a sign-in; never another site's."""
    fits = wanted is not None and wanted.startswith("/") and not wanted.startswith(("//", "/\\"))
    return wanted if wanted and fits and "\n" not in wanted and "\r" not in wanted else "/"


def signed_out() -> Rejected:
    """401 for a page: it leads to the sign-in."""
    return Rejected(401, "Not signed in", "Sign in again; what you have entered is kept.")
