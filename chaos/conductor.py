"""Carries out the plan of one run, and waits until the system has finished."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from sqlalchemy import Engine

from chaos.drain import drained, named
from chaos.fault_plan import Plan
from chaos.fault_schedule import KILL_EVERY, PlannedFault
from chaos.freezing import freeze
from chaos.operator_retries import Retries
from chaos.outages import Outages
from chaos.plan_operator import PlanOperator
from chaos.points import KILL
from chaos.producers import Producer, Start, producers, start
from chaos.redis_refusals import REFUSALS
from chaos.system_under_test import SystemUnderTest
from chaos.taken_back import Withdrawals, withdraw_now_and_then
from chaos.watcher import Watcher
from chaos.way import Means, Way
from rescind.ledger.storage.transactions import open_ledger

WAITED_FOR = ("freeze worker", "database read-only", "database failed over", *REFUSALS)
"""Faults that must be over before the drain begins."""
AT_WORK_SECONDS = 1.0
"""How long a worker works before it may be killed, so that it makes some progress."""
SETTLED_SECONDS = 6.0
"""How long a worker may need until it passes its first point, on a slow machine."""


@dataclass(slots=True)
class Log:
    """Counts of what the conductor has done to the system."""

    failed_transactions: int = 0
    frozen: int = 0
    resubmitted: int = 0


class Conductor:
    """Carries out a plan on a system under test."""

    def __init__(
        self, system: SystemUnderTest, plan: Plan, way: Way | None = None
    ) -> None:
        self.system = system
        self.plan = plan
        self.log = Log()
        self.engine: Engine = open_ledger(system.database.url)
        self.watcher = Watcher(self.engine)
        self.withdrawals = Withdrawals(self.engine)
        self.operator = PlanOperator(self.engine, plan.seed)
        self.retries = Retries(system, self.engine, plan.seed)
        self.producers: tuple[Producer, ...] = ()
        self._side_jobs: list[threading.Thread] = []
        self._operations: list[threading.Thread] = []
        """Threads that have to end before the drain begins."""
        self._over = threading.Event()
        self._killing, self._failing = threading.Lock(), threading.Lock()
        self._freezing = threading.Lock()
        quiet = (self._killing, self._freezing)
        self.outages = Outages(system, quiet, self._over)
        self._way = way or Way()
        means = Means(system, self.outages, self.send_lost_again)
        self._deals = {**self._usual_deals(), **self._way.deals(means)}
        self.finished_in = 0.0
        self.stalled = False
        self.began: Start

    def run(self) -> None:
        """Return when every cancellation is final or the run has stalled."""
        for mark in self.plan.doomed:
            for delivery in ("first", "second"):
                self.system.failpoints.arm(f"{delivery}-{mark}", KILL)
        self.began = start()
        self.watcher.start()
        self.producers = producers(
            self.system.redis_servers.broker, self.began, self.plan.messages
        )
        for producer in self.producers:
            producer.start()
        retrying = partial(self.retries.retry_now_and_then, self.plan.scale, self.began)
        self._operations.append(self._aside(retrying))
        withdrawing = (self.engine, self.withdrawals, self.plan, self.began)
        withdraw = partial(withdraw_now_and_then, *withdrawing)
        self._operations.append(self._aside(withdraw))
        self._aside(partial(self.operator.decide_until, self._over))
        for fault in self.plan.faults:
            self._wait_until(fault.at)
            self._deal(fault)
        # A retry opens a cancellation again, and a frozen worker may change the ones
        # that it had claimed. Only when these threads have ended can all be final.
        for operation in self._operations:
            operation.join()
        expected = named(self.plan.messages)
        most = self.plan.scale.drain
        self.stalled = not drained(self.watcher, self.producers, expected, most=most)
        self.finished_in = self.began.passed()
        self._over.set()
        for job in self._side_jobs:
            job.join()
        self.watcher.stop()

    def _wait_until(self, at: float) -> None:
        time.sleep(max(0.0, at - self.began.passed()))

    def _aside(self, job: Callable[[], None]) -> threading.Thread:
        thread = threading.Thread(target=job, daemon=True)
        thread.start()
        self._side_jobs.append(thread)
        return thread

    # --- faults ---

    def _deal(self, fault: PlannedFault) -> None:
        job = self._aside(partial(self._deals[fault.kind], fault))
        if fault.kind in (*WAITED_FOR, *self._way.waited_for):
            self._operations.append(job)

    def _usual_deals(self) -> dict[str, Callable[[PlannedFault], None]]:
        system, outages = self.system, self.outages
        return {
            "kill worker": self._kill_worker,
            "fail transaction": self._fail_transaction,
            "kill redis": lambda _: system.redis_servers.kill(),
            "empty redis": lambda _: self._empty_redis(),
            "half-open redis": lambda fault: outages.half_open_redis(fault.seconds),
            **dict.fromkeys(REFUSALS, self._refusal),
            "kill beat": lambda _: system.kill("beat-1"),
            "second beat": lambda fault: self._second_beat(fault.seconds),
            "database away": lambda fault: outages.database_away(fault.seconds),
            "restart database": lambda _: outages.database_restarted(),
            "database read-only": lambda fault: outages.database_read_only(
                fault.seconds
            ),
            "database failed over": lambda fault: outages.database_failed_over(
                fault.seconds
            ),
            "provider fault": lambda fault: system.sandbox.script(
                fault.point, "cancel", fault.failure
            ),
            "freeze worker": lambda fault: self._freeze(fault.seconds),
        }

    def _refusal(self, fault: PlannedFault) -> None:
        self.outages.refusing_redis(fault.kind, fault.seconds)

    def _kill_worker(self, fault: PlannedFault) -> None:
        # One kill at a time: on a slow machine workers start more slowly than they die.
        with self._killing:
            self._await_work()
            self.system.failpoints.arm(fault.point, KILL)
            self._over.wait(KILL_EVERY * 0.9)
            missed = self.system.failpoints.disarm(fault.point)
            if missed and not self._over.is_set():
                self._kill_anywhere()

    def _kill_anywhere(self) -> None:
        """Kill the worker that has been at work for longest.

        This replaces a kill at a point that no worker has passed. A worker that is
        still starting is spared: otherwise none would finish on a slow machine.
        """
        name = self.system.worker_at_work(SETTLED_SECONDS)
        if name is not None:
            self.system.failpoints.note("anywhere")
            self.system.kill(name)

    def _fail_transaction(self, fault: PlannedFault) -> None:
        with self._failing:
            name = f"{fault.point}-fails"
            self.system.failpoints.arm(name, fault.failure)
            while self.system.failpoints.is_armed(name):
                if self._over.wait(0.1):
                    return
            self.log.failed_transactions += 1

    def _await_work(self) -> None:
        """Wait until a worker is at work and none is frozen.

        While one worker is frozen, the other one has to live to take over its orders.
        Any delay then comes from the freeze alone.
        """
        system = self.system
        while system.failpoints.frozen() or not system.worker_at_work(AT_WORK_SECONDS):
            if self._over.wait(0.1):
                return

    def _empty_redis(self) -> None:
        self.system.redis_servers.wait()
        with self.system.redis_servers.client() as client:
            client.flushall()
        self.send_lost_again()

    def send_lost_again(self) -> int:
        """Make the producers send each message again that may be lost; return how many
        there were."""
        # A producer keeps each message until the ledger shows its cancellations.
        known, number = self.watcher.known(), 0
        for producer in self.producers:
            missing = [m for m in producer.outbox() if not _all_known(m, known)]
            self.log.resubmitted += producer.send_again(missing)
            number += len(missing)
        return number

    def _second_beat(self, seconds: float) -> None:
        end = self.system.start_beat(2)
        self._over.wait(seconds)
        end()

    def _freeze(self, seconds: float) -> None:
        failpoints = self.system.failpoints
        # One freeze at a time: the other worker has to take over.
        with self._freezing:
            self.log.frozen += freeze(failpoints, self.watcher, seconds, self._over)


def _all_known(message: Any, known: set[tuple[str, str]]) -> bool:
    return all((e["provider"], str(e["order"])) in known for e in message.entries)
