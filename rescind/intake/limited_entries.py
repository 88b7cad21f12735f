"""Entries of callers that are limited to some providers, accounts and groups."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from providers.registry import BY_NAME
from rescind.ledger.access_limits import EVERYTHING, Limits
from rescind.provider.outcomes import InvalidRequestError
from rescind.provider.refusal_codes import RefusalCode


@dataclass(frozen=True, slots=True)
class LimitedEntry:
    """An entry, and the limits of the caller that submitted it."""

    entry: object
    limits: Limits


def limited(entries: Sequence[object], limits: Limits) -> Sequence[object]:
    """``entries`` as intake takes them from a caller with ``limits``."""
    if limits.unlimited and limits.reads:
        return entries
    return [LimitedEntry(one, limits) for one in entries]


def opened(entry: object) -> tuple[object, Limits]:
    """The entry as its producer wrote it, and the limits of the producer."""
    if isinstance(entry, LimitedEntry):
        return entry.entry, entry.limits
    return entry, EVERYTHING


def check_lane(entry: object, limits: Limits) -> None:
    """Raises ``InvalidRequestError`` for a lane of others.

    This comes before all other checks: their messages name accounts. What has no valid
    lane is refused by the other checks.
    """
    if limits.unlimited or not isinstance(entry, Mapping):
        return
    provider, account = entry.get("provider"), entry.get("account")
    account = "default" if account is None else account
    if not isinstance(provider, str) or provider not in BY_NAME:
        return
    if isinstance(account, str) and not limits.touches(provider, account):
        param = "/account" if _has(entry) else "/provider"
        raise outside("this provider or account", param, limits)


def _has(entry: Mapping[Any, Any]) -> bool:
    return entry.get("account") is not None


def check_group(provider: str, account: str, group: str | None, limits: Limits) -> None:
    """Raises ``InvalidRequestError`` for a group of others, or if none is given where
    the caller is limited to some."""
    if not limits.allows(provider, account, group):
        what = "this group" if group else "a cancellation without a group"
        raise outside(what, "/group", limits)


def outside(what: str, param: str, limits: Limits) -> InvalidRequestError:
    return InvalidRequestError(
        f"{what} is outside the limits of the token, which are {limits}",
        RefusalCode.OUTSIDE_LIMITS,
        param,
    )
