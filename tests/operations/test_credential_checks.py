"""Tests of doctor's credential checks: a firewall's page does not blame credentials."""

from __future__ import annotations

from typing import cast

import pytest

from providers.registry import BY_NAME
from rescind.config.accounts import Accounts, LaneConfig
from rescind.engine.provider_tokens import NoToken, Tokens
from rescind.operations.credential_checks import credential_checks
from rescind.operations.findings import Check, Level
from rescind.provider.http import Evidence, Exchange
from rescind.provider.outcomes import Held
from tests.providers.conftest import Wire, wire

__all__ = ["wire"]
PAGE = "<html><title>Just a moment...</title></html>"
SUSPENDED = '{"error":"Account suspended"}'


def checked(name: str, tokens: Tokens | None = None, **values: str) -> Check:
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


class NoLogin:
    """Tokens whose login is held, for the reason ``held``."""

    def __init__(self, held: Held) -> None:
        self.held = held

    def get(self, *_: object) -> NoToken:
        return NoToken(Exchange(Evidence.ANSWERED, self.held), self.held.why)


@pytest.mark.parametrize("by_gateway", [True, False])
def test_the_verdict_on_a_held_login_depends_on_who_answers(by_gateway: bool) -> None:
    tokens = cast("Tokens", NoLogin(Held("no entry", by_gateway)))
    base = "https://shop.example"
    found = checked("akinon", tokens, base_url=base, username="u", password="p")
    expected = "provider-gateway" if by_gateway else "credentials-refused"
    assert found.problem == expected
