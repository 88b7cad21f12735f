"""A token is renewed with its refresh token, and by a login if that is refused."""

from __future__ import annotations

import json
from datetime import datetime
from itertools import count
from typing import Any

import pytest
from redis import Redis

from providers.dukkango import Dukkango
from rescind.engine.provider_tokens import NoToken, Tokens
from rescind.ledger.seal import Seal, new_key
from rescind.provider.account import Account
from rescind.provider.http_messages import Reply, Request, json_request
from rescind.provider.interface import Token
from rescind.provider.outcomes import Held
from tests.providers.conftest import Wire, wire

__all__ = ["wire"]

_numbers = count(1)
VALUES = {"app_secret_key": "the-app-secret", "rest_secret_key": "the-other-secret"}
REFRESH = "the-refresh-token"


class Refreshing(Dukkango):
    """A provider whose logins give a refresh token."""

    def build_login(self, account: Any) -> Request:
        return json_request("POST", f"{account.base_url}/login", {"login": 1})

    def build_refresh(self, account: Any, refresh: str) -> Request:
        return json_request("POST", f"{account.base_url}/renew", {"renew": refresh})

    def parse_login(self, reply: Reply, now: datetime) -> Token | Held:
        document = reply.json_object()
        if not reply.ok:
            return Held(f"refused: {document}")
        return Token(document["token"], refresh=document.get("refresh"))


PROVIDER = Refreshing()
Server = dict[str, tuple[int, dict[str, str]]]


@pytest.fixture
def tokens(valkey_url: str) -> Tokens:
    return Tokens(Redis.from_url(valkey_url), Seal(new_key()))


@pytest.fixture
def lane() -> tuple[str, str]:
    return ("dukkango", f"refreshing-{next(_numbers)}")


@pytest.fixture
def account(wire: Wire) -> Account:
    base = f"http://{wire.host}:{wire.port}"
    return PROVIDER.account_model.model_validate({**VALUES, "base_url": base})


@pytest.fixture
def server(wire: Wire) -> Server:
    """The answers of the provider, by the path that is asked for."""
    answers = {
        "/login": (200, {"token": "first", "refresh": REFRESH}),
        "/renew": (200, {"token": "second"}),
    }

    def say(connection: Any) -> None:
        path = wire.requests[-1].split()[1].decode()
        status, document = answers[path]
        body = json.dumps(document)
        head = f"HTTP/1.1 {status} X\r\nContent-Length: {len(body)}\r\n"
        connection.sendall(f"{head}Connection: close\r\n\r\n{body}".encode())

    wire.says = say
    return answers


def paths(wire: Wire) -> list[str]:
    return [one.split()[1].decode() for one in wire.requests]


def test_a_refused_token_is_renewed_without_the_credentials(
    tokens: Tokens, lane: tuple[str, str], account: Account, wire: Wire, server: Server
) -> None:
    rule = PROVIDER.policy
    assert tokens.get(lane, PROVIDER, account, rule) == "first"
    assert tokens.get(lane, PROVIDER, account, rule, refused="first") == "second"
    assert paths(wire) == ["/login", "/renew"]
    assert REFRESH.encode() in wire.requests[1]


@pytest.mark.parametrize("answer", [(401, {"why": REFRESH}), (200, {"no": "token"})])
def test_a_login_follows_a_refused_refresh(
    tokens: Tokens,
    lane: tuple[str, str],
    account: Account,
    wire: Wire,
    server: Server,
    answer: tuple[int, dict[str, str]],
) -> None:
    rule = PROVIDER.policy
    tokens.get(lane, PROVIDER, account, rule)
    server["/renew"] = answer
    server["/login"] = (200, {"token": "third"})
    assert tokens.get(lane, PROVIDER, account, rule, refused="first") == "third"
    assert paths(wire) == ["/login", "/renew", "/login"]


def test_a_refresh_without_an_answer_is_tried_again(
    tokens: Tokens, lane: tuple[str, str], account: Account, wire: Wire, server: Server
) -> None:
    rule = PROVIDER.policy
    tokens.get(lane, PROVIDER, account, rule)
    server["/renew"] = (503, {})
    found = tokens.get(lane, PROVIDER, account, rule, refused="first")
    assert isinstance(found, NoToken)
    assert found.held is None
    server["/renew"] = (200, {"token": "second"})
    assert tokens.get(lane, PROVIDER, account, rule, refused="first") == "second"


def test_a_refresh_token_is_sealed_in_redis(
    tokens: Tokens, lane: tuple[str, str], account: Account, server: Server
) -> None:
    tokens.get(lane, PROVIDER, account, PROVIDER.policy)
    kept = tokens.redis.get(f"rescind-token:{lane[0]}:{lane[1]}:refresh")
    assert isinstance(kept, bytes)
    assert REFRESH.encode() not in kept
