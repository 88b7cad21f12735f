"""Events of a random world: each has a name, and two numbers choose its details."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from typing import Any

from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError

from rescind.config.accounts import Lane
from rescind.engine.call_results import CallResult
from rescind.ledger.changes.insertion import insert_new
from rescind.ledger.changes.lane_states import LaneState, hold_for_operator, write_lane
from rescind.ledger.changes.rereading import ask_for_readings
from rescind.ledger.decision_events import Event, NotSent
from rescind.ledger.storage.transactions import writing
from tests.engine.choices import AFTER, BEFORE, KINDS, LANES, POLICIES, REST, SPANS
from tests.engine.invariants import Observer, in_time
from tests.engine.ledgers import break_lane, emptied, mend_lane
from tests.engine.parts import UnderWay
from tests.engine.results import CANCELLED, FINDINGS
from tests.engine.world import World
from tests.ledger.build import BY
from worker.notifications import OPERATIONS


@contextmanager
def happenings(*, may_stop: bool = True) -> Iterator[Happenings]:
    """A new world without any event. There is only one at a time in a process."""
    with emptied() as ledger:
        own = Happenings(ledger, may_stop=may_stop)
        try:
            yield own
        finally:
            own.world.faults.leave()


class Happenings:
    """A world of four lanes, with a method for each event. Each takes two numbers."""

    def __init__(self, ledger: Engine, *, may_stop: bool = True) -> None:
        self.ledger = ledger
        self.world = World(ledger, POLICIES)
        self.observer = Observer(self.world)
        self.orders = 0
        self.broken: Lane | None = None
        self.stopped = False
        self._may_stop = may_stop

    def happen(self, name: str, a: int, b: int) -> None:
        how: Callable[[int, int], object] = getattr(self, name)
        how(a, b)
        self.observer.check()

    # --- producers ---

    def submit(self, a: int, b: int) -> None:
        if self.stopped:
            return
        now, times = self.world.clock.now(), dict[str, Any]()
        before, after = BEFORE[b % len(BEFORE)], AFTER[a % len(AFTER)]
        if before is not None:
            times["cancel_before"] = now + timedelta(seconds=before)
        if after is not None:
            times["not_before"] = now + timedelta(seconds=after)
        # Some keys are submitted again, in the same lane or in another one.
        self.orders = max(0, self.orders - b % 3)
        new = []
        for number in range(1 + a % 9):
            self.orders += 1
            of = LANES[(a + number * b) % len(LANES)]
            new.append(self.world.new(f"{self.orders:04}", of, **times))
        self.world.submit(*new)

    def sender_gives_up(self, a: int, _: int) -> None:
        submissions = self.world.submissions
        if submissions:
            submissions[-1 - a % min(5, len(submissions))][1].cancel()

    def others_insert_and_notify(self, _a: int, b: int) -> None:
        """As the HTTP API does, in a process of its own."""
        new = []
        for one in LANES:
            self.orders += 1
            new += [self.world.new(f"{self.orders:04}", one)] * (b % 2)
        with self.world.faults.none(), writing(self.ledger) as connection:
            if self.broken is None:
                insert_new(connection, new, self.world.clock.now())
        self.world.engine.notify((one, name) for one in LANES for name in OPERATIONS)

    # --- the engine and time ---

    def step(self, _a: int, _b: int) -> None:
        self.world.step()

    def time_passes(self, a: int, _: int) -> None:
        self.world.run(SPANS[a % len(SPANS)], REST)

    def work(self, a: int, b: int) -> None:
        """Nothing goes wrong for a while: permits are granted, and calls end."""
        for _ in range(1 + a % 3):
            self.world.run(0.02, REST)
            for request in list(self.world.limiter.requests):
                self.world.limiter.grant(request, request.calls)
            self.world.run(0.02, REST)
            for one in self.world.under_way:
                self._end(one, 0 if b % 4 else a + b)

    def sweep(self, _a: int, _b: int) -> None:
        if self.broken is None:
            with self.world.faults.none():
                self.world.sweep()

    # --- providers ---

    def a_call_ends(self, a: int, b: int) -> None:
        under_way = self.world.under_way
        if under_way:
            self._end(under_way[a % len(under_way)], b)

    def a_call_ends_during_a_commit(self, a: int, b: int) -> None:
        under_way = self.world.under_way
        if not under_way:
            return
        one = under_way[a % len(under_way)]

        def end() -> None:
            if one in self.world.executor.under_way:
                self._end(one, b)

        self.world.faults.meanwhile.append(end)

    def a_provider_sends_an_event(self, a: int, b: int) -> None:
        """As the HTTP API takes it in: about any orders, at any time."""
        orders = {f"{1 + (a + n * b) % (self.orders + 2):04}" for n in range(5)}
        lane, now = LANES[b % len(LANES)], self.world.clock.now()
        # If the lane's rows cannot be written, the request fails and changes nothing.
        with (
            suppress(DBAPIError),
            self.world.faults.none(),
            writing(self.ledger) as connection,
        ):
            ask_for_readings(connection, lane, orders, now)
        self.world.engine.notify((lane, name) for name in ("verify", "poll"))

    def _end(self, one: UnderWay, how: int) -> None:
        self.world.executor.end(one, self._result(one, how))

    def _result(self, one: UnderWay, how: int) -> CallResult | None:
        results, number = self.world.results, len(one.ids)
        if not in_time(one):
            return results.too_late(one)
        if how % 3 == 0:
            return results.cancelled(one)
        if how % 3 == 1:
            return results.of(one, FINDINGS[how // 3 % len(FINDINGS)])
        if how % 7 == 0:
            return None
        if how % 7 == 1:
            events: list[Event] = [*FINDINGS, NotSent()]
            turned = events[how % 5 :] + events[: how % 5]
            return results.each(one, (turned * number)[:number])
        kind = KINDS[how // 3 % len(KINDS)]
        found: CallResult = getattr(results, kind)(one)
        return found

    # --- Redis ---

    def permits_are_granted(self, a: int, b: int) -> None:
        requests = self.world.limiter.requests
        if requests:
            request = requests[a % len(requests)]
            wait = (0.05, 1.0, 4.0)[b % 3]
            self.world.limiter.grant(request, min(b % 5, request.calls), wait)

    # --- faults, and their end ---

    def ledger_goes_away(self, _a: int, _b: int) -> None:
        self.world.faults.away = True

    def ledger_comes_back(self, _a: int, _b: int) -> None:
        self.world.faults.away = False

    def an_acknowledgement_is_lost(self, _a: int, _b: int) -> None:
        self.world.faults.unacknowledged = 1
        self.observer.changed_from_outside()

    def a_lane_cannot_be_written(self, a: int, _: int) -> None:
        if self.broken is None:
            self.broken = LANES[a % len(LANES)]
            with self.world.faults.none():
                break_lane(self.ledger, self.broken)

    def it_can_be_written_again(self, _a: int, _b: int) -> None:
        if self.broken is not None:
            self.broken = None
            with self.world.faults.none():
                mend_lane(self.ledger)

    def threads_run_out(self, _a: int, _b: int) -> None:
        self.world.executor.full = True

    def threads_come_free(self, _a: int, _b: int) -> None:
        self.world.executor.full = False

    def an_account_has_a_fault(self, a: int, _: int) -> None:
        self.world.reload({**POLICIES, LANES[a % len(LANES)]: None})

    def no_account_has_a_fault(self, _a: int, _b: int) -> None:
        self.world.reload(POLICIES)

    def an_operator_holds_a_lane(self, a: int, _: int) -> None:
        held = hold_for_operator(LaneState(), self.world.clock.now(), BY)
        self._set_lane_state(LANES[a % len(LANES)], held)

    def an_operator_resumes_a_lane(self, a: int, _: int) -> None:
        one = LANES[a % len(LANES)]
        self._set_lane_state(one, LaneState())
        self.world.engine.notify((one, name) for name in OPERATIONS)

    def _set_lane_state(self, one: Lane, state: LaneState) -> None:
        with self.world.faults.none(), writing(self.ledger) as connection:
            write_lane(connection, one, state)
        self.observer.changed_from_outside()

    def the_worker_is_stopped(self, a: int, b: int) -> None:
        if self.stopped or not self._may_stop or a % 4:
            return
        if b % 2:
            self._stop()
        else:
            self.world.faults.meanwhile.append(self._stop)

    def _stop(self) -> None:
        self.world.engine.stop()
        self.stopped = True
        self.observer.begun_at_stop = len(self.world.executor.begun)

    # --- the end ---

    def repair_everything(self) -> None:
        """End all faults; every provider cancels each order from now on."""
        world = self.world
        world.faults.away, world.faults.unacknowledged = False, 0
        world.faults.meanwhile.clear()
        world.executor.full = False
        self.it_can_be_written_again(0, 0)
        world.reload(POLICIES)
        for one in LANES:
            self._set_lane_state(one, LaneState())

    def round(self) -> None:
        """Let some time pass without faults."""
        self.world.run(1.0, REST)
        for request in list(self.world.limiter.requests):
            self.world.limiter.grant(request, request.calls)
        self.world.run(0.1, REST)
        for one in self.world.under_way:
            late = not in_time(one)
            how = self.world.results.too_late if late else self._cancelled
            self.world.end(one, how)
        self.world.run(0.1, REST)
        self.observer.check()

    def _cancelled(self, one: UnderWay) -> CallResult:
        return self.world.results.of(one, CANCELLED)
