"""Tests of doctor's credential checks: a firewall's page does not blame credentials."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import cast

import pytest

from providers.registry import BY_NAME
from rescind.cli.setup.account_fields import ways_in
from rescind.config.accounts import Accounts, LaneConfig
from rescind.engine.provider_tokens import NoToken, Tokens
from rescind.operations.credential_checks import (
    Lacking,
    LoginMeans,
    credential_checks,
)
from rescind.operations.findings import Check, Level
from rescind.provider.http import Evidence, Exchange
from rescind.provider.http_messages import Reply
from rescind.provider.interface import WithLogin
from rescind.provider.outcomes import Held
from tests.providers.conftest import Wire, wire

__all__ = ["wire"]
PAGE = "<html><title>Just a moment...</title></html>"
SUSPENDED = '{"error":"Account suspended"}'

PROBED = [name for name, one in BY_NAME.items() if not isinstance(one, WithLogin)]


LACKING = Lacking("Redis", "redis-unreachable")


def checked(name: str, tokens: LoginMeans = LACKING, **values: str) -> Check:
    provider = BY_NAME[name]
    account = provider.account_model.model_validate(values)
    lane = LaneConfig(provider, provider.policy, account)
    (found,) = credential_checks(Accounts({(name, "default"): lane}), tokens)
    return found


@pytest.mark.parametrize(
    ("body", "problem"),
    [(PAGE, "provider-gateway"), (SUSPENDED, "credentials-refused")],
)
def test_the_verdict_on_a_403_depends_on_who_answers(
    wire: Wire, body: str, problem: str
) -> None:
    head = f"HTTP/1.1 403 Forbidden\r\nContent-Length: {len(body)}\r\n\r\n"
    wire.answers(head, body)
    base = f"http://{wire.host}:{wire.port}"
    found = checked("notpanel", base_url=base, key="the-key")
    assert (found.level, found.problem) == (Level.WRONG, problem)
    assert ("credentials" in found.says) == (body == SUSPENDED)


@pytest.mark.parametrize("name", PROBED)
@pytest.mark.parametrize(
    ("status", "body"),
    [(404, "{}"), (404, PAGE), (405, PAGE), (200, "<html><h1>Welcome</h1></html>")],
)
def test_a_wrong_address_does_not_blame_the_credentials(
    wire: Wire, name: str, status: int, body: str
) -> None:
    head = f"HTTP/1.1 {status} X\r\nContent-Length: {len(body)}\r\n"
    wire.answers(f"{head}Location: https://elsewhere.example/\r\n\r\n", body)
    base = f"http://{wire.host}:{wire.port}"
    [way] = ways_in(BY_NAME[name])
    found = checked(name, LACKING, base_url=base, **dict.fromkeys(way, "k"))
    assert (found.level, found.problem) == (Level.WRONG, "base-url-wrong")
    assert "correct its base_url" in found.says
    assert "correct its credentials" not in found.says


@pytest.mark.parametrize("name", ["akinon", "dukkango"])
def test_a_login_at_a_wrong_address_does_not_blame_the_credentials(name: str) -> None:
    provider = BY_NAME[name]
    assert isinstance(provider, WithLogin)
    held = provider.parse_login(Reply(404, {}, b"{}"), datetime.now(UTC))
    assert isinstance(held, Held)
    tokens = cast("Tokens", NoLogin(held, 404))
    way = ways_in(provider)[-1]
    base = "https://shop.example"
    found = checked(name, tokens, base_url=base, **dict.fromkeys(way, "k"))
    assert (found.level, found.problem) == (Level.WRONG, "base-url-wrong")


class NoLogin:
    """Tokens whose login is held, for the reason ``held``."""

    def __init__(self, held: Held, status: int = 403) -> None:
        self.held, self.status = held, status

    def get(self, *_: object) -> NoToken:
        answer = Exchange(Evidence.ANSWERED, self.held, self.status)
        return NoToken(answer, self.held.why)


@pytest.mark.parametrize("by_gateway", [True, False])
def test_the_verdict_on_a_held_login_depends_on_who_answers(by_gateway: bool) -> None:
    tokens = cast("Tokens", NoLogin(Held("no entry", by_gateway)))
    base = "https://shop.example"
    found = checked("akinon", tokens, base_url=base, username="u", password="p")
    expected = "provider-gateway" if by_gateway else "credentials-refused"
    assert found.problem == expected
