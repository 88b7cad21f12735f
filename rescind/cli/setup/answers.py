"""What was answered, as the two files that keep it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

PLAIN = re.compile(r"[\w@%+=:,./-]+", re.ASCII)
BARE = re.compile(r"[\w-]+", re.ASCII)


@dataclass(frozen=True, slots=True)
class Credential:
    """One value of an account: itself, or where it is to be found."""

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
    """One account, as it will stand in the accounts file."""

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
    """All that was answered."""

    accounts: Sequence[AccountAnswer]
    settings: Mapping[str, str] = field(repr=False)
    """Variables of ``.env``, the accounts' own apart."""
    shown: Mapping[str, str] = field(default_factory=dict, repr=False)
    """What was made, and has to be told to somebody else: said once."""

    def variables(self) -> dict[str, str]:
        """Everything that ``.env`` is to hold."""
        kept = [one for account in self.accounts for one in account.credentials]
        theirs = {one.variable: one.value for one in kept if one.variable is not None}
        return {**self.settings, **theirs}

    def accounts_toml(self) -> str:
        return "\n".join(account.toml() for account in self.accounts)

    def env_text(self) -> str:
        lines = [f"{name}={env_value(v)}\n" for name, v in self.variables().items()]
        return "".join(lines)


def env_value(value: str) -> str:
    """``value`` as it is written in a ``.env`` file."""
    if PLAIN.fullmatch(value):
        return value
    escaped = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


def _text(value: str) -> str:
    # A JSON text is a TOML text as well, unless it holds escaped surrogates.
    return json.dumps(value, ensure_ascii=False)
