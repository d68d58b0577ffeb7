"""What a sign-in asks for and what it grants: OAuth 2.0 (RFC 6749) with PKCE (RFC 7636), as OpenID
Connect narrows it. What is random and what time it is, is given."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeAlias

from services.local.people import Person

#: The words of a query or a form, each with all its values.
Words: TypeAlias = Mapping[str, Sequence[str]]

#: The one client: the boards, which can keep no secret from who holds their machine.
CLIENT = "boards"
# Lives in seconds (evidence: design). A code's is RFC 6749's "short"; a page may lie open for a
# while before somebody chooses; a sign-in lasts for a shift.
CODE_S, TOKEN_S, PAGE_S, SIGN_IN_S = 60, 600, 3600, 12 * 3600
#: So many pages may lie open: who asks for more, forgets the oldest.
PAGES = 1000

#: What a client may read of the provider, beside its addresses.
ABILITIES = {
    "response_types_supported": ["code"],
    "response_modes_supported": ["query"],
    "grant_types_supported": ["authorization_code", "refresh_token"],
    "subject_types_supported": ["public"],
    "id_token_signing_alg_values_supported": ["ES256"],
    "code_challenge_methods_supported": ["S256"],
    "token_endpoint_auth_methods_supported": ["none"],
    "scopes_supported": ["openid"],
    "claims_supported": ["sub", "name", "auth_time", "sid"],
    "request_uri_parameter_supported": False,  # else it would be, by the specification
    "authorization_response_iss_parameter_supported": True,
}
_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}")
_VERIFIER = re.compile(r"[A-Za-z0-9._~-]{43,128}")
#: What OpenID Connect lets a provider do without, by the word that asks for it.
_NOT_SUPPORTED = {
    "request": "request_not_supported",
    "request_uri": "request_uri_not_supported",
    "registration": "registration_not_supported",
}


class Refused(Exception):
    """No: ``error`` is the word of the specification, the text what to do."""

    def __init__(self, error: str, detail: str) -> None:
        super().__init__(detail)
        self.error = error


@dataclass(frozen=True)
class Request:
    """What a client asks for at ``/authorize``."""

    redirect_uri: str
    challenge: str = field(repr=False)
    state: str | None = None
    nonce: str | None = field(default=None, repr=False)


@dataclass(frozen=True)
class SignIn:
    """A person who has chosen themselves at ``at``, in seconds of the epoch."""

    sid: str = field(repr=False)
    person: Person
    at: int


@dataclass(frozen=True)
class _Code:
    request: Request
    sign_in: SignIn
    is_spent: bool = False


def one(words: Words, name: str) -> str | None:
    """The value of this word; an empty one is none. Raises ``Refused`` when there are several."""
    values = [value for value in words.get(name, ()) if value]
    if len(values) > 1:
        raise Refused("invalid_request", f"Send {name} once.")
    return values[0] if values else None


def needed(words: Words, name: str) -> str:
    """The value of this word. Raises ``Refused`` without one."""
    value = one(words, name)
    if value is None:
        raise Refused("invalid_request", f"Send {name}.")
    return value


def destination(words: Words, redirect_uris: Collection[str]) -> str:
    """Where the answer goes. Raises ``Refused`` when that is no place of the client's: then nothing
    may be sent there, an error neither."""
    if needed(words, "client_id") != CLIENT:
        raise Refused("invalid_request", f"The client_id here is {CLIENT}.")
    redirect_uri = needed(words, "redirect_uri")
    if redirect_uri not in redirect_uris:
        known = " or ".join(sorted(redirect_uris))
        raise Refused("invalid_request", f"The redirect_uri here is {known}, to the letter.")
    return redirect_uri


def request_of(words: Words, redirect_uri: str) -> Request:
    """What is asked for. Raises ``Refused`` with what is told to the client."""
    for name, error in _NOT_SUPPORTED.items():
        if one(words, name):
            raise Refused(error, f"Say it by plain parameters, without {name}.")
    if needed(words, "response_type") != "code":
        raise Refused("unsupported_response_type", "The response_type here is code.")
    if one(words, "response_mode") not in (None, "query"):
        raise Refused("invalid_request", "The response_mode here is query.")
    if "openid" not in (one(words, "scope") or "").split():
        raise Refused("invalid_scope", "Ask for the scope openid.")
    if one(words, "code_challenge_method") != "S256":
        raise Refused("invalid_request", "The code_challenge_method here is S256.")
    challenge = needed(words, "code_challenge")
    if not _CHALLENGE.fullmatch(challenge):
        raise Refused("invalid_request", "The code_challenge is the SHA-256 in base64url, 43 long.")
    prompts = (one(words, "prompt") or "").split()
    if "none" in prompts:  # nobody stays signed in here, so nobody can be so without being asked
        alone = len(prompts) == 1
        error = "login_required" if alone else "invalid_request"
        raise Refused(error, "Somebody has to choose: ask without prompt=none.")
    return Request(redirect_uri, challenge, one(words, "state"), one(words, "nonce"))


def challenge_of(verifier: str) -> str:
    """The S256 challenge of a verifier."""
    digest = hashlib.sha256(verifier.encode()).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


class Grants:
    """What has been granted and may still be asked for. It is in memory alone, as the key is."""

    def __init__(self) -> None:
        self._pages: dict[str, tuple[int, Request]] = {}
        self._codes: dict[str, _Code] = {}
        self._families: dict[str, tuple[SignIn, str]] = {}

    def keep(self, ticket: str, request: Request, now: int) -> None:
        """Hold a request while its page lies open."""
        self._forget(now)
        while len(self._pages) >= PAGES:
            del self._pages[next(iter(self._pages))]
        self._pages[ticket] = (now, request)

    def kept(self, ticket: str, now: int) -> Request:
        """The request of a page; a second click on it is answered as the first one was. Raises
        ``Refused`` when the page has lain too long."""
        found = self._pages.get(ticket)
        if found is None or now - found[0] > PAGE_S:
            raise Refused("invalid_request", "This page is too old: open the board again.")
        return found[1]

    def grant(self, code: str, request: Request, sign_in: SignIn) -> None:
        """Somebody has signed in, and the client gets ``code``."""
        self._codes[code] = _Code(request, sign_in)

    def redeem(self, words: Words, secret: str, now: int) -> tuple[SignIn, str | None]:
        """Who has signed in, and the nonce, for the client's code; ``secret`` makes its refresh
        token. A code that comes again ends what it began. Raises ``Refused``."""
        code, redirect_uri = needed(words, "code"), needed(words, "redirect_uri")
        verifier = needed(words, "code_verifier")
        found = self._codes.get(code)
        if found is None:
            raise Refused("invalid_grant", "There is no such code. Sign in again.")
        asked, sign_in = found.request, found.sign_in
        if found.is_spent:
            self.end(sign_in.sid)
            raise Refused("invalid_grant", "The code was used before. Sign in again.")
        self._codes[code] = replace(found, is_spent=True)
        if now - sign_in.at > CODE_S:
            raise Refused("invalid_grant", f"A code is good for {CODE_S} s. Sign in again.")
        if redirect_uri != asked.redirect_uri:
            raise Refused("invalid_grant", "The redirect_uri is not that of the sign-in.")
        is_form = _VERIFIER.fullmatch(verifier)
        if not is_form or not hmac.compare_digest(challenge_of(verifier), asked.challenge):
            raise Refused("invalid_grant", "The code_verifier is not that of the sign-in.")
        self._families[sign_in.sid] = (sign_in, secret)
        return sign_in, asked.nonce

    def renew(self, words: Words, secret: str, now: int) -> SignIn:
        """Who has signed in, for a refresh token, which is good once; ``secret`` makes the next.
        One that was used before is known to two: it ends the sign-in. Raises ``Refused``."""
        sid, _, shown = needed(words, "refresh_token").partition(".")
        sign_in, kept = self._families.get(sid, (None, ""))
        if sign_in is None or now - sign_in.at > SIGN_IN_S:
            raise Refused("invalid_grant", "The sign-in has ended. Sign in again.")
        if not hmac.compare_digest(shown.encode(), kept.encode()):
            self.end(sid)
            raise Refused("invalid_grant", "The refresh token was used before. Sign in again.")
        self._families[sid] = (sign_in, secret)
        return sign_in

    def end(self, sid: str) -> None:
        """The sign-in is over; what it has granted cannot be renewed."""
        self._families.pop(sid, None)

    def _forget(self, now: int) -> None:
        self._pages = {k: v for k, v in self._pages.items() if now - v[0] <= PAGE_S}
        # A code is known for as long as what it began, for it may come again.
        self._codes = {k: v for k, v in self._codes.items() if now - v.sign_in.at <= SIGN_IN_S}
        self._families = {k: v for k, v in self._families.items() if now - v[0].at <= SIGN_IN_S}


def refresh_token(sign_in: SignIn, secret: str) -> str:
    """What the client gets to ask again with."""
    return f"{sign_in.sid}.{secret}"
