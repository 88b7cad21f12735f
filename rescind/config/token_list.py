"""Reads a list of tokens: ``name:scopes:token`` or ``name:scopes@limit:token``.

A limit is ``provider/account``, or ``provider/account#group``. Several limits follow
each other, each with its ``@``. The provider may be ``*``; account and group may be
``*`` or end in ``*``. In a group, ``%2C`` stands for a comma, and so on: it has no
spaces and none of ``: , @ # % *``.

Two entries with one name are two values of one token, so that it can be rotated.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from hashlib import sha256
from urllib.parse import unquote

from rescind.config.actors import token_actor
from rescind.config.settings import SettingsError
from rescind.ledger.access_limits import ANY, EVERYTHING, Limit, Limits
from rescind.provider.discovery import NAME

SHORTEST = 16
"""The least number of characters of a token, because attackers can guess remotely."""
FORM = "name:scope+scope:token"
_NAME = re.compile(r"[\w.-]{1,40}", re.ASCII)
_LIMIT = re.compile(
    r"(?P<provider>\*|\w+)/(?P<account>[\w.-]{0,64}\*|[\w.-]{1,64})"
    r"(?:#(?P<group>(?:[^\s:,@#%*]|%[0-9A-Fa-f]{2}){1,600}\*?))?",
    re.ASCII,
)
Written = tuple[str, str]
"""Where an entry stands, and its text."""


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
    """One value of one caller's token. Only the digest of its secret is kept."""

    name: str
    scopes: frozenset[Scope]
    digest: bytes = field(repr=False)
    limits: Limits = EVERYTHING

    @property
    def actor(self) -> str:
        """The caller as the ledger's ``by``."""
        return token_actor(self.name)


def listed(setting: str, where: str) -> list[Written]:
    """The entries of a setting, which separates them by commas or spaces."""
    words = re.split(r"[,\s]+", setting.strip(", \t\n"))
    return [(f"{where}, number {n}", one) for n, one in enumerate(words, 1) if one]


def lines(text: str, where: str) -> list[Written]:
    """The entries of a file: one in each line; ``#`` begins a comment line."""
    found = [(n, one.strip()) for n, one in enumerate(text.splitlines(), 1)]
    return [(f"{where}, line {n}", one) for n, one in found if one and one[:1] != "#"]


def parsed(written: Iterable[Written]) -> tuple[Token, ...]:
    """The tokens; raises ``SettingsError``, whose text shows no token."""
    found: dict[str, Token] = {}
    tokens: list[Token] = []
    for where, one in written:
        token = _token(where, one)
        first = found.setdefault(token.name, token)
        if (first.scopes, first.limits) != (token.scopes, token.limits):
            raise _wrong(
                f"{where} ({token.name}): this name stands there already with other"
                " scopes or limits: give each caller a name of its own, and all values"
                " of one token the same scopes and limits"
            )
        tokens.append(token)
    _check_secrets(tokens)
    return tuple(tokens)


def _check_secrets(tokens: Sequence[Token]) -> None:
    if len({one.digest for one in tokens}) < len(tokens):
        raise _wrong(
            "two of RESCIND_API_TOKENS have the same token: give each caller its own"
        )


def _token(where: str, written: str) -> Token:
    # The message does not quote the setting, which may contain a token.
    name, _, rest = written.partition(":")
    allowed, _, secret = rest.partition(":")
    if not secret or not _NAME.fullmatch(name):
        raise _wrong(f"{where}: must be such as {FORM}")
    scopes, *limits = allowed.split("@")
    where = f"{where} ({name})"
    if len(secret) < SHORTEST or not secret.isascii():
        raise _wrong(
            f"{where}: the token must have at least {SHORTEST} characters, all of them"
            " ASCII; `openssl rand -hex 24` makes one"
        )
    found = _scopes(where, scopes)
    within = tuple(_limit(f"{where}, limit {n}", x) for n, x in enumerate(limits, 1))
    reach = Limits(within or EVERYTHING.listed, name, Scope.READ in found)
    return Token(name, found, digest_of(secret), reach)


def _scopes(where: str, written: str) -> frozenset[Scope]:
    try:
        return frozenset(Scope(one) for one in written.split("+"))
    except ValueError:
        known = ", ".join(Scope)
        raise _wrong(
            f"{where}: its scopes must be among {known}, joined by +"
        ) from None


def _limit(where: str, written: str) -> Limit:
    found = _LIMIT.fullmatch(written)
    if found is None:
        raise _wrong(
            f"{where}: must be such as notpanel/default, notpanel/* or"
            " notpanel/*#nightly-*"
        )
    # A provider that is not installed is no fault: else uninstalling a package would
    # close the API for everyone. `rescind doctor` warns of such a limit.
    if found["provider"] != ANY and not NAME.fullmatch(found["provider"]):
        raise _wrong(f"{where}: {found['provider']} is no provider's name")
    group = found["group"]
    if group is not None:
        group = _group(where, group)
    return Limit(found["provider"], found["account"], group)


def _group(where: str, written: str) -> str:
    try:
        group = unquote(written, errors="strict")
    except UnicodeDecodeError:
        raise _wrong(f"{where}: the group's % codes are not UTF-8") from None
    if ANY in group[:-1] or group.endswith(ANY) != written.endswith(ANY):
        raise _wrong(f"{where}: a group can have * only at its end")
    return group


def _wrong(says: str) -> SettingsError:
    return SettingsError(says, "api-tokens")


def digest_of(secret: str) -> bytes:
    return sha256(secret.encode("utf-8", "surrogatepass")).digest()
