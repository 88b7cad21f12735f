"""One world: what its plan says, carried out; and what came of it."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache, partial
from itertools import count
from types import SimpleNamespace
from typing import Any

from sqlalchemy import Engine as Ledger
from structlog.testing import capture_logs

from chaos.oracle import Judgement
from ledger import records
from ledger.seal import Seal, new_key
from sandbox.settings import Settings
from sandbox.world import World as Sandbox
from simulate.accounts import accounts
from simulate.broker import Beat, Broker
from simulate.faults import PlannedFaults
from simulate.hub import Hub
from simulate.ledgers import empty_ledger, raw
from simulate.machine import Machine
from simulate.plan import INSIDE, Message, Plan, Trouble
from simulate.verdict import given_up, verdict
from simulate.wire import Network
from simulate.worker import Surroundings, Worker

BEGAN = datetime(2026, 11, 20, 12, tzinfo=UTC)
LONGEST = timedelta(days=12).total_seconds()
"""No policy goes on for longer."""
STALLED = timedelta(days=1).total_seconds()
"""Where nothing moves for so long, nothing ever will."""
DUE = (
    ("cancellation", "due_at"),
    ("lane", "paused_until"),
    ("lane", "probe_at"),
)
"""Where the ledger says when something is due."""
RESTART_SECONDS = 2.0
AGAIN_SECONDS = 300.0
"""After Redis has lost everything, producers send all of it again from their outbox."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a world."""

    plan: Plan
    judged: Judgement
    seconds: float
    """How much simulated time it took."""
    calls: int
    trace: Sequence[str]
    rows: Sequence[Mapping[str, Any]]
    records: Sequence[Mapping[str, Any]]

    @property
    def offences(self) -> list[str]:
        """What is wrong, each with its kind before it."""
        kinds = {
            **self.judged.kinds,
            "not finished": self.judged.unfinished,
            "given up": tuple(given_up(self.rows, self.records)),
        }
        return [
            f"{kind}: {one.provider} {one.order}: {one.why}"
            for kind, found in kinds.items()
            for one in found
        ]

    @property
    def kinds(self) -> frozenset[str]:
        return frozenset(line.partition(":")[0] for line in self.offences)


def run(plan: Plan) -> Outcome:
    """Carry a plan out. The same for the same plan."""
    with ExitStack() as stack:
        world = _World(plan)
        logs = stack.enter_context(capture_logs())
        stack.enter_context(_numbered_ids())
        world.ledger = stack.enter_context(empty_ledger(world))
        random.seed(plan.seed)
        world.logs = logs
        return world.run()


class _numbered_ids:  # noqa: N801  (a context manager, used as a function)
    """Ids that follow each other, in place of random ones."""

    def __enter__(self) -> None:
        numbers = count(1)
        self._former = records.uuid_utils
        made = lambda: f"{next(numbers):08}"  # noqa: E731
        records.uuid_utils = SimpleNamespace(uuid7=made)  # type: ignore[assignment]

    def __exit__(self, *_: object) -> None:
        records.uuid_utils = self._former


class _World:
    ledger: Ledger
    logs: Sequence[Mapping[str, Any]]

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.trace: list[str] = []
        self.hub = Hub(BEGAN.timestamp())
        settings = Settings(plan.seed, settle=plan.settle, lag=plan.lag, cooldown=0.0)
        settings.notpanel_limit = 0
        settings.refuse_seconds = 3.0
        self.sandbox = Sandbox(settings, refuse=self._refuse, timing=self.hub)
        self.sandbox.exchange.faults = PlannedFaults(plan.faults, plan.seed)
        self.network = Network(self.hub, self.sandbox, plan.delays, self.note)
        self.broker = Broker(self.hub, self._give)
        self.workers: list[Worker] = []
        self._numbers = count(1)
        self._turns = count()
        self._passed: Counter[str] = Counter()
        self._at_point = {
            (one.point, one.nth): one for one in plan.troubles if one.point
        }
        self._ledger_away_until = 0.0
        self._moved_at, self._dirty = self.hub.time, True
        self._left = 0
        """Messages that are still to be sent."""

    def run(self) -> Outcome:
        with self.ledger.connect() as connection:
            self._raw = raw(connection)
        for _ in range(self.plan.workers):
            self._start_worker()
        self.beat = Beat(self.hub, self._tick, self._next_due)
        for message in self.plan.messages:
            self._submit(message, message.at)
            if message.again is not None:
                self._submit(message, message.again)
        for one in self.plan.troubles:
            if not one.point:
                self._later(one.at, partial(self._happen, one))
        self.hub.run(BEGAN.timestamp() + LONGEST, self._over)
        for worker in self.workers:
            worker.machine.kill()
        return self._outcome()

    def note(self, what: str) -> None:
        self.trace.append(f"{self.hub.time - BEGAN.timestamp():12.3f}  {what}")

    # --- producers ---

    def _submit(self, message: Message, at: float) -> None:
        self._left += 1
        self._later(at, partial(self._send, message))

    def _send(self, message: Message) -> None:
        self._left -= 1
        self.note(f"a producer sends {_named(message)}")
        self.broker.send([_moments(entry) for entry in message.entries])

    def _later(self, seconds: float, do: Callable[[], None]) -> None:
        self.hub.at(BEGAN.timestamp() + seconds, do)

    # --- workers ---

    def _start_worker(self) -> None:
        machine = Machine(self.hub, next(self._numbers), self._pass)
        around = Surroundings(
            self.ledger, accounts(), _seal(), self.network, lambda: self.broker.away
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
            partial(self.broker.give_back, number),
        )
        return True

    def _next_worker(self) -> Worker | None:
        there = [one for one in self.workers if not one.machine.frozen]
        return there[next(self._turns) % len(there)] if there else None

    def _tick(self) -> None:
        worker = self._next_worker()
        if worker is not None and not self.broker.away:
            worker.sweep()

    # --- what a machine passes ---

    def _pass(self, machine: Machine, point: str) -> None:
        self._passed[point] += 1
        trouble = self._at_point.get((point, self._passed[point]))
        if trouble is None:
            return
        self.note(f"machine {machine.number}: {trouble.kind} at {point}")
        if trouble.kind == "die":
            self._kill(machine)
        else:
            suspended = trouble.kind == "suspend"
            machine.freeze(trouble.seconds, suspended=suspended)
            self.hub.later(trouble.seconds, self.broker.deliver)

    def _kill(self, machine: Machine) -> None:
        self.workers = [one for one in self.workers if one.machine is not machine]
        machine.kill()
        self.hub.later(RESTART_SECONDS, self._start_worker)

    # --- what happens at a moment ---

    def _happen(self, trouble: Trouble) -> None:
        self.note(f"{trouble.kind} {trouble.seconds:g}")
        match trouble.kind:
            case "set-clock":
                for worker in self.workers[:1]:
                    worker.machine.skew += trouble.seconds
            case "redis-away":
                self.broker.go_away(trouble.seconds)
            case "redis-emptied":
                self.broker.lose_all()
                for message in self.plan.messages:
                    self._submit(message, AGAIN_SECONDS)
            case "ledger-away":
                self._ledger_away_until = self.hub.time + trouble.seconds

    def _refuse(self, seconds: float) -> None:
        self.network.refuse(seconds)

    # --- the ledger ---

    def begins(self) -> bool:
        machine = self._machine()
        return machine is None or self.hub.time >= self._ledger_away_until

    def commits(self, commit: Callable[[], object]) -> None:
        machine = self._machine()
        if machine is None:
            return
        before, after = INSIDE
        machine.passes(before)
        self.beat.quicken()
        self._moved_at, self._dirty = self.hub.time, True
        if (after, self._passed[after] + 1) in self._at_point:
            commit()
        machine.passes(after)

    def _machine(self) -> Machine | None:
        """The one whose task runs now; none where the world itself looks."""
        every = (one.machine for one in self.workers)
        return next((one for one in every if one.at_work), None)

    # --- the end ---

    def _next_due(self) -> float | None:
        """When time moves something next, as far as the ledger knows; none where
        something is due already, or nothing will be."""
        now = int(self.hub.time * 1000)
        if self._look(f"SELECT 1 FROM cancellation WHERE due_at <= {now} LIMIT 1"):
            return None
        times = [
            self._look(f"SELECT min({column}) FROM {table} WHERE {column} > {now}")
            for table, column in DUE
        ]
        due = min((one for one in times if one), default=None)
        return None if due is None else due / 1000

    def _over(self) -> bool:
        if self.hub.time > self._moved_at + STALLED:
            return True
        if self._left or not self.broker.idle or not self._dirty:
            return False
        self._dirty = False
        open_ = "SELECT 1 FROM cancellation WHERE finished_at IS NULL LIMIT 1"
        return self._look(open_) is None

    def _look(self, statement: str) -> int | None:
        """What the ledger holds, at no cost."""
        found = self._raw.execute(statement).fetchone()
        return None if found is None else found[0]

    def _outcome(self) -> Outcome:
        at = datetime.fromtimestamp(self.hub.time, UTC)
        judged, rows, found = verdict(self.plan, self.ledger, self.network, at)
        return Outcome(
            self.plan,
            judged,
            self.hub.time - BEGAN.timestamp(),
            self.network.calls,
            self.trace,
            rows,
            found,
        )


def _named(message: Message) -> str:
    return ", ".join(f"{one['provider']} {one['order']}" for one in message.entries)


def _moments(entry: Mapping[str, Any]) -> dict[str, Any]:
    """Its times as moments: the same whenever it is sent."""
    return {
        name: (BEGAN + timedelta(seconds=value)).isoformat()
        if name in ("cancel_before", "not_before")
        else value
        for name, value in entry.items()
    }


@cache
def _seal() -> Seal:
    return Seal(new_key())
