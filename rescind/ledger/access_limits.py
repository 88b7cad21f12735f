"""What a caller may see and do: providers, accounts and groups, as patterns.

A pattern is a text, or the beginning of one followed by ``*``. A caller whose limits
are narrower than everything has its own keys: in the ledger they begin with
``token:NAME:``. So its keys never meet those of another caller.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

ANY = "*"
OWN_KEY = "token:"
"""Prefix of the keys of a limited token's cancellations."""


@dataclass(frozen=True, slots=True)
class Limit:
    """Lanes, and if ``group`` is given, only those of their cancellations that are in
    a group that matches."""

    provider: str = ANY
    account: str = ANY
    group: str | None = None

    def __str__(self) -> str:
        group = "" if self.group is None else f"#{self.group}"
        return f"{self.provider}/{self.account}{group}"

    def has_lane(self, provider: str, account: str) -> bool:
        return matches(self.provider, provider) and matches(self.account, account)

    def has_group(self, group: str | None) -> bool:
        if self.group is None:
            return True
        return group is not None and matches(self.group, group)


EVERY_LIMIT = Limit()


@dataclass(frozen=True, slots=True)
class Limits:
    """All limits of one caller: what any of them allows is allowed."""

    listed: Sequence[Limit] = ()
    owner: str = ""
    """The name of the token, which its keys carry if it is limited."""
    reads: bool = True
    """Whether the caller may read cancellations at all."""

    def __str__(self) -> str:
        return ", ".join(map(str, self.listed))

    @property
    def unlimited(self) -> bool:
        return EVERY_LIMIT in self.listed

    def allows(self, provider: str, account: str, group: str | None) -> bool:
        """Whether a cancellation of this lane and group is within the limits."""
        return any(
            one.has_lane(provider, account) and one.has_group(group)
            for one in self.listed
        )

    def allows_lane(self, provider: str, account: str) -> bool:
        """Whether all cancellations of the lane are within the limits."""
        return any(
            one.group is None and one.has_lane(provider, account) for one in self.listed
        )

    def allows_group(self, group: str | None) -> bool:
        """Whether all cancellations of the group are within the limits."""
        # Only a pattern of every name matches the star itself.
        return any(
            one.has_lane(ANY, ANY) and one.has_group(group) for one in self.listed
        )

    def touches(self, provider: str, account: str) -> bool:
        """Whether some cancellations of the lane may be within the limits."""
        return any(one.has_lane(provider, account) for one in self.listed)

    def touches_provider(self, provider: str) -> bool:
        """Whether some cancellations of the provider may be within the limits."""
        return any(matches(one.provider, provider) for one in self.listed)

    def stored_key(self, key: str) -> str:
        """The key under which the ledger keeps a cancellation of this caller."""
        return key if self.unlimited else f"{OWN_KEY}{self.owner}:{key}"

    def shown_key(self, key: str) -> str:
        """The key as this caller sent it."""
        return key if self.unlimited else key.removeprefix(self.stored_key(""))


EVERYTHING = Limits((EVERY_LIMIT,))


def producers_key(key: str) -> str:
    """A key of the ledger as its producer sent it."""
    return key.split(":", 2)[-1] if key.startswith(OWN_KEY) else key


def matches(pattern: str, text: str) -> bool:
    """Whether ``text`` matches ``pattern``, which may end in ``*``."""
    if pattern.endswith(ANY):
        return text.startswith(pattern[:-1])
    return text == pattern
