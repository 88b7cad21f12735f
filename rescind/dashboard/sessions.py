"""Sessions: an encrypted cookie that names a token and does not contain it."""

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
"""Bytes of a token's fingerprint, which ties a session to the token."""


@dataclass(frozen=True, slots=True)
class Session:
    """A signed-in browser: its token's name and scopes, and the key of its forms."""

    name: str
    scopes: frozenset[Scope]
    form_key: str

    def may(self, scope: Scope) -> bool:
        return scope in self.scopes

    @property
    def operates(self) -> bool:
        return self.may(Scope.OPERATE)

    @property
    def submits(self) -> bool:
        return self.may(Scope.SUBMIT)


class Sessions:
    """Makes cookies and reads them; ``seal_keys`` is as in ``RESCIND_SEAL_KEY``.

    The cookies' keys are derived from those, so they cannot decrypt the ledger's data.
    Without ``seal_keys``, sessions end with this process.
    """

    def __init__(self, seal_keys: str = "") -> None:
        listed = [key.strip() for key in seal_keys.split(",") if key.strip()]
        derived = [_derived(key) for key in listed] or [Fernet.generate_key()]
        self._fernet = MultiFernet([Fernet(key) for key in derived])
        self._ended: dict[str, float] = {}

    def cookie(self, token: Token) -> str:
        """The cookie of a new session for this token."""
        held = [token.name, _shown(token), secrets.token_urlsafe(24)]
        return self._fernet.encrypt(json.dumps(held).encode()).decode()

    def read(self, cookie: str, access: Access) -> Session | None:
        """The session, or ``None``.

        It is ``None`` if the cookie is forged or expired, the session was ended, or the
        token is no longer configured or lacks the scope ``read``.
        """
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
        """Revoke the session in this process: copies of its cookie are refused.

        The revocation is only in memory: a restart, and other API processes, do not
        know it.
        """
        now = time.monotonic()
        for key in [key for key, over in [*self._ended.items()] if over <= now]:
            self._ended.pop(key, None)
        self._ended[session.form_key] = now + LASTS


def _named(tokens: Sequence[Token], name: str) -> Token | None:
    return next((one for one in tokens if one.name == name), None)


def _shown(token: Token) -> str:
    # A hash of the token's hash: the cookie reveals nothing that opens the API.
    return sha256(PURPOSE + token.digest).hexdigest()[: 2 * SHOWN]


def _derived(key: str) -> bytes:
    made = hmac.digest(key.encode(), PURPOSE, "sha256")
    return base64.urlsafe_b64encode(made)
