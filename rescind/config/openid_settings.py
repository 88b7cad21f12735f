"""Sign-in by OpenID Connect: which provider, and what its users may do."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from urllib.parse import urlsplit

from rescind.config.access_tokens import Scope
from rescind.config.settings import Settings, SettingsError

PROBLEM = "openid"
EVERYONE = "*"
"""The role of every user of the provider."""


@dataclass(frozen=True, slots=True)
class OpenId:
    """The provider, the client that we are there, and the scopes of its roles."""

    issuer: str
    client_id: str
    client_secret: str | None = field(repr=False)
    base_url: str
    """Where browsers reach the dashboard, such as ``https://rescind.example.com``."""
    claim: str
    """The claim of the ID token that lists a user's roles."""
    roles: Mapping[str, frozenset[Scope]]

    @property
    def fingerprint(self) -> bytes:
        """Changes with the provider, the client and the roles: sessions then end."""
        roles = sorted(
            f"{role}:{'+'.join(sorted(s))}" for role, s in self.roles.items()
        )
        known = [self.issuer, self.client_id, self.claim, *roles]
        return sha256("\n".join(known).encode()).digest()

    def scopes_of(self, claims: Mapping[str, object]) -> frozenset[Scope]:
        """What the user with these claims may do."""
        given = claims.get(self.claim)
        listed = [given] if isinstance(given, str) else given
        held = listed if isinstance(listed, Sequence) else []
        names = {EVERYONE, *(one for one in held if isinstance(one, str))}
        granted = (self.roles[name] for name in names if name in self.roles)
        return frozenset().union(*granted)


def open_id(chosen: Settings) -> OpenId | None:
    """``None`` without RESCIND_OIDC_ISSUER; raises ``SettingsError``."""
    if not chosen.oidc_issuer:
        return None
    secret = chosen.oidc_client_secret
    return OpenId(
        issuer=_address("RESCIND_OIDC_ISSUER", chosen.oidc_issuer),
        client_id=_needed("RESCIND_OIDC_CLIENT_ID", chosen.oidc_client_id),
        client_secret=secret.get_secret_value() if secret else None,
        base_url=_address(
            "RESCIND_PUBLIC_URL", _needed("RESCIND_PUBLIC_URL", chosen.public_url)
        ).rstrip("/"),
        claim=chosen.oidc_claim,
        roles=_roles(_needed("RESCIND_OIDC_ROLES", chosen.oidc_roles)),
    )


def _needed(name: str, value: str | None) -> str:
    if not value:
        raise SettingsError(f"RESCIND_OIDC_ISSUER is set: set {name}, too", PROBLEM)
    return value


def _address(name: str, value: str) -> str:
    parts = urlsplit(value)
    local = parts.hostname in ("localhost", "127.0.0.1", "::1")
    secure = parts.scheme == "https" or (parts.scheme == "http" and local)
    if not secure or not parts.hostname or parts.query or parts.fragment:
        raise SettingsError(
            f"{name} must be an https address, such as https://login.example.com",
            PROBLEM,
        )
    return value


def _roles(listed: str) -> dict[str, frozenset[Scope]]:
    found = {}
    for one in filter(None, re.split(r"[,\s]+", listed)):
        role, _, scopes = one.rpartition(":")
        try:
            found[role] = frozenset(Scope(scope) for scope in scopes.split("+"))
        except ValueError:
            raise SettingsError(
                f"RESCIND_OIDC_ROLES: {one[:60]} must be such as"
                " operations:read+submit+operate, with scopes among"
                f" {', '.join(Scope)}; {EVERYONE} is every user",
                PROBLEM,
            ) from None
    return found
