"""Checks of the access to the HTTP API, for ``rescind doctor``."""

from __future__ import annotations

from collections.abc import Iterator

from providers.registry import BY_NAME
from rescind.config.access_tokens import (
    ENTRY_RATE,
    Token,
    access,
    check_host,
    rate_of,
)
from rescind.config.accounts import readable_by_others
from rescind.config.settings import Settings, SettingsError
from rescind.ledger.access_limits import ANY
from rescind.operations.findings import Check, Level


def access_check(chosen: Settings) -> Check:
    """Whether the settings of access are valid, and who may call."""
    try:
        check_host(chosen)
        rate_of(chosen.api_rate)
        rate_of(chosen.api_entry_rate, ENTRY_RATE)
        tokens = access(chosen).tokens
    except SettingsError as error:
        return Check("http door", Level.WRONG, str(error), error.problem)
    if not tokens:
        says = "there is no token yet: `rescind up` makes one"
        return Check("http door", Level.OK, says)
    allowed = dict.fromkeys(map(_allowed, tokens))
    says = f"callers: {', '.join(allowed)}"
    if chosen.api_tokens_file is not None:
        for warning in readable_by_others(chosen.api_tokens_file):
            return Check("http door", Level.WARNING, f"{warning}; {says}", "api-tokens")
    if absent := sorted({name for one in tokens for name in _absent(one)}):
        why = f"tokens are limited to {', '.join(absent)}, which is not installed"
        return Check("http door", Level.WARNING, f"{why}; {says}", "api-tokens")
    return Check("http door", Level.OK, says)


def _absent(token: Token) -> Iterator[str]:
    """The providers in the token's limits that are not installed."""
    for limit in token.limits.listed:
        if limit.provider != ANY and limit.provider not in BY_NAME:
            yield limit.provider


def _allowed(token: Token) -> str:
    scopes = ", ".join(sorted(token.scopes))
    limits = "" if token.limits.unlimited else f" for {token.limits}"
    return f"{token.name} ({scopes}{limits})"
