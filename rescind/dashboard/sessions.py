"""Who is signed in: a cookie that only we can read, and that holds no token."""

from __future__ import annotations

import base64
import hmac
import json
import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from rescind.config.access_tokens import Access, Scope, Token

HOURS = 12
LASTS = HOURS * 3600
PURPOSE = b"rescind desk session"
SHOWN = 16
"""Bytes of a token's digest that tie a session to it."""


@dataclass(frozen=True, slots=True)
class Session:
    """One signed-in browser: whose token it showed, and what its forms must hold."""

    name: str
    scopes: frozenset[Scope]
    form_key: str

    @property
    def operates(self) -> bool:
        return Scope.OPERATE in self.scopes


class Sessions:
    """Makes cookies and reads them; ``seal_keys`` as in ``RESCIND_SEAL_KEY``.

    Keys are derived from those, so that a cookie opens nothing that the ledger holds.
    Without any, sessions end with this process.
    """

    def __init__(self, seal_keys: str = "") -> None:
        listed = [key.strip() for key in seal_keys.split(",") if key.strip()]
        derived = [_derived(key) for key in listed] or [Fernet.generate_key()]
        self._fernet = MultiFernet([Fernet(key) for key in derived])
        self._ended: dict[str, float] = {}

    def cookie(self, token: Token) -> str:
        """A new session for whoever has just shown this token."""
        held = [token.name, _shown(token), secrets.token_urlsafe(24)]
        return self._fernet.encrypt(json.dumps(held).encode()).decode()

    def read(self, cookie: str, access: Access) -> Session | None:
        """The session, if it is one of ours, not over, and its token still opens."""
        try:
            held = json.loads(self._fernet.decrypt(cookie.encode(), ttl=LASTS))
        except (InvalidToken, ValueError):
            return None
        name, shown, form_key = held
        token = _named(access.tokens, name)
        if token is None or not hmac.compare_digest(_shown(token), shown):
            return None
        if Scope.READ not in token.scopes:
            return None
        if form_key in self._ended:
            return None
        return Session(token.name, token.scopes, form_key)

    def end(self, session: Session) -> None:
        """Let no copy of its cookie open anything, as long as this process lives."""
        now = time.monotonic()
        for key in [key for key, over in [*self._ended.items()] if over <= now]:
            self._ended.pop(key, None)
        self._ended[session.form_key] = now + LASTS


def _named(tokens: Sequence[Token], name: str) -> Token | None:
    return next((one for one in tokens if one.name == name), None)


def _shown(token: Token) -> str:
    # Of the digest's digest: the cookie says nothing of what opens the door.
    return sha256(PURPOSE + token.digest).hexdigest()[: 2 * SHOWN]


def _derived(key: str) -> bytes:
    made = hmac.digest(key.encode(), PURPOSE, "sha256")
    return base64.urlsafe_b64encode(made)
