"""What is said of an order is true, though the answer to its cancel was lost."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Any, ClassVar

import pytest

from rescind.provider.http import Evidence, Exchange, exchange
from rescind.provider.http_messages import Reply
from rescind.provider.interface import Token, WithLogin
from rescind.provider.outcomes import (
    Finding,
    Findings,
    Order,
    Outcome,
    Parsed,
    Reason,
    TokenRefused,
)
from rescind.provider.testing.case import Case
from rescind.provider.testing.model_provider import ModelProvider
from rescind.sandbox.faults import KINDS

NUMBER = 24
"""Orders that are cancelled with each fault."""
DONE = frozenset({"cancelled", "partial"})
PAUSE = 61.0
"""Seconds between calls: longer than the limits of any simulation."""


class LostAnswers:
    """Cancels at the simulated provider, with every kind of fault."""

    case: ClassVar[Case]

    @pytest.mark.parametrize("fault", ["", *KINDS])
    def test_what_is_said_of_an_order_is_true(self, fault: str) -> None:
        if self.case.simulation is None:
            pytest.skip("the case names no simulation")
        caller = Caller(self.case)
        for asked in caller.calls(NUMBER):
            check_cancel(caller, asked, fault)
            check_reading(caller, asked)

    def test_the_simulation_cancels_orders(self) -> None:
        if self.case.simulation is None:
            pytest.skip("the case names no simulation")
        caller = Caller(self.case)
        for asked in caller.calls(NUMBER):
            caller.call("cancel", asked)
            caller.wait(caller.settled)
            if any(caller.model.truth(one.id) in DONE for one in asked):
                return
        raise AssertionError("no order was cancelled")


class Caller:
    """Calls the simulated provider as a worker does."""

    def __init__(self, case: Case) -> None:
        assert case.simulation is not None
        self.provider, self.policy = case.provider, case.provider.policy
        self.model = ModelProvider(case.simulation)
        values = {**case.simulation.credentials, "base_url": self.model.base_url}
        self.account = self.provider.account_model.model_validate(values)
        self._token: str | None = None
        self.settled = self.model.settings.settle + self.policy.taken_on_for.seconds
        """Seconds after which a reading of an accepted cancel is believed."""

    def calls(self, number: int) -> Iterator[list[Order]]:
        """``number`` example orders, in calls of at most five."""
        made = [self._example(n) for n in range(number)]
        size = min(self.policy.batch, self.policy.read_batch, 5)
        for part in filter(None, self.provider.split(made)):
            for start in range(0, len(part), size):
                yield list(part[start : start + size])

    def wait(self, seconds: float) -> None:
        self.model.time.advance(seconds)

    def call(self, op: str, asked: Sequence[Order]) -> Exchange:
        """One call, after a login if the provider wants one."""
        self.wait(PAUSE)
        result = self._exchange(op, asked)
        if isinstance(result.parsed, TokenRefused):
            self._token = None
            result = self._exchange(op, asked)
        return result

    def _exchange(self, op: str, asked: Sequence[Order]) -> Exchange:
        cancels, provider = op == "cancel", self.provider
        build = provider.build_cancel if cancels else provider.build_read
        parse = provider.parse_cancel if cancels else provider.parse_read
        request = build(self.account, self._valid_token(), asked)
        return exchange(
            request, lambda r: parse(asked, r), self.policy, wire=self.model
        )

    def _valid_token(self) -> str | None:
        provider: Any = self.provider
        if not isinstance(provider, WithLogin) or self._token:
            return self._token
        found: list[Token] = []

        def parse(reply: Reply) -> Parsed:
            token = provider.parse_login(reply, self.model.now())
            assert isinstance(token, Token)
            found.append(token)
            return Findings({})

        request = provider.build_login(self.account)
        exchange(request, parse, self.policy, wire=self.model)
        self._token = found[0].value
        return self._token

    def _example(self, number: int) -> Order:
        example = self.model.simulation.example(number)
        provider = self.provider
        params = provider.check_params(example.get("params") or {})
        order = provider.canonical_order(provider.check_order(example["order"]))
        return Order(order, provider.canonical_params(params))


def check_cancel(caller: Caller, asked: Sequence[Order], fault: str) -> None:
    """Cancel, and compare what the exchange proves with what the provider did."""
    if fault:
        caller.model.fail_next("cancel", fault)
    result = caller.call("cancel", asked)
    for order in asked:
        if result.evidence in (Evidence.NOT_SENT, Evidence.THROTTLED):
            assert not caller.model.acted(order.id), result
        if result.evidence is Evidence.ANSWERED and isinstance(result.parsed, Findings):
            finding = result.parsed.of(order.id)
            check_true(caller, order, finding, said_by="cancel")


def check_reading(caller: Caller, asked: Sequence[Order]) -> None:
    """Read back as late as a reading is believed, and compare with the truth."""
    caller.wait(caller.settled + timedelta(minutes=1).seconds)
    for part in filter(None, caller.provider.split_reading(asked)):
        result = caller.call("read", part)
        assert result.evidence is Evidence.ANSWERED, result
        assert isinstance(result.parsed, Findings), result.parsed
        for order in part:
            check_true(caller, order, result.parsed.of(order.id), said_by="read")


def check_true(caller: Caller, order: Order, finding: Finding, said_by: str) -> None:
    truth, policy = caller.model.truth(order.id), caller.policy
    vanished = truth in DONE | {"missing"} and policy.cancelled_may_vanish
    match finding.outcome:
        case Outcome.CANCELLED:
            assert truth in DONE, (order, finding)
        case Outcome.REFUSED if said_by == "read" or policy.refusal_is_final:
            undecided = finding.reason in (None, Reason.ALREADY_CANCELLED)
            assert undecided or truth not in DONE or vanished, (order, finding)
        case Outcome.ACTIVE:
            assert truth in ("active", "unsupported"), (order, finding)
        case Outcome.GONE:
            assert truth == "missing" or vanished, (order, finding)
