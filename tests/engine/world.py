"""A world for the engine: a real ledger, and fakes of all else that it uses.

``step`` is one step of the engine. ``run`` lets time pass, with steps when the engine
would make them. ``settle`` makes all steps that need no time to pass.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future
from dataclasses import replace
from itertools import count
from typing import Any, cast

from sqlalchemy import Engine as Ledger
from sqlalchemy import select

from providers.registry import BY_NAME
from rescind.config.accounts import Accounts, Lane, LaneConfig
from rescind.engine.call_results import CallResult
from rescind.engine.calls import Caller
from rescind.engine.engine import Engine
from rescind.engine.lane_operation import LaneOperation
from rescind.engine.lane_registry import Registry
from rescind.engine.permits import Limiter
from rescind.engine.sweeper import sweep
from rescind.ledger.changes.lane_states import read_lane
from rescind.ledger.changes.new_cancellation import NewCancellation, beginning
from rescind.ledger.storage.tables import CANCELLATION
from rescind.ledger.storage.transactions import reading
from rescind.provider.account import Account
from rescind.provider.policy import Policy
from tests.engine.ledgers import Faults
from tests.engine.parts import (
    FakeCaller,
    FakeClock,
    FakeExecutor,
    FakeLimiter,
    UnderWay,
)
from tests.engine.results import Results
from tests.ledger.build import BY, policy

PROVIDER = BY_NAME["notpanel"]
ACCOUNT = Account(base_url="https://provider.example")
MOST_STEPS = 1000
"""Steps without time passing: more of them mean that the loop does not rest."""
INSTANT = 1e-6
"""Seconds. Just after its moment an order is due, whatever floats round to."""

End = Callable[[UnderWay], CallResult | None]


def lane(number: int = 0) -> Lane:
    return (PROVIDER.name, f"a{number}")


class World:
    """An engine and everything that it uses."""

    def __init__(
        self,
        ledger: Ledger,
        policies: Mapping[Lane, Policy],
        limiter: Limiter | None = None,
    ) -> None:
        """``limiter`` takes the place of the fake one."""
        self.ledger = ledger
        self.faults = Faults(ledger)
        self.clock = FakeClock()
        self.executor = FakeExecutor(self.clock)
        self.limiter = FakeLimiter()
        self.results = Results(self.clock)
        self.deliveries = 0
        """How often the engine said that deliveries are due."""
        self.submissions: list[tuple[list[NewCancellation], Future[frozenset[str]]]]
        self.submissions = []
        self.returned: set[tuple[str, int]] = set()
        """Claims whose calls were returned, by id and version."""
        self.accounts = Accounts({one: config(its) for one, its in policies.items()})
        self.registry = Registry(lambda: self.accounts, self._caller)
        known = (ledger, self.registry, self.executor, limiter or self.limiter)
        self.engine = Engine(*known, self.clock, self._count_delivery)
        self.prefix = "id-"
        """The prefix of its orders' ids: worlds of one ledger differ in it."""
        self._numbers = count(1)

    def _caller(self, of: Lane, its: LaneConfig, operation: str) -> Caller:
        return cast("Caller", FakeCaller(of, its, operation, self.clock, self.returned))

    def _count_delivery(self) -> None:
        self.deliveries += 1

    # --- input from outside ---

    def new(self, order: str, of: Lane | None = None, **values: Any) -> NewCancellation:
        """A valid cancellation, submitted now."""
        provider, account = of or lane()
        now = self.clock.now()
        whole: dict[str, Any] = {
            "id": f"{self.prefix}{next(self._numbers):06}",
            "key": order,
            "progress": beginning(values.get("not_before"), now),
            "opened_at": values.get("not_before") or now,
            "by": BY,
            **values,
        }
        return NewCancellation(provider=provider, account=account, order=order, **whole)

    def submit(self, *new: NewCancellation) -> Future[frozenset[str]]:
        future = self.engine.submit(new)
        self.submissions.append((list(new), future))
        return future

    def submit_orders(
        self, orders: Iterable[object], of: Lane | None = None
    ) -> Future[frozenset[str]]:
        """Submit plain orders of one lane, in one submission."""
        return self.submit(*(self.new(str(one), of) for one in orders))

    def change_accounts(self) -> None:
        """Replace the accounts file by one with corrected credentials."""
        now = self.clock.now()
        changed = self.accounts.lanes.items()
        self.accounts = Accounts(
            {one: replace(its, changed_at=now) for one, its in changed}
        )

    def reload(self, policies: Mapping[Lane, Policy | None]) -> None:
        """Replace the accounts file. A lane without a policy has a fault."""
        self.accounts = Accounts(
            {
                one: config(its or policy(), fault=None if its else "no key")
                for one, its in policies.items()
            }
        )

    def sweep(self) -> None:
        """Do the work of ``rescind.sweep``: move due orders, and notify lanes."""
        due = sweep(self.ledger, self.accounts, self.clock.now(), "world") or {}
        named = [(one, name) for one, names in due.items() for name in names]
        self.engine.notify(sorted(named))

    # --- time ---

    def step(self) -> None:
        self.engine.step()

    def patience(self) -> float:
        """Seconds for which the engine would wait now."""
        return self.engine.patience()

    def settle(self, most: int = MOST_STEPS) -> int:
        """Make steps until the engine waits. Returns their number."""
        return self.run(0.0, most)

    def run(self, seconds: float, most: int = MOST_STEPS) -> int:
        """Let so many seconds pass. Returns the number of steps."""
        end, steps, restless = self.clock.since + seconds, 0, 0
        while (wait := self.patience()) <= end - self.clock.since:
            restless = 0 if wait else restless + 1
            assert restless <= most, "the engine does not rest"
            self.clock.advance(wait + INSTANT if wait else 0.0)
            self.step()
            steps += 1
        self.clock.advance(max(0.0, end - self.clock.since))
        return steps

    # --- calls ---

    @property
    def under_way(self) -> list[UnderWay]:
        return list(self.executor.under_way)

    def orders_under_way(self, of: Lane | None = None) -> list[str]:
        calls = (one for one in self.under_way if of in (None, one.call.operation.lane))
        return [order for one in calls for order in one.orders]

    def end(self, one: UnderWay, how: End | None = None) -> None:
        self.executor.end(one, (how or self.results.cancelled)(one))

    def end_all(self, how: End | None = None) -> None:
        """End all calls under way, without the calls that begin meanwhile."""
        for one in self.under_way:
            self.end(one, how)

    def finish(self, how: End | None = None, most: int = MOST_STEPS) -> None:
        """Let the engine work until it waits and no call is under way."""
        for _ in range(most):
            self.settle()
            if not self.under_way:
                return
            self.end_all(how)
        raise AssertionError("calls without end")

    # --- the present state ---

    def operation(self, name: str = "cancel", of: Lane | None = None) -> LaneOperation:
        return self.registry.get(of or lane(), name)

    def states(self) -> dict[str, str]:
        """The state of each order in the ledger, by its number at the provider."""
        chosen = select(CANCELLATION.c.order_id, CANCELLATION.c.state)
        with reading(self.ledger) as connection:
            rows = connection.execute(chosen.order_by(CANCELLATION.c.order_id))
            return {row.order_id: row.state for row in rows}

    def lane_state(self, of: Lane | None = None) -> Any:
        with reading(self.ledger) as connection:
            return read_lane(connection, of or lane())


def config(its: Policy, fault: str | None = None) -> LaneConfig:
    """An account of a world. It can be called unless it has a fault."""
    account = None if fault else ACCOUNT
    return LaneConfig(PROVIDER, its, account, fault)
