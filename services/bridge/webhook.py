"""A webhook as the Standard Webhooks specification has it: what is told, and its signature."""

from __future__ import annotations

import hmac
import json
from base64 import b64decode, b64encode
from binascii import Error
from collections.abc import Mapping
from datetime import datetime

from schemas.encounter import EncounterEvent
from schemas.envelope import TYPE_PREFIX
from schemas.handoff import PreArrivalWithdrawn
from services.bridge.case import Case
from services.bridge.delivery import is_bound
from services.bridge.item import item_of

_PREFIX = "whsec_"
#: A key is so many bytes long at least.
_LEAST = 24


def body_of(event: EncounterEvent, case: Case, facility_id: str) -> bytes:
    """What happened, and the item of the facility's queue as of then: the same at every call."""
    withdrawn = isinstance(event, PreArrivalWithdrawn) or not is_bound(case, facility_id)
    told = {
        "type": f"{TYPE_PREFIX}{event.named()}",
        "timestamp": event.occurred_at.isoformat(),
        "data": item_of(case, facility_id, withdrawn=withdrawn),
    }
    return json.dumps(told, ensure_ascii=False, separators=(",", ":")).encode()


def key_of(secret: str) -> bytes:
    """The key in ``whsec_…``. Raises ``ValueError`` that says what is wrong, and not the secret."""
    try:
        key = b64decode(secret.removeprefix(_PREFIX), validate=True)
    except Error:
        key = b""
    if not secret.startswith(_PREFIX) or len(key) < _LEAST:
        wanted = f"{_PREFIX} and at least {_LEAST} bytes in base64"
        raise ValueError(f"the secret of a webhook is {wanted}")
    return key


def headers(name: str, at: datetime, body: bytes, key: bytes) -> Mapping[str, str]:
    """Of a try at this time. ``name`` stays the same at every try, so that a repeat is known."""
    second = str(int(at.timestamp()))
    signed = hmac.digest(key, b".".join((name.encode(), second.encode(), body)), "sha256")
    return {
        "content-type": "application/json",
        "webhook-id": name,
        "webhook-timestamp": second,
        "webhook-signature": f"v1,{b64encode(signed).decode()}",
    }
