"""Workers share a token, sealed, and no two of them log in at once."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from typing import Any

import pytest
from redis import Redis

from providers.registry import BY_NAME
from rescind.engine.provider_tokens import NoToken, Tokens
from rescind.ledger.seal import Seal, new_key
from rescind.provider.account import Account
from rescind.provider.http import Evidence
from rescind.provider.interface import WithLogin
from rescind.sandbox import Sandbox, running

_numbers = count(1)
DUKKANGO: WithLogin[Any] = BY_NAME["dukkango"]  # type: ignore[assignment]


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with running(auto=False) as found:
        yield found


@pytest.fixture
def lane() -> tuple[str, str]:
    return ("dukkango", f"branch-{next(_numbers)}")


def account(sandbox: Sandbox, **changes: str) -> Account:
    values = {
        "app_secret_key": "the-app-secret",
        "rest_secret_key": "the-restaurant-secret",
        "base_url": sandbox.base_url("dukkango"),
        **changes,
    }
    return DUKKANGO.account_model.model_validate(values)


@pytest.fixture
def tokens(valkey_url: str) -> Tokens:
    return Tokens(Redis.from_url(valkey_url), Seal(new_key()))


def logins(sandbox: Sandbox) -> int:
    return int(sandbox.calls()["logins"].get("dukkango", 0))


def test_many_workers_log_in_once(
    sandbox: Sandbox, valkey_url: str, lane: tuple[str, str]
) -> None:
    before, seal = logins(sandbox), Seal(new_key())

    def worker(_: int) -> str | NoToken:
        mine = Tokens(Redis.from_url(valkey_url), seal)
        return mine.get(lane, DUKKANGO, account(sandbox), DUKKANGO.policy)

    with ThreadPoolExecutor(8) as pool:
        found = set(pool.map(worker, range(8)))
    assert len(found) == 1
    assert logins(sandbox) == before + 1


def test_a_refused_token_is_renewed_once_for_all(
    sandbox: Sandbox, tokens: Tokens, lane: tuple[str, str]
) -> None:
    who, rule = account(sandbox), DUKKANGO.policy
    old = tokens.get(lane, DUKKANGO, who, rule)
    assert isinstance(old, str)
    before = logins(sandbox)
    new = tokens.get(lane, DUKKANGO, who, rule, refused=old)
    assert tokens.get(lane, DUKKANGO, who, rule, refused=old) == new != old
    assert logins(sandbox) == before + 1


def test_tokens_in_redis_are_sealed(
    sandbox: Sandbox, tokens: Tokens, valkey_url: str, lane: tuple[str, str]
) -> None:
    token = tokens.get(lane, DUKKANGO, account(sandbox), DUKKANGO.policy)
    assert isinstance(token, str)
    client = Redis.from_url(valkey_url)
    kept = client.get(f"rescind-token:{lane[0]}:{lane[1]}")
    assert isinstance(kept, bytes)
    assert token.encode() not in kept
    lasts = client.ttl(f"rescind-token:{lane[0]}:{lane[1]}")
    assert isinstance(lasts, int)
    assert 0 < lasts <= 23 * 3600


def test_refused_credentials_hold_the_lane(
    sandbox: Sandbox, tokens: Tokens, lane: tuple[str, str]
) -> None:
    who = account(sandbox, rest_secret_key="wrong")
    found = tokens.get(lane, DUKKANGO, who, DUKKANGO.policy)
    assert isinstance(found, NoToken)
    assert found.held


def test_a_login_that_fails_is_no_reason_to_hold(
    sandbox: Sandbox, tokens: Tokens, lane: tuple[str, str]
) -> None:
    sandbox.script("dukkango", "login", "error_503_before")
    found = tokens.get(lane, DUKKANGO, account(sandbox), DUKKANGO.policy)
    assert isinstance(found, NoToken)
    assert found.held is None
    assert found.exchange.evidence is Evidence.MAYBE_DONE


def test_a_token_of_the_accounts_file_is_not_renewed(
    tokens: Tokens, lane: tuple[str, str]
) -> None:
    who = DUKKANGO.account_model.model_validate({"access_token": "a-static-token"})
    assert tokens.get(lane, DUKKANGO, who, DUKKANGO.policy) == "a-static-token"
    again = tokens.get(lane, DUKKANGO, who, DUKKANGO.policy, refused="a-static-token")
    assert isinstance(again, NoToken)
    assert again.held is not None
    assert "a-static-token" not in again.held
