"""The suite that every provider passes finds what is wrong with one."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar

import pytest

from providers.notpanel import NotPanel, NotPanelAccount
from rescind.provider.http_messages import Reply, Request
from rescind.provider.outcomes import Finding, Findings, Order, Outcome, Parsed, Reason
from rescind.provider.policy import Policy
from rescind.provider.testing import Case, ProviderSuite
from rescind.sandbox import Call, Notes, Settings
from rescind.sandbox import Reply as Answer
from rescind.sandbox import Request as Sent
from rescind.sandbox.notpanel import NotPanel as NotPanelSimulation
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


class Repeating(NotPanel):
    """Sends a cancel again, which its simulation does not permit."""

    policy: ClassVar[Policy] = NotPanel.policy.overridden({"repeatable": True})


class Vanishing(NotPanel):
    """Takes an order that is not there for one that its own call cancelled."""

    policy: ClassVar[Policy] = NotPanel.policy.overridden(
        {"cancelled_may_vanish": True}
    )

    def parse_read(self, orders: Sequence[Order], reply: Reply) -> Parsed:
        return Findings({order.id: Finding(Outcome.GONE) for order in orders})


class Silent(NotPanelSimulation):
    """Does not note what it cancels."""

    def open(self, request: Sent, path: str) -> Call | None:
        call = super().open(request, path)
        return call and Call(call.op, call.ids, lambda notes: _forgetting(call, notes))


def _forgetting(call: Call, notes: Notes) -> Answer:
    reply = call.run(notes)
    notes.acted.clear()
    return reply


class Misnamed(NotPanelSimulation):
    truths: ClassVar[Mapping[str, str]] = {
        **NotPanelSimulation.truths,
        "pending": "open",
    }


class Renamed(NotPanelSimulation):
    """Has a word of its own for an order that does not exist."""

    truths: ClassVar[Mapping[str, str]] = {"open": "active", "nowhere": "missing"}
    cancellable: ClassVar[Mapping[str, int]] = {"open": 1}


class Complete(NotPanelSimulation):
    """Has every order that anybody asks for."""

    truths: ClassVar[Mapping[str, str]] = {"open": "active", "cancelled": "cancelled"}


class Unwilling(NotPanelSimulation):
    """Refuses the credentials that it declares."""

    credentials: ClassVar[Mapping[str, str]] = {"key": "wrong"}


class Faulty(NotPanelSimulation):
    """Raises an error that its author did not think of."""

    def open(self, request: Sent, path: str) -> Call | None:
        raise LookupError("a mistake of the author")


def altered(**values: Any) -> ProviderSuite:
    """The suite over notpanel, with parts of its case replaced."""
    case: Case = replace(CASES["notpanel"], **values)
    return type("Suite", (ProviderSuite,), {"case": case})()  # type: ignore[no-any-return]


class Short(NotPanel):
    """Stops reading before a dropped cancel is known."""

    policy: ClassVar[Policy] = NotPanel.policy.overridden({"poll_for": 60})


def test_what_was_dropped_is_not_cancelled() -> None:
    with pytest.raises(AssertionError, match="with the fault taken on, and dropped"):
        suite(Hopeful()).test_what_was_taken_on_and_dropped_can_be_cancelled_again()


def test_a_policy_that_no_provider_may_have_is_a_sentence() -> None:
    with pytest.raises(AssertionError, match="notpanel must have poll_for longer than"):
        suite(Short()).test_the_class_is_what_the_registry_loads()


def test_a_secret_without_the_mark_is_named() -> None:
    one = altered(credentials={"key": "plain"})
    with pytest.raises(AssertionError, match="key is a secret, so its value"):
        one.test_every_secret_of_the_case_contains_the_mark()


def test_a_change_that_the_simulation_does_not_note_is_named() -> None:
    with pytest.raises(AssertionError, match=r"add the order's id to notes\.acted"):
        altered(simulation=Silent).test_what_is_said_of_an_order_is_true("")


def test_an_unknown_truth_is_named_with_the_known_ones() -> None:
    with pytest.raises(AssertionError, match="unknown truth 'open'"):
        altered(simulation=Misnamed).test_the_simulation_uses_the_common_truths()
    with pytest.raises(AssertionError, match="unknown truth 'open'"):
        altered(simulation=Misnamed).test_what_is_said_of_an_order_is_true(
            "drop_before"
        )


@pytest.mark.parametrize(
    ("order", "auto"), [("0", True), ("0", False), ("ord_1", False)]
)
def test_an_order_that_does_not_exist_is_in_the_state_that_the_simulation_names(
    order: str, *, auto: bool
) -> None:
    assert Renamed(Settings(auto=auto)).order(order, 0.0).state == "nowhere"


def test_a_simulation_without_a_missing_state_is_found() -> None:
    with pytest.raises(AssertionError, match="no state whose truth is missing"):
        altered(simulation=Complete).test_the_simulation_uses_the_common_truths()


def test_a_probe_that_its_own_simulation_refuses_is_found() -> None:
    with pytest.raises(AssertionError, match="refuses the probe"):
        altered(
            simulation=Unwilling
        ).test_the_probe_accepts_the_credentials_of_the_simulation()


def test_an_error_of_the_simulation_is_shown(caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(AssertionError):
        altered(simulation=Faulty).test_each_state_of_the_simulation_is_understood()
    assert "the simulation notpanel has a fault" in caplog.text
    assert "LookupError: a mistake of the author" in caplog.text


def test_a_document_may_have_a_status_of_its_own() -> None:
    cancels = [(201, document) for document in CASES["notpanel"].cancels]
    one = altered(cancels=[*cancels, (204, None)])
    assert {status for status, _ in one.case.answers("cancel")} == {201, 204}
    assert one.case.documents("cancel")[:-1] == CASES["notpanel"].cancels
    one.test_the_documented_replies_prove_outcomes("cancel")
    refused = [(400, document) for document in CASES["notpanel"].cancels]
    with pytest.raises(AssertionError, match="no document shows a success"):
        altered(cancels=refused).test_the_documented_replies_prove_outcomes("cancel")


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
    "a repeat that may do harm": (
        Repeating(),
        ProviderSuite.test_a_repeat_is_as_harmless_as_the_simulation_says,
    ),
    "an order that never existed and counts as cancelled": (
        Vanishing(),
        ProviderSuite.test_an_order_that_never_existed_does_not_count_as_cancelled,
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
