"""A key that comes again is a repeat, if it comes with the same content."""

from __future__ import annotations

from pydantic import BaseModel

from schemas.repeats import Repeats, digest_of
from services.kit.errors import Rejected


def is_repeat(taken: Repeats, name: str, content: BaseModel) -> bool:
    """Whether this act was taken before. Raises ``Rejected`` 409 when its key was used for another
    one: to answer as if this one had been done would lose it."""
    digest = taken.digest(name)
    if digest is None:
        return False
    if digest != digest_of(content):
        raise key_used()
    return True


def key_used() -> Rejected:
    """409, with what to do about it."""
    return Rejected(
        409, "Key used before", "This Idempotency-Key stood for other content: take a new key."
    )
