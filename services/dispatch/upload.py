"""What a sender announces of a file, by the tus protocol 1.0.0 (resumable uploads over HTTP)."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping

from pydantic import ValidationError

from schemas.attachment import LARGEST, Attachment
from services.kit.errors import Rejected

#: The version that is spoken, and how its pieces are called.
VERSION, PIECE = "1.0.0", "application/offset+octet-stream"
#: What a file of each kind begins with.
_BEGINS: Mapping[str, bytes] = {
    "application/pdf": b"%PDF-",
    "image/jpeg": b"\xff\xd8\xff",
    "image/png": b"\x89PNG\r\n\x1a\n",
}


def announced(length: int, metadata: str) -> Attachment:
    """The file that is to come. Raises ``Rejected`` 413 for one that is too large and 422 where its
    hash or its kind is not told."""
    if length > LARGEST:
        raise Rejected(413, "Too large", f"A file has at most {LARGEST} bytes.")
    told = _told(metadata)
    try:
        return Attachment.model_validate(
            {"sha256": told.get("sha256"), "media_type": told.get("filetype"), "size": length}
        )
    except ValidationError as error:
        wanted = (
            "Upload-Length is 1 or more; Upload-Metadata holds, in Base64, 'sha256' (64 digits "
            f"of 0-9 a-f) and 'filetype' (one of {', '.join(_BEGINS)})."
        )
        raise Rejected(422, "Not announced", wanted) from error


def _told(metadata: str) -> dict[str, str]:
    """Pairs of a key and a value in Base64, with commas; what cannot be read is not told."""
    found = {}
    for pair in metadata.split(","):
        key, _, value = pair.strip().partition(" ")
        try:
            found[key] = base64.b64decode(value, validate=True).decode("ascii")
        except (binascii.Error, UnicodeDecodeError):
            continue
    return found


def begins_well(media_type: str, first: bytes) -> bool:
    """Whether a file of this kind begins like this."""
    return first.startswith(_BEGINS[media_type])
