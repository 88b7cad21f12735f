"""The client of an OpenID Connect provider: its addresses, its keys, and the sign-in.

The authorization code flow with PKCE. The ID token is verified by the provider's keys,
and by issuer, audience, time and nonce.
"""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import requests
from authlib.common.errors import AuthlibBaseError
from authlib.integrations.requests_client import OAuth2Session
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from rescind.config.access_tokens import Scope
from rescind.config.openid_settings import OpenId
from rescind.dashboard.translation import _

SECONDS = 10.0
"""Longest time of one request to the provider."""
KNOWN_FOR = 3600.0
"""Seconds for which the provider's addresses and keys are kept."""
ALGORITHMS = ["RS256", "RS384", "RS512", "PS256", "ES256", "ES384", "EdDSA"]
"""Only signatures by a key of the provider: never ``none``, never a shared secret."""
LEEWAY = 60
CALLBACK = "/desk/openid/callback"
_NAMES = ("email", "preferred_username", "sub")


class OpenIdError(Exception):
    """The sign-in did not succeed; the text is a sentence for the user."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """What ties the provider's answer to the browser that asked."""

    state: str
    nonce: str
    verifier: str

    @classmethod
    def new(cls) -> Attempt:
        return cls(*(secrets.token_urlsafe(48) for _ in range(3)))


@dataclass(frozen=True, slots=True)
class User:
    """A user whom the provider has identified."""

    name: str
    scopes: frozenset[Scope]


class OpenIdClient:
    """One provider. Safe from any thread."""

    def __init__(self, chosen: OpenId) -> None:
        self.chosen = chosen
        self._lock = threading.Lock()
        self._known: Mapping[str, Any] = {}
        self._keys: Any = None
        self._known_until = 0.0

    def address(self, attempt: Attempt) -> str:
        """Where the browser is sent to sign in; raises ``OpenIdError``."""
        known, _ = self._provider()
        with self._session() as session:
            where, _state = session.create_authorization_url(
                known["authorization_endpoint"],
                state=attempt.state,
                nonce=attempt.nonce,
                code_verifier=attempt.verifier,
            )
        return str(where)

    def user(self, attempt: Attempt, code: str) -> User:
        """The user whom the provider's answer names; raises ``OpenIdError``."""
        known, keys = self._provider()
        token = self._token(known, attempt, code)
        claims = self._claims(token, keys, attempt)
        name = next((str(claims[n]) for n in _NAMES if claims.get(n)), "")
        if not name:
            raise OpenIdError(_("The sign-in provider sent no name of the user."))
        return User(name[:100], self.chosen.scopes_of(claims))

    def _session(self) -> OAuth2Session:
        return OAuth2Session(
            self.chosen.client_id,
            self.chosen.client_secret,
            scope="openid profile email",
            redirect_uri=self.chosen.base_url + CALLBACK,
            code_challenge_method="S256",
            default_timeout=SECONDS,
        )

    def _token(self, known: Mapping[str, Any], attempt: Attempt, code: str) -> str:
        try:
            with self._session() as session:
                found = session.fetch_token(
                    known["token_endpoint"], code=code, code_verifier=attempt.verifier
                )
            return str(found["id_token"])
        except (requests.RequestException, AuthlibBaseError, KeyError, ValueError) as e:
            raise OpenIdError(
                _(
                    "The sign-in provider did not accept the sign-in (%(why)s): try"
                    " again.",
                    why=type(e).__name__,
                )
            ) from None

    def _claims(self, token: str, keys: Any, attempt: Attempt) -> Mapping[str, Any]:
        expected = jwt.JWTClaimsRegistry(
            leeway=LEEWAY,
            iss={"essential": True, "value": self.chosen.issuer},
            aud={"essential": True, "value": self.chosen.client_id},
            exp={"essential": True},
            iat={"essential": True},
            nonce={"essential": True, "value": attempt.nonce},
        )
        try:
            decoded = jwt.decode(token, keys, algorithms=ALGORITHMS)
            expected.validate(decoded.claims)
        except (JoseError, ValueError) as error:
            self._known_until = 0.0  # its keys may have changed: read them again
            raise OpenIdError(
                _(
                    "The sign-in provider's answer is not valid (%(why)s): try again.",
                    why=type(error).__name__,
                )
            ) from None
        return decoded.claims

    def _provider(self) -> tuple[Mapping[str, Any], Any]:
        """The provider's addresses and keys, from its discovery document."""
        with self._lock:
            if time.monotonic() >= self._known_until:
                self._known, self._keys = self._discovered()
                self._known_until = time.monotonic() + KNOWN_FOR
            return self._known, self._keys

    def _discovered(self) -> tuple[Mapping[str, Any], Any]:
        where = self.chosen.issuer.rstrip("/") + "/.well-known/openid-configuration"
        try:
            known = requests.get(where, timeout=SECONDS, allow_redirects=False).json()
            if known["issuer"] != self.chosen.issuer:
                raise OpenIdError(
                    _(
                        "The sign-in provider calls itself by another name than"
                        " RESCIND_OIDC_ISSUER."
                    )
                )
            keys = requests.get(known["jwks_uri"], timeout=SECONDS).json()
            return known, KeySet.import_key_set(keys)
        except (requests.RequestException, JoseError, KeyError, ValueError, TypeError):
            raise OpenIdError(
                _(
                    "The sign-in provider cannot be reached, or its configuration"
                    " cannot be read: try again later, or use an access token."
                )
            ) from None
