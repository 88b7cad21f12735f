"""Calls a simulated provider as a worker does, without a network."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta
from functools import partial
from typing import Any

from rescind.provider.finding_rules import CallKind
from rescind.provider.guarded import parsed
from rescind.provider.http import Evidence, Exchange, exchange
from rescind.provider.http_messages import Reply
from rescind.provider.interface import Token, WithLogin
from rescind.provider.outcomes import (
    Finding,
    Findings,
    Order,
    Parsed,
    TokenRefused,
)
from rescind.provider.testing.case import Case
from rescind.provider.testing.model_provider import ModelProvider

PAUSE = 61.0
"""Seconds between calls: longer than the limits of any simulation."""


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
        made = [self.example(n) for n in range(number)]
        size = min(self.policy.batch, self.policy.read_batch, 5)
        for part in filter(None, self.provider.split(made)):
            for start in range(0, len(part), size):
                yield list(part[start : start + size])

    def missing(self, number: int) -> Iterator[list[Order]]:
        """``number`` calls, each for one order that does not exist at the provider;
        none if the simulation has no state for such an order."""
        simulation = self.model.simulation
        states = [s for s, truth in simulation.truths.items() if truth == "missing"]
        for order in map(self.example, range(number if states else 0)):
            simulation.seed(order.id, states[0], {})
            yield [order]

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

    def probe(self) -> Exchange | None:
        """The call that proves the credentials; ``None`` if the provider has none."""
        self.wait(PAUSE)
        request = self.provider.build_probe(self.account, self._valid_token())
        if request is None:
            return None
        parse = self.provider.parse_probe
        return exchange(request, parse, self.policy, wire=self.model)

    def _exchange(self, op: str, asked: Sequence[Order]) -> Exchange:
        provider = self.provider
        kind: CallKind = "cancel" if op == "cancel" else "read"
        build = provider.build_cancel if kind == "cancel" else provider.build_read
        request = build(self.account, self._valid_token(), asked)
        parse = partial(parsed, provider, kind, asked)
        return exchange(request, parse, self.policy, wire=self.model)

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

    def example(self, number: int) -> Order:
        example = self.model.simulation.example(number)
        provider = self.provider
        params = provider.check_params(example.get("params") or {})
        order = provider.canonical_order(provider.check_order(example["order"]))
        return Order(order, provider.canonical_params(params))


def read_back(
    caller: Caller, asked: Sequence[Order]
) -> Iterator[tuple[Order, Finding]]:
    """What a reading says of each order, as late as one is believed."""
    caller.wait(caller.settled + timedelta(minutes=1).seconds)
    for part in filter(None, caller.provider.split_reading(asked)):
        result = caller.call("read", part)
        assert result.evidence is Evidence.ANSWERED, result
        assert isinstance(result.parsed, Findings), result.parsed
        for order in part:
            yield order, result.parsed.of(order.id)
