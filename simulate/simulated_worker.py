"""A simulated worker: the real engine, intake and sweep, on one machine."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, cast

from sqlalchemy import Engine as Ledger

from rescind.config.accounts import Accounts, Lane, LaneConfig
from rescind.engine.calls import Caller
from rescind.engine.engine import LONGEST_WAIT, Engine
from rescind.engine.executor import Done
from rescind.engine.lane_operation import Call
from rescind.engine.lane_registry import Registry
from rescind.engine.ledger_clock import LedgerClock, Measure
from rescind.engine.permits import Granted
from rescind.engine.provider_tokens import Tokens
from rescind.engine.rate_limiter import Grant, Permit
from rescind.engine.stall_watchdog import StallWatch
from rescind.engine.sweeper import Due
from rescind.intake.receipts import lanes_to_notify
from rescind.intake.submissions import take_in
from rescind.ledger.changes.dependencies import Dependents
from rescind.ledger.changes.new_cancellation import NewCancellation
from rescind.ledger.seal import Seal
from rescind.ledger.storage.transactions import LedgerUnreachableError
from rescind.provider.account import Account
from rescind.provider.interface import WithLogin
from rescind.provider.policy import Policy
from rescind.runtime import periodic_jobs
from rescind.sandbox.login_tokens import STATIC
from simulate.machine import Machine
from simulate.network import MachineWire, Network
from simulate.recorded_plans import has_plan, record_plan

BY = "celery:producer"
"""The actor of every message."""
PATIENCE = 15.0
"""Seconds of trying until a message is returned to its queue."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What all workers of a world share."""

    ledger: Ledger
    accounts: Accounts
    seal: Seal
    network: Network
    redis_away: Callable[[], bool]
    measure: Measure
    """Reads the ledger's time."""


class Worker:
    """Everything that a worker process does, in tasks of one machine."""

    def __init__(self, machine: Machine, around: Surroundings) -> None:
        self.machine = machine
        self.taking = 0
        """The number of messages that it works on."""
        self._around = around
        # Not in the background: there is only one thread, and nothing takes time.
        self.clock = LedgerClock(machine, around.measure, lambda work: work())
        wire = MachineWire(machine, around.network, self.clock)

        def caller(lane: Lane, config: LaneConfig, operation: str) -> Caller:
            tokens = cast("Tokens", _Tokens())
            return Caller(lane, config, operation, around.seal, tokens, wire)

        self.engine = Engine(
            around.ledger,
            Registry(lambda: around.accounts, caller),
            _Executor(machine, self._moved),
            _Limiter(machine, around.redis_away, self._moved),
            self.clock,
            lambda: None,
        )
        self._stalls = StallWatch(self.engine.wait_reasons, machine.monotonic)
        self._loop = machine.spawn(self._run)

    def take(
        self,
        entries: Sequence[Mapping[str, Any]],
        acknowledge: Callable[[], None],
        reject: Callable[[], None],
    ) -> None:
        """Work on a message: ``rescind.submit``."""

        def work() -> None:
            self.machine.passes("delivered")
            taken = self._take_in(entries)
            self.taking -= 1
            if taken is None:
                reject()
                return
            self.notify((lane, "cancel") for lane in taken)
            self.machine.passes("acknowledging")
            acknowledge()

        self.taking += 1
        self.machine.spawn(work)

    def sweep(self) -> None:
        """Work on a tick: ``rescind.sweep``."""
        self.machine.spawn(self._sweep)

    def notify(self, due: Iterable[tuple[Lane, str]]) -> None:
        self.engine.notify(due)
        self._moved()

    def _moved(self) -> None:
        self._loop.resume()

    def _run(self) -> None:
        while True:
            patience = self.engine.patience()
            if patience > 0:
                # An idle engine would wake up every few seconds for ever.
                self._loop.park(None if patience >= LONGEST_WAIT else patience)
            self.machine.passes("step")
            self.engine.step()

    def _take_in(self, entries: Sequence[Mapping[str, Any]]) -> set[Lane] | None:
        give_up = self.machine.monotonic() + PATIENCE
        around = self._around
        known = (around.ledger, around.accounts, around.seal)
        while self.machine.monotonic() < give_up:
            now = self.clock.now()
            try:
                taken = take_in(*known, entries, now, insert=self._insert, by=BY)
                if has_plan(entries):
                    record_plan(around.ledger, entries, taken, self.clock.now(), BY)
            except LedgerUnreachableError:
                self.machine.sleep(1.0)
            else:
                return lanes_to_notify(taken)
        return None

    def _insert(
        self, new: Sequence[NewCancellation], dependents: Dependents
    ) -> frozenset[str]:
        task = self.machine.current()
        future = self.engine.submit(new, dependents)
        future.add_done_callback(lambda _: task.resume())
        self._moved()
        give_up = self.machine.monotonic() + PATIENCE
        while not future.done():
            if not task.park(give_up - self.machine.monotonic()):
                future.cancel()
                raise LedgerUnreachableError("the ledger does not answer in time")
        return future.result()

    def _sweep(self) -> None:
        self.machine.passes("sweeping")
        around, name = self._around, f"machine {self.machine.number}"
        now = self.clock.now()
        try:
            # Looked up by name: a mutation may have replaced it there.
            sweep = vars(periodic_jobs)["sweep"]
            due: Due = sweep(around.ledger, around.accounts, now, name)
        except LedgerUnreachableError:
            return
        self.machine.passes("swept")
        self.notify((lane, one) for lane, some in due.items() for one in sorted(some))
        with suppress(LedgerUnreachableError):
            self._stalls.look(around.ledger, around.accounts, now)


class _Executor:
    """Makes each call in a task of the machine."""

    def __init__(self, machine: Machine, moved: Callable[[], None]) -> None:
        self._machine = machine
        self._moved = moved

    def start(self, call: Call, done: Done) -> None:
        def work() -> None:
            following: Call | None = call
            while following is not None:
                result = following.make()
                self._machine.passes("returned")
                following = done(following, result)
                self._moved()

        self._machine.spawn(work)


class _Limiter:
    """Grants each request while Redis is there."""

    def __init__(
        self, machine: Machine, away: Callable[[], bool], moved: Callable[[], None]
    ) -> None:
        self._machine = machine
        self._away = away
        self._moved = moved

    def request(
        self, _lane: Lane, _policy: Policy, calls: int, _share: float, granted: Granted
    ) -> None:
        def answer() -> None:
            if self._away():
                granted(Grant((), timedelta(seconds=4)))
            else:
                granted(Grant(tuple(Permit() for _ in range(calls))))
            self._moved()

        self._machine.spawn(answer)

    def release(self, permits: Sequence[Permit]) -> None:
        """Nothing to release: permits have no rules."""


class _Tokens:
    """Always returns a valid token: logins are not simulated."""

    def get(
        self,
        _lane: Lane,
        _provider: WithLogin[Any],
        _account: Account,
        _policy: Policy,
        refused: str | None = None,
    ) -> str:
        del refused
        return STATIC
