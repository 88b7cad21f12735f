"""The suite that every provider passes finds what is wrong with one."""

from __future__ import annotations

import base64
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, ClassVar

import pytest

from providers.notpanel import NotPanel, NotPanelAccount
from rescind.provider.http_messages import Reply, Request
from rescind.provider.outcomes import Finding, Findings, Order, Outcome, Parsed, Reason
from rescind.provider.testing import Case, ProviderSuite
from tests.providers.cases import CASES

CANCELLED = Finding(Outcome.CANCELLED, Reason.CONFIRMED)


class Trusting(NotPanel):
    """Takes every answer as a success."""

    def parse_cancel(self, orders: Sequence[Order], reply: Reply) -> Parsed:
        return Findings({order.id: CANCELLED for order in orders})


class Hopeful(NotPanel):
    """Takes every reading as a success."""

    def parse_read(self, orders: Sequence[Order], reply: Reply) -> Parsed:
        return Findings({order.id: CANCELLED for order in orders})


class Forgetful(NotPanel):
    """Takes every reading as one of an active order."""

    def parse_read(self, orders: Sequence[Order], reply: Reply) -> Parsed:
        return Findings({o.id: Finding(Outcome.ACTIVE) for o in orders})


class Crashing(NotPanel):
    """Expects an object."""

    def parse_cancel(self, orders: Sequence[Order], reply: Reply) -> Parsed:
        reply.json()["order"]
        return Findings({})


class Loud(NotPanel):
    """Sends a secret in a form that no one masks."""

    def build_cancel(
        self, account: NotPanelAccount, token: str | None, orders: Sequence[Order]
    ) -> Request:
        secret = account.key.get_secret_value().encode()
        headers = {"X-Login": base64.b64encode(b"user:" + secret).decode()}
        return Request("POST", f"{account.base_url}/api", headers)


class Calm(NotPanel):
    """Reads every page as a reading that shows nothing."""

    def parse_read(self, orders: Sequence[Order], reply: Reply) -> Parsed:
        return Findings({})


class Strange(NotPanel):
    """Finds orders that nobody asked about."""

    def parse_cancel(self, orders: Sequence[Order], reply: Reply) -> Parsed:
        return Findings({"another": CANCELLED})


class Hasty(NotPanel):
    interface_version: ClassVar[int] = 0


def suite(provider: NotPanel) -> ProviderSuite:
    """The suite over ``provider``, which has the case of notpanel."""
    case: Case = replace(CASES["notpanel"], provider=provider)
    return type("Suite", (ProviderSuite,), {"case": case})()  # type: ignore[no-any-return]


Check = Callable[[ProviderSuite], Any]
CHECKS: dict[str, tuple[NotPanel, Check]] = {
    "a success that was none": (
        Trusting(),
        lambda one: one.test_what_is_said_of_an_order_is_true(""),
    ),
    "a success of a reading that was none": (
        Hopeful(),
        lambda one: one.test_what_is_said_of_an_order_is_true("drop_before"),
    ),
    "a cancelled order that is read as active": (
        Forgetful(),
        lambda one: one.test_what_is_said_of_an_order_is_true("drop_after"),
    ),
    "an outcome that the reply does not prove": (
        Trusting(),
        lambda one: one.test_any_member_of_a_reply_may_hold_any_value("cancel"),
    ),
    "an error of the parser": (
        Crashing(),
        lambda one: one.test_any_member_of_a_reply_may_hold_any_value("cancel"),
    ),
    "a secret in base64": (
        Loud(),
        ProviderSuite.test_a_reply_that_quotes_the_request_shows_no_secret,
    ),
    "another order": (
        Strange(),
        lambda one: one.test_the_documented_replies_prove_outcomes("cancel"),
    ),
    "another version": (
        Hasty(),
        ProviderSuite.test_the_class_is_what_the_registry_loads,
    ),
    "a wrong address": (
        Calm(),
        lambda one: one.test_a_wrong_address_does_not_prove_the_credentials(b"{}"),
    ),
}


@pytest.mark.parametrize("what", CHECKS)
def test_the_suite_finds(what: str) -> None:
    provider, check = CHECKS[what]
    with pytest.raises((AssertionError, LookupError, TypeError)):
        check(suite(provider))


@pytest.mark.parametrize("what", CHECKS)
def test_the_same_check_passes_for_the_provider_itself(what: str) -> None:
    _provider, check = CHECKS[what]
    check(suite(NotPanel()))
