"""Signs tokens that ``auth`` takes: for a run that is its own sign-in."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec
from jwt.algorithms import ECAlgorithm

from services.kit.role import Role
from services.kit.settings import Settings

LIFE_S = 12 * 3600


class SigningKey:
    """A key of this process alone; it is never stored. A service that runs on knows a key by its
    id: one that shall stand in for another needs an id of its own."""

    def __init__(self, kid: str = "run") -> None:
        self.kid, self._key = kid, ec.generate_private_key(ec.SECP256R1())

    def key_set(self) -> str:
        """The JSON Web Key Set with the public half."""
        public: dict[str, Any] = ECAlgorithm.to_jwk(self._key.public_key(), as_dict=True)
        return json.dumps({"keys": [{**public, "kid": self.kid, "use": "sig", "alg": "ES256"}]})

    def token(
        self,
        settings: Settings,
        role: Role,
        facility: str | None = None,
        life_s: int = LIFE_S,
        **claims: str | float | None,
    ) -> str:
        """A bearer with the issuer and audience that these settings ask for, of somebody who has
        signed in now. ``claims`` are otherwise than usual, or none."""
        now = int(time.time())
        usual = {
            "iss": settings.jwt_issuer,
            "aud": settings.jwt_audience,
            "sub": f"{role.value}-{facility}" if facility else role.value,
            "role": role.value,
            "exp": now + life_s,
            "auth_time": now,
            "facility": facility,
        }
        return self.signed({**usual, **claims})

    def signed(self, claims: Mapping[str, Any]) -> str:
        """These claims, but those that are none, as a JSON Web Token."""
        told = {name: value for name, value in claims.items() if value is not None}
        return jwt.encode(told, self._key, "ES256", {"kid": self.kid})

    def read(self, token: str, **wanted: Any) -> dict[str, Any]:
        """The claims of a token that this key has signed. ``wanted`` is as ``jwt.decode`` takes it.
        Raises ``jwt.InvalidTokenError``."""
        found: dict[str, Any] = jwt.decode(token, self._key.public_key(), ["ES256"], **wanted)
        return found
