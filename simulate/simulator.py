"""Runs the world of one scenario, and returns its outcome."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import count
from typing import Any

from sqlalchemy import Engine as Ledger
from structlog.testing import capture_logs

from rescind.sandbox.sandbox_settings import Settings
from rescind.sandbox.world import World as Sandbox
from simulate.hub import Hub
from simulate.ledger_outage import LedgerOutage
from simulate.ledger_restore import LedgerRestore
from simulate.ledger_view import LedgerView
from simulate.machine import Machine
from simulate.memory_ledger import empty_ledger, lost
from simulate.message_queue import Beat, Broker
from simulate.network import Network
from simulate.numbered_ids import numbered_ids
from simulate.outcome import Outcome
from simulate.planned_faults import PlannedFaults
from simulate.producers import BEGAN, Producers
from simulate.scenario import INSIDE, LATEST, Scenario, Withdrawal
from simulate.simulated_accounts import accounts, seal
from simulate.simulated_withdrawals import SimulatedWithdrawals
from simulate.simulated_worker import Surroundings, Worker
from simulate.verdict import Stalls, stood_still, verdict
from simulate.world_troubles import WorldTroubles

LONGEST = timedelta(days=12).total_seconds()
"""Simulated seconds of a run, at most. Every policy ends before that."""
MOST_CALLS = 1000
"""Most calls of a world: a world that calls without end is stopped."""
STALLED = timedelta(days=1).total_seconds()
"""A world whose ledger has not changed for so many seconds is stopped."""
RESTART_SECONDS = 2.0
REFUSED_SECONDS = 3.0


def run(scenario: Scenario) -> Outcome:
    """Run a scenario. The outcome is always the same for the same scenario."""
    with ExitStack() as stack:
        simulator = _Simulator(scenario)
        logs = stack.enter_context(capture_logs())
        stack.enter_context(numbered_ids())
        simulator.ledger = stack.enter_context(empty_ledger(simulator))
        random.seed(scenario.seed)
        simulator.logs = logs
        return simulator.run()


class _Simulator:
    ledger: Ledger
    logs: Sequence[Mapping[str, Any]]

    def __init__(self, scenario: Scenario) -> None:
        self.scenario = scenario
        self.trace: list[str] = []
        self.hub = Hub(BEGAN.timestamp())
        settings = Settings(
            scenario.seed, settle=scenario.settle, lag=scenario.lag, cooldown=0.0
        )
        settings.notpanel_limit = 0
        settings.refuse_seconds = 3.0
        self.sandbox = Sandbox(settings, refuse=self._refuse, timing=self.hub)
        self.sandbox.exchange.faults = PlannedFaults(scenario.faults, scenario.seed)
        self.network = Network(self.hub, self.sandbox, scenario.delays, self.note)
        self.broker = Broker(self.hub, self._give)
        self.producers = Producers(scenario, self.hub, self.broker, self.note)
        self.outage = LedgerOutage(self.hub)
        self.workers: list[Worker] = []
        self._numbers = count(1)
        self._turns = count()
        self._passed: Counter[str] = Counter()
        self._at_point = {
            (one.point, one.nth): one for one in scenario.troubles if one.point
        }
        self._moved_at, self._dirty = self.hub.time, True

    def run(self) -> Outcome:
        self._view = LedgerView(self.ledger)
        self._withdrawals = SimulatedWithdrawals(self.ledger, self.note)
        self._troubles = WorldTroubles(
            self.hub,
            self.broker,
            self.producers,
            self.outage,
            LedgerRestore(self.ledger),
            self,
            self.note,
        )
        self._stalls = Stalls(self.logs)
        for _ in range(self.scenario.workers):
            self._start_worker()
        self.beat = Beat(self.hub, self._tick, self._next_due)
        self._open_shops()
        self.producers.begin()
        for taken_back in self.scenario.withdrawals:
            self._later(taken_back.at, partial(self._withdraw, taken_back))
        for one in self.scenario.troubles:
            if not one.point:
                self._later(one.at, partial(self._troubles.start, one))
        self.hub.run(BEGAN.timestamp() + LONGEST, self._over)
        # Requests on their way still take effect.
        self.hub.run(self.hub.time + LATEST, lambda: False)
        for worker in self.workers:
            worker.machine.kill()
        return self._outcome()

    def _open_shops(self) -> None:
        """Create each order at its provider, before any request about it."""
        for message in self.scenario.messages:
            for entry in message.entries:
                simulation = self.sandbox.simulations[entry["provider"]]
                simulation.order(simulation.key(entry["order"]), self.hub.time)

    def note(self, what: str) -> None:
        self.trace.append(f"{self.hub.time - BEGAN.timestamp():12.3f}  {what}")

    def _withdraw(self, one: Withdrawal) -> None:
        if not self.outage.away:
            self._withdrawals.withdraw_entry(one.entry, self.hub.time)
            self.moved()

    def moved(self) -> None:
        self._moved_at, self._dirty = self.hub.time, True

    def _later(self, seconds: float, do: Callable[[], None]) -> None:
        self.hub.at(BEGAN.timestamp() + seconds, do)

    # --- workers ---

    def _start_worker(self) -> None:
        number, skews = next(self._numbers), self.scenario.skews
        machine = Machine(self.hub, number, self._pass, skews.get(number, 0.0))
        away, measure = (lambda: self.broker.away), self.outage.measure
        around = Surroundings(
            self.ledger, accounts(), seal(), self.network, away, measure
        )
        self.note(f"machine {machine.number} starts a worker")
        self.workers.append(Worker(machine, around))
        self.broker.deliver()

    def _give(self, number: int, entries: Sequence[Mapping[str, Any]]) -> bool:
        worker = self._next_worker()
        if worker is None:
            return False
        worker.take(
            entries,
            partial(self.broker.acknowledge, number),
            partial(self.broker.reject, number),
        )
        return True

    def _next_worker(self) -> Worker | None:
        there = [one for one in self.workers if not one.machine.frozen]
        return there[next(self._turns) % len(there)] if there else None

    def _tick(self) -> None:
        worker = self._next_worker()
        if worker is not None and not self.broker.away:
            worker.sweep()

    # --- troubles at a point ---

    def _pass(self, machine: Machine, point: str) -> None:
        self._passed[point] += 1
        trouble = self._at_point.get((point, self._passed[point]))
        if trouble is None:
            return
        self.note(f"machine {machine.number}: {trouble.kind} at {point}")
        if trouble.kind == "die":
            self.kill(machine)
        elif trouble.kind == "fail":
            raise lost()
        else:
            suspended = trouble.kind == "suspend"
            machine.freeze(trouble.seconds, suspended=suspended)
            self.hub.later(trouble.seconds, self.broker.deliver)

    def kill(self, machine: Machine) -> None:
        self.workers = [one for one in self.workers if one.machine is not machine]
        machine.kill()
        self.hub.later(RESTART_SECONDS, self._start_worker)

    def _refuse(self, seconds: float) -> None:
        self.network.refuse(seconds)

    # --- the ledger ---

    def begins(self) -> bool:
        machine = self._machine()
        return machine is None or not self.outage.away

    def commits(self, commit: Callable[[], object]) -> None:
        machine = self._machine()
        if machine is None:
            return
        before, after = INSIDE
        machine.passes(before)
        self.beat.quicken()
        self.moved()
        if (after, self._passed[after] + 1) in self._at_point:
            commit()
        machine.passes(after)

    def _machine(self) -> Machine | None:
        """The machine whose task runs now; None if the simulator itself reads."""
        every = (one.machine for one in self.workers)
        return next((one for one in every if one.runs), None)

    # --- the end ---

    def _next_due(self) -> float | None:
        return self._view.next_due(self.hub.time)

    def _over(self) -> bool:
        stalled = self.hub.time > self._moved_at + STALLED
        if stalled or self.network.calls > MOST_CALLS or self._stalls.any_new():
            return True
        taking = any(one.taking for one in self.workers)
        if self.producers.left or self._troubles.left:
            return False
        if taking or not self.broker.idle or not self._dirty:
            return False
        self._dirty = False
        return not self._view.has_open()

    def _outcome(self) -> Outcome:
        at = datetime.fromtimestamp(self.hub.time, UTC)
        judged, rows, found = verdict(self.scenario, self.ledger, self.network, at)
        return Outcome(
            self.scenario,
            judged,
            self.hub.time - BEGAN.timestamp(),
            self.network.calls,
            self.trace,
            rows,
            found,
            tuple(stood_still(self.logs)),
            tuple(self._withdrawals.offences(rows)),
        )
