"""A fault in one provider's code concerns its own orders alone."""

from __future__ import annotations

import logging
from itertools import product
from typing import Any, ClassVar

import pytest
from pydantic import BaseModel

from providers.ithink import IThink
from providers.notpanel import NotPanel
from providers.registry import BY_NAME
from rescind.api import openapi
from rescind.config.accounts import Accounts, LaneConfig
from rescind.engine import order_precedence
from rescind.intake.validation import check
from rescind.ledger.decision import decide
from rescind.ledger.states import FINAL, State
from rescind.provider.account import Account
from rescind.provider.finding_rules import CallKind
from rescind.provider.guarded import asked, parsed
from rescind.provider.http_messages import Reply
from rescind.provider.interface import Params
from rescind.provider.outcomes import (
    BatchRefused,
    Finding,
    Findings,
    InvalidRequestError,
    Order,
    Outcome,
    Reason,
)
from tests.ledger.build import NOW, claimed, policy

ACCOUNT = Account(base_url="https://provider.example")
ACCOUNTS = Accounts(
    {
        (name, "default"): LaneConfig(BY_NAME[name], BY_NAME[name].policy, ACCOUNT)
        for name in ("ithink", "notpanel")
    }
)
METHODS = (
    *("check_order", "canonical_order", "check_params", "canonical_params"),
    "default_key",
)


def _raises(*_given: object) -> Any:
    raise KeyError("a personal secret")


@pytest.mark.parametrize("method", METHODS)
def test_only_its_own_entries_are_refused(
    method: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(IThink, method, _raises, raising=False)
    with pytest.raises(InvalidRequestError, match="ithink has a fault: KeyError"):
        check({"provider": "ithink", "order": "86210010463"}, ACCOUNTS, NOW)
    assert check({"provider": "notpanel", "order": "ord_1"}, ACCOUNTS, NOW).order
    assert "a personal secret" not in caplog.text


def test_orders_whose_provider_cannot_compare_them_wait_for_each_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(IThink, "overlap", _raises)
    monkeypatch.setattr(IThink, "covers", _raises)
    provider = BY_NAME["ithink"]
    assert order_precedence.overlaps(provider, {}, {}) is True
    assert order_precedence.covers(provider, {}, {}) is False


def test_a_refusal_is_no_fault(caplog: pytest.LogCaptureFixture) -> None:
    provider = BY_NAME["ithink"]
    with caplog.at_level(logging.ERROR), pytest.raises(InvalidRequestError):
        asked(provider, lambda: provider.check_order("a b"), str)
    assert caplog.records == []


class Part(BaseModel):
    id: int


class Parts(Params):
    parts: list[Part]


class Nested(NotPanel):
    name: ClassVar[str] = "nested"
    params_model: ClassVar[type[Params]] = Parts


def _references(document: Any) -> list[str]:
    if isinstance(document, list):
        return [found for one in document for found in _references(one)]
    if not isinstance(document, dict):
        return []
    own = [document["$ref"]] if "$ref" in document else []
    return own + [found for one in document.values() for found in _references(one)]


def test_params_of_several_parts_are_described(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(openapi, "PROVIDERS", (NotPanel(), Nested()))
    schemas = openapi._entries()
    for reference in _references(schemas):
        assert reference.removeprefix("#/components/schemas/") in schemas
    assert "NestedParamsPart" in schemas


ORDER = "ord_01J9ZK3V8M4T6Q2W5X7Y0ABCDE"
TAKEN = Reply(200, {}, b"{}")
ENDS = {
    State.CANCELLED: "confirmed already_cancelled partial inferred",
    State.REJECTED: (
        "not_found window_closed already_completed not_supported invalid_request"
        " refused"
    ),
    State.FAILED: "attempts_exhausted unresolved never_sent",
}
"""The reasons that each end may have."""
PAIRS = [(outcome, reason) for outcome in Outcome for reason in (None, *Reason)]


def _read_as(
    call: CallKind, finding: Finding, monkeypatch: pytest.MonkeyPatch
) -> Finding:
    def says(*_given: object) -> Findings:
        return Findings({ORDER: finding})

    monkeypatch.setattr(NotPanel, f"parse_{call}", says)
    said = parsed(NotPanel(), call, [Order(ORDER)], TAKEN)
    assert isinstance(said, Findings)
    return said.of(ORDER)


@pytest.mark.parametrize("call", ["cancel", "read"])
@pytest.mark.parametrize(("outcome", "reason"), PAIRS)
def test_no_end_has_a_reason_that_contradicts_it(
    call: CallKind,
    outcome: Outcome,
    reason: Reason | None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found = _read_as(call, Finding(outcome, reason, "77"), monkeypatch)
    states = {"cancel": [State.SENDING], "read": [State.VERIFYING, State.REQUESTED]}
    for state, lost, may_vanish in product(states[call], (False, True), (False, True)):
        rules = policy(cancelled_may_vanish=may_vanish)
        after = decide(claimed(state, lost=lost), found, rules, NOW)
        assert after.state not in FINAL or after.reason in ENDS[after.state].split()


def test_a_reading_that_refuses_since_it_is_cancelled_says_nothing(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    misfit = Finding(Outcome.REFUSED, Reason.ALREADY_CANCELLED, "77", "a name")
    assert _read_as("cancel", misfit, monkeypatch) == misfit
    assert caplog.records == []
    found = _read_as("read", misfit, monkeypatch)
    assert (found.outcome, found.reason, found.code) == (Outcome.UNKNOWN, None, "77")
    assert "notpanel has a fault: a read read as refused (already_ca" in caplog.text
    assert "a name" not in caplog.text


def test_a_batch_is_not_refused_for_a_reason_that_does_not_fit(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    refused = BatchRefused(Finding(Outcome.REFUSED, Reason.NOT_FOUND))
    monkeypatch.setattr(NotPanel, "parse_read", lambda *_given: refused)
    said = parsed(NotPanel(), "read", [Order(ORDER)], TAKEN)
    assert isinstance(said, BatchRefused)
    assert said.finding.outcome is Outcome.UNKNOWN


def test_a_deadline_without_a_time_zone_is_a_fault(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    right = Finding(Outcome.ACTIVE, cancellable_until=NOW)
    assert _read_as("read", right, monkeypatch) == right
    wrong = Finding(Outcome.ACTIVE, cancellable_until=NOW.replace(tzinfo=None))
    assert _read_as("read", wrong, monkeypatch).outcome is Outcome.UNKNOWN
    assert "until a time without a zone" in caplog.text
