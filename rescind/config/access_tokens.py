"""Access to the HTTP API: named tokens with scopes and limits.

``RESCIND_API_TOKENS`` lists them, and ``RESCIND_API_TOKENS_FILE`` names a file with
more: see ``rescind.config.token_list``. If neither is set, ``rescind up`` makes a token
for the operator of this machine, in ``RESCIND_HOME``, and the API listens on the
loopback interface only.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Sequence
from ipaddress import ip_address
from pathlib import Path

import limits
from limits import RateLimitItem

from rescind.config.home import write_private
from rescind.config.path_ownership import check_ours
from rescind.config.settings import Settings, SettingsError
from rescind.config.token_list import (
    ALL,
    Scope,
    Token,
    Written,
    digest_of,
    listed,
    parsed,
)
from rescind.config.tokens_file import TokensFile

__all__ = ["ALL", "Access", "Scope", "Token", "access", "check_host", "rate_of"]
OWN_TOKEN = "api.token"  # noqa: S105  (a file's name)
RATE, ENTRY_RATE = "RESCIND_API_RATE", "RESCIND_API_ENTRY_RATE"


class Access:
    """The tokens that the HTTP API accepts now: those of a file may change."""

    def __init__(
        self, tokens: Sequence[Token] = (), file: TokensFile | None = None
    ) -> None:
        self._tokens, self._file = tokens, file

    @property
    def tokens(self) -> Sequence[Token]:
        return self._tokens if self._file is None else self._file.current()

    def token(self, shown: str) -> Token | None:
        """The token whose secret is ``shown``; takes the same time for a wrong one."""
        digest, found = digest_of(shown), None
        for one in self.tokens:
            if hmac.compare_digest(one.digest, digest):
                found = one
        return found


def access(chosen: Settings) -> Access:
    """The accepted tokens; raises ``SettingsError``, whose text shows no token."""
    written = _written(chosen)
    if chosen.api_tokens_file is not None:
        return Access(file=TokensFile(chosen.api_tokens_file, written))
    if written:
        return Access(parsed(written))
    own = _own(chosen.home / OWN_TOKEN)
    if own is None:
        return Access()
    return Access((Token("operator", ALL, digest_of(own)),))


def _written(chosen: Settings) -> list[Written]:
    setting = chosen.api_tokens.get_secret_value() if chosen.api_tokens else ""
    return listed(setting, "RESCIND_API_TOKENS") if setting.strip() else []


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
    return chosen.api_tokens_file is not None or bool(_written(chosen))


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
