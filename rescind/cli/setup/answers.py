"""The user's answers, and their form in the accounts file and in ``.env``."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

PLAIN = re.compile(r"[\w@%+=:,./-]+", re.ASCII)
BARE = re.compile(r"[\w-]+", re.ASCII)


@dataclass(frozen=True, slots=True)
class Credential:
    """One credential of an account: its value, its variable or its file."""

    name: str
    value: str = field(repr=False)
    variable: str | None = None
    """The variable of ``.env`` that holds it."""
    file: str | None = None

    def toml(self) -> str:
        if self.variable is not None:
            return f"{{ env = {_text(self.variable)} }}"
        if self.file is not None:
            return f"{{ file = {_text(self.file)} }}"
        return _text(self.value)


@dataclass(frozen=True, slots=True)
class AccountAnswer:
    """One account, with its form in the accounts file."""

    provider: str
    account: str
    base_url: str | None
    credentials: Sequence[Credential]

    def toml(self) -> str:
        quoted = BARE.fullmatch(self.account) is None
        name = _text(self.account) if quoted else self.account
        lines = [f"[{self.provider}.{name}]"]
        if self.base_url is not None:
            lines.append(f"base_url = {_text(self.base_url)}")
        lines += [f"{one.name} = {one.toml()}" for one in self.credentials]
        return "\n".join(lines) + "\n"


@dataclass(frozen=True, slots=True)
class Answers:
    """All answers."""

    accounts: Sequence[AccountAnswer]
    settings: Mapping[str, str] = field(repr=False)
    """Variables of ``.env``, without those of the accounts."""
    shown: Mapping[str, str] = field(default_factory=dict, repr=False)
    """New secrets that the user passes on to others; they are printed once."""

    def variables(self) -> dict[str, str]:
        """All variables of ``.env``."""
        kept = [one for account in self.accounts for one in account.credentials]
        theirs = {one.variable: one.value for one in kept if one.variable is not None}
        return {**self.settings, **theirs}

    def accounts_toml(self) -> str:
        return "\n".join(account.toml() for account in self.accounts)

    def env_text(self) -> str:
        lines = [f"{name}={env_value(v)}\n" for name, v in self.variables().items()]
        return "".join(lines)


def env_value(value: str) -> str:
    """``value`` quoted for a ``.env`` file."""
    if PLAIN.fullmatch(value):
        return value
    escaped = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


def _text(value: str) -> str:
    # A JSON string is also a TOML string, unless it has escaped surrogates.
    return json.dumps(value, ensure_ascii=False)
