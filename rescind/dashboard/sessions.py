"""Sessions: an encrypted cookie that names a token or a user, and holds no secret."""

from __future__ import annotations

import base64
import hmac
import json
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from rescind.config.access_tokens import Access, Scope, Token
from rescind.config.actors import token_actor, user_actor
from rescind.config.openid_settings import OpenId
from rescind.dashboard.translation import _
from rescind.ledger.access_limits import EVERYTHING, Limits

LASTS = timedelta(hours=12)
PURPOSE = b"rescind desk session"
SHOWN = 16
"""Bytes of a fingerprint, which ties a session to its token or to the provider."""
TOKEN, USER = "token", "oidc"
"""Kinds of sessions: signed in with a token, or at the OpenID Connect provider."""


@dataclass(frozen=True, slots=True)
class Session:
    """A signed-in browser: its name and scopes, and the key of its forms."""

    name: str
    scopes: frozenset[Scope]
    form_key: str
    kind: str
    began_at: datetime
    limits: Limits = EVERYTHING
    """What the session may see and change: as its token."""

    def may(self, scope: Scope) -> bool:
        return scope in self.scopes

    @property
    def operates(self) -> bool:
        return self.may(Scope.OPERATE)

    @property
    def submits(self) -> bool:
        return self.may(Scope.SUBMIT)

    @property
    def actor(self) -> str:
        """Who it is, as the ledger's ``by`` has it: ``token:NAME`` or ``oidc:NAME``."""
        of = user_actor if self.kind == USER else token_actor
        return of(self.name)

    def lacks(self, scope: Scope) -> str:
        """Why the session may not do what needs ``scope``."""
        words = {
            Scope.READ: _("%(name)s has no right to see this."),
            Scope.SUBMIT: _("%(name)s has no right to submit orders."),
            Scope.OPERATE: _(
                "%(name)s has no right to retry, withdraw, hold, resume or resend."
            ),
        }
        return words[scope] % {"name": self.name}

    def beyond_limits(self) -> str:
        """Why the session may not see a page that shows everything."""
        return _(
            "The access token %(name)s is limited to %(limits)s. This page shows more.",
            name=self.name,
            limits=str(self.limits),
        )


class Sessions:
    """Makes cookies and reads them; ``seal_keys`` is as in ``RESCIND_SEAL_KEY``.

    The cookies' keys are derived from those, so they cannot decrypt the ledger's data.
    Without ``seal_keys``, sessions end with this process. The ledger holds which
    sessions were ended before that: see ``ended_sessions``.
    """

    def __init__(self, seal_keys: str = "", openid: OpenId | None = None) -> None:
        listed = [key.strip() for key in seal_keys.split(",") if key.strip()]
        derived = [_derived(key) for key in listed] or [Fernet.generate_key()]
        self.fernet = MultiFernet([Fernet(key) for key in derived])
        self._openid = openid

    def cookie(self, token: Token) -> str:
        """The cookie of a new session for this token."""
        return self._made(TOKEN, token.name, _shown(token.digest), ())

    def cookie_of_user(self, name: str, scopes: frozenset[Scope]) -> str:
        """The cookie of a new session for a user whom the provider has identified."""
        assert self._openid is not None  # noqa: S101  (it has identified the user)
        proof = _shown(self._openid.fingerprint)
        return self._made(USER, name, proof, sorted(scopes))

    def _made(self, kind: str, name: str, proof: str, scopes: Sequence[str]) -> str:
        began = datetime.now(UTC).timestamp()
        held = [kind, name, proof, list(scopes), secrets.token_urlsafe(24), began]
        return self.fernet.encrypt(json.dumps(held).encode()).decode()

    def read(self, cookie: str, access: Access) -> Session | None:
        """The session, or ``None``.

        It is ``None`` if the cookie is forged or expired, or if the token or the
        settings of the provider have changed, or without the scope ``read``.
        """
        seconds = int(LASTS.total_seconds())
        try:
            held = json.loads(self.fernet.decrypt(cookie.encode(), ttl=seconds))
            kind, name, proof, listed, form_key, began = held
        except (InvalidToken, ValueError):
            return None
        scopes, limits = self._granted(kind, name, proof, listed, access)
        if Scope.READ not in scopes:
            return None
        began_at = datetime.fromtimestamp(began, UTC)
        return Session(name, scopes, form_key, kind, began_at, limits)

    def _granted(
        self, kind: str, name: str, proof: str, listed: Sequence[str], access: Access
    ) -> tuple[frozenset[Scope], Limits]:
        """What the session may do now; nothing if it is not valid any more."""
        if kind == USER:
            known = self._openid.fingerprint if self._openid else None
            good = known is not None and hmac.compare_digest(_shown(known), proof)
            return frozenset(map(Scope, listed) if good else ()), EVERYTHING
        token = _named(access.tokens, name, proof)
        return (token.scopes, token.limits) if token else (frozenset(), Limits())


def _named(tokens: Sequence[Token], name: str, proof: str) -> Token | None:
    """The value of the token with which the session was signed in."""
    its = (one for one in tokens if one.name == name)
    return next(
        (one for one in its if hmac.compare_digest(_shown(one.digest), proof)), None
    )


def _shown(known: bytes) -> str:
    # A hash of the token's hash: the cookie reveals nothing that opens the API.
    return sha256(PURPOSE + known).hexdigest()[: 2 * SHOWN]


def _derived(key: str) -> bytes:
    made = hmac.digest(key.encode(), PURPOSE, "sha256")
    return base64.urlsafe_b64encode(made)
