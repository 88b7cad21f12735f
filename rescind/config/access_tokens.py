"""Access to the HTTP API: named tokens with scopes.

``RESCIND_API_TOKENS`` lists them as ``name:scope+scope:token``, separated by commas or
spaces. If it is not set, ``rescind up`` makes a token for the operator of this machine,
in ``RESCIND_HOME``, and the API listens on the loopback interface only.
"""

from __future__ import annotations

import hmac
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from hashlib import sha256
from ipaddress import ip_address
from pathlib import Path

import limits
from limits import RateLimitItem

from rescind.config.actors import token_actor
from rescind.config.home import write_private
from rescind.config.path_ownership import check_ours
from rescind.config.settings import Settings, SettingsError

OWN_TOKEN = "api.token"  # noqa: S105  (a file's name)
SHORTEST = 16
"""The least number of characters of a token, because attackers can guess remotely."""
_NAME = re.compile(r"[\w.-]{1,40}", re.ASCII)
FORM = "name:scope+scope:token"
RATE, ENTRY_RATE = "RESCIND_API_RATE", "RESCIND_API_ENTRY_RATE"


class Scope(StrEnum):
    SUBMIT = "submit"
    """Submit cancellations, and withdraw those that were not sent."""
    READ = "read"
    """Read cancellations, groups and lanes."""
    OPERATE = "operate"
    """Hold and resume lanes, retry and withdraw cancellations, resend deliveries."""


ALL = frozenset(Scope)


@dataclass(frozen=True, slots=True)
class Token:
    """One caller. Only the digest of its secret is kept."""

    name: str
    scopes: frozenset[Scope]
    digest: bytes = field(repr=False)

    @property
    def actor(self) -> str:
        """The caller as the ledger's ``by``."""
        return token_actor(self.name)


@dataclass(frozen=True, slots=True)
class Access:
    """The tokens that the HTTP API accepts."""

    tokens: Sequence[Token] = ()

    def token(self, shown: str) -> Token | None:
        """The token whose secret is ``shown``; takes the same time for a wrong one."""
        digest, found = _digest(shown), None
        for one in self.tokens:
            if hmac.compare_digest(one.digest, digest):
                found = one
        return found


def access(chosen: Settings) -> Access:
    """The accepted tokens; raises ``SettingsError``, whose text shows no token."""
    listed = chosen.api_tokens.get_secret_value() if chosen.api_tokens else ""
    if listed.strip():
        return Access(_parsed(listed))
    own = _own(chosen.home / OWN_TOKEN)
    if own is None:
        return Access()
    return Access((Token("operator", ALL, _digest(own)),))


def check_host(chosen: Settings) -> None:
    """Raises ``SettingsError`` if others could reach the HTTP API without tokens."""
    if _is_loopback(chosen.api_host) or _has_tokens(chosen):
        return
    raise SettingsError(
        f"the HTTP API would listen on {chosen.api_host} without tokens: set"
        " RESCIND_API_TOKENS to name:scope+scope:token (several, separated by"
        " commas), or leave RESCIND_API_HOST unset",
        "api-tokens",
    )


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _has_tokens(chosen: Settings) -> bool:
    # The operator's own token does not count: it is for use on this machine only.
    listed = chosen.api_tokens.get_secret_value() if chosen.api_tokens else ""
    return bool(listed.strip())


def rate_of(text: str, name: str = RATE) -> RateLimitItem:
    """The rate limit of each token; raises ``SettingsError``."""
    try:
        return limits.parse(text)
    except ValueError:
        raise SettingsError(
            f"{name} {text[:40]!r} must be such as 600/minute or 20/second"
        ) from None


def make_own(home: Path) -> Path:
    """The path of the operator's own token, which is created if it is missing."""
    path = home / OWN_TOKEN
    if _own(path) is None:
        write_private(path, f"{secrets.token_urlsafe(24)}\n")
    return path


def _own(path: Path) -> str | None:
    check_ours(path)
    try:
        return path.read_text().strip() or None
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError):
        raise SettingsError(f"{path} cannot be read: remove it", "api-tokens") from None


def _parsed(listed: str) -> tuple[Token, ...]:
    found = [
        _token(place, one)
        for place, one in enumerate(re.split(r"[,\s]+", listed.strip(", \t\n")), 1)
    ]
    for said in ("name", "digest"):
        if len({getattr(one, said) for one in found}) < len(found):
            raise SettingsError(
                f"two of RESCIND_API_TOKENS have the same"
                f" {'name' if said == 'name' else 'token'}: give each caller its own",
                "api-tokens",
            )
    return tuple(found)


def _token(place: int, written: str) -> Token:
    # The message does not quote the setting, which may contain a token.
    where = f"RESCIND_API_TOKENS, number {place}"
    name, _, rest = written.partition(":")
    scopes, _, secret = rest.partition(":")
    if not secret or not _NAME.fullmatch(name):
        raise SettingsError(f"{where}: must be such as {FORM}", "api-tokens")
    try:
        allowed = frozenset(Scope(one) for one in scopes.split("+"))
    except ValueError:
        known = ", ".join(Scope)
        raise SettingsError(
            f"{where} ({name}): its scopes must be among {known}, joined by +",
            "api-tokens",
        ) from None
    if len(secret) < SHORTEST or not secret.isascii():
        raise SettingsError(
            f"{where} ({name}): the token must have at least {SHORTEST} characters, all"
            " of them ASCII; `openssl rand -hex 24` makes one",
            "api-tokens",
        )
    return Token(name, allowed, _digest(secret))


def _digest(secret: str) -> bytes:
    return sha256(secret.encode("utf-8", "surrogatepass")).digest()
