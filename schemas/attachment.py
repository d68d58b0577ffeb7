"""What is too large for a topic: a file, known by its hash."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from pydantic import Field, StringConstraints

from schemas.event import Value

#: What is too large for a topic is known by its SHA-256, and lies elsewhere.
Sha256: TypeAlias = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
MediaType: TypeAlias = Literal["application/pdf", "image/jpeg", "image/png"]
#: The most bytes of a file.
LARGEST = 10_000_000


class Attachment(Value):
    """A file: the picture of an ECG, or its PDF. ``size`` is in bytes."""

    sha256: Sha256 = Field(description="By which it is asked for.")
    media_type: MediaType = Field(description="What kind of file.")
    size: Annotated[int, Field(ge=1, le=LARGEST)] = Field(description="In bytes.")
