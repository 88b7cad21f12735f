"""Checks each account's credentials, without a side effect at the provider."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from redis import RedisError

from rescind.config.accounts import Accounts, Lane, LaneConfig
from rescind.engine.provider_tokens import NoToken, Tokens
from rescind.operations.findings import Check, Level
from rescind.provider.account import Account
from rescind.provider.error_pages import ADDRESS_WRONG
from rescind.provider.http import Evidence, Exchange, exchange
from rescind.provider.interface import WithLogin
from rescind.provider.outcomes import Held, TokenRefused

AT_ONCE = 8
SERVER_ERRORS = 500
"""From this HTTP status on, the server itself says that it fails."""


@dataclass(frozen=True, slots=True)
class Lacking:
    """What a login needs and is not there, and the problem to solve."""

    what: str
    problem: str


LoginMeans = Tokens | Lacking


def credential_checks(accounts: Accounts, tokens: LoginMeans) -> Iterator[Check]:
    """One check for each account."""
    with ThreadPoolExecutor(AT_ONCE) as threads:
        lanes = sorted(accounts.lanes.items())
        yield from threads.map(lambda item: _lane(item[0], item[1], tokens), lanes)


def _lane(lane: Lane, config: LaneConfig, tokens: LoginMeans) -> Check:
    what = "/".join(lane)
    if config.fault is not None or config.account is None:
        says = f"{config.fault}; until that is corrected, the lane is held"
        return Check(what, Level.WRONG, says, "account-wrong")
    try:
        return _probed(what, lane, config, config.account, tokens)
    except (RedisError, OSError) as error:
        says = f"no token could be obtained: {error}"
        return Check(what, Level.UNREACHABLE, says, "redis-unreachable")


def _probed(
    what: str,
    lane: Lane,
    config: LaneConfig,
    account: Account,
    tokens: LoginMeans,
) -> Check:
    token: str | None = None
    for _ in range(2):
        if isinstance(config.provider, WithLogin):
            if isinstance(tokens, Lacking):
                says = f"not tried: its login needs {tokens.what}"
                return Check(what, Level.WARNING, says, tokens.problem)
            had = tokens.get(lane, config.provider, account, config.policy, token)
            if isinstance(had, NoToken):
                return _without_token(what, had)
            token = had
        request = config.provider.build_probe(account, token)
        if request is None:
            return Check(what, Level.OK, _without_probe(config.provider, account))
        secrets = (*account.secrets(), *([token] if token else []))
        answer = exchange(request, config.provider.parse_probe, config.policy, secrets)
        # A stored token may have been revoked: the second round logs in again.
        if token is None or not isinstance(answer.parsed, TokenRefused):
            break
    return _verdict(what, answer)


def _without_probe(provider: Any, account: Account) -> str:
    static = isinstance(provider, WithLogin) and provider.static_token(account)
    if static:
        return "not tried: any request would use up one of the provider's calls"
    return "the login works"


def _without_token(what: str, missing: NoToken) -> Check:
    refused = missing.exchange.parsed
    if missing.held is not None and not isinstance(refused, Held):
        return _refused(what, missing.held)
    return _verdict(what, missing.exchange)


def _refused(what: str, why: str) -> Check:
    says = f"{why}: correct its credentials in the accounts file"
    return Check(what, Level.WRONG, says, "credentials-refused")


def _elsewhere(what: str, why: str) -> Check:
    says = f"{why}: correct its base_url in the accounts file; the credentials were"
    return Check(what, Level.WRONG, f"{says} not checked", "base-url-wrong")


def _verdict(what: str, answer: Exchange) -> Check:
    match answer.parsed:
        case Held(why) if answer.status in ADDRESS_WRONG:
            return _elsewhere(what, why)
        case Held(why, by_gateway=True):
            return Check(what, Level.WRONG, why, "provider-gateway")
        case Held(why) | TokenRefused(why):
            return _refused(what, why)
    if answer.evidence is Evidence.ANSWERED:
        return Check(what, Level.OK, "the credentials are valid")
    if answer.evidence is Evidence.THROTTLED:
        says = "the provider asks to wait: try again later"
        return Check(what, Level.WARNING, says, "provider-throttles")
    return _unanswered(what, answer)


def _unanswered(what: str, answer: Exchange) -> Check:
    """The verdict on a call without an answer in the provider's form."""
    if answer.status is not None and answer.status < SERVER_ERRORS:
        why = f"what answered is not the provider's API ({answer.detail})"
        return _elsewhere(what, why)
    says = f"it cannot be reached: {answer.detail}; check base_url and the network"
    if answer.status is not None:
        says = f"it answers with an error ({answer.detail}): try again later"
    return Check(what, Level.UNREACHABLE, says, "provider-unreachable")
