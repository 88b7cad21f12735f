"""The dispatcher reuses threads, and loses no call and no result."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, cast

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from rescind.engine.call_results import FINE, CallResult, Effect
from rescind.engine.calls import Caller
from rescind.engine.dispatcher import Dispatcher
from rescind.engine.executor import ThreadExecutor
from rescind.engine.lane_operation import Call, LaneOperation
from rescind.engine.rate_limiter import Permit
from rescind.ledger.decision_events import Lost, PutBack
from rescind.ledger.progress import Claimed
from rescind.ledger.states import State
from rescind.provider.outcomes import Order
from tests.engine.parts import FakeClock, FakeExecutor
from tests.engine.waiting import SECONDS
from tests.engine.world import config, lane
from tests.ledger.build import NOW, policy, progress

STOPS = Effect(throttled=timedelta(seconds=30), why="too many")


@dataclass
class Making:
    """A caller whose calls do what ``make`` says, in a thread."""

    make: Callable[[str], Effect] = lambda _: FINE
    made: list[str] = field(default_factory=list)
    threads: set[str] = field(default_factory=set)

    def call(self, claimed: Sequence[Claimed], *_: object) -> CallResult:
        [one] = claimed
        self.threads.add(threading.current_thread().name)
        effect = self.make(one.id)
        self.made.append(one.id)
        return CallResult(claimed, {one.id: Lost()}, effect, NOW)

    def return_unsent(self, claimed: Sequence[Claimed], _permit: Permit) -> CallResult:
        return CallResult(claimed, {one.id: PutBack() for one in claimed}, FINE, NOW)


def operation(making: Making, concurrency: int = 2) -> LaneOperation:
    its, caller = config(policy(concurrency=concurrency)), cast("Caller", making)
    return LaneOperation(lane(), "cancel", its, caller)


def call(of: LaneOperation, name: object) -> Call:
    one = Claimed(str(name), Order(str(name)), 2, NOW, progress(State.SENDING))
    return Call(of, of.caller, [one], Permit())


def calls(of: LaneOperation, count: int, start: int = 0) -> list[Call]:
    return [call(of, n) for n in range(start, start + count)]


# --- with real threads ---


class Dispatched:
    """A dispatcher with real threads, and its results so far."""

    def __init__(self) -> None:
        self.failed: list[tuple[Call, Exception]] = []
        self.changed = threading.Condition()
        self.executor = ThreadExecutor(lambda *one: self.failed.append(one))
        self.dispatcher = Dispatcher(self.executor, self.changed)
        self.results: list[tuple[Call, CallResult | None]] = []

    def await_results(self, count: int) -> None:
        """Wait for so many results, by notifications alone."""
        with self.changed:
            arrived = self.changed.wait_for(lambda: self._taken() >= count, SECONDS)
        assert arrived, f"{len(self.results)} of {count} results arrived"

    def _taken(self) -> int:
        self.results += self.dispatcher.collect()
        return len(self.results)


@pytest.fixture
def own() -> Iterator[Dispatched]:
    made = Dispatched()
    yield made
    made.executor._threads.shutdown()


def test_threads_are_reused(own: Dispatched) -> None:
    making = Making()
    lane = operation(making)
    for start in range(0, 60, 6):
        own.dispatcher.start(lane, calls(lane, 6, start))
        own.await_results(start + 6)
    assert sorted(map(int, making.made)) == list(range(60))
    assert len(making.threads) <= 4
    assert lane.running == 0


def test_no_more_calls_are_made_at_once_than_the_lane_may(own: Dispatched) -> None:
    lock, now, most = threading.Lock(), Counter[str](), Counter[str]()

    def make(_: str) -> Effect:
        with lock:
            now["calls"] += 1
            most["calls"] = max(most["calls"], now["calls"])
        threading.Event().wait(0.002)
        with lock:
            now["calls"] -= 1
        return FINE

    lane = operation(Making(make), concurrency=3)
    for start in range(0, 40, 10):
        own.dispatcher.start(lane, calls(lane, 10, start))
    own.await_results(40)
    assert most["calls"] == 3


def test_a_call_that_raises_leaves_the_others_going(own: Dispatched) -> None:
    def make(name: str) -> Effect:
        if name == "3":
            raise LookupError("a bug")
        return FINE

    making = Making(make)
    lane = operation(making)
    own.dispatcher.start(lane, calls(lane, 8))
    own.await_results(8)
    assert [one.claimed[0].id for one, result in own.results if result is None] == ["3"]
    assert [(one.claimed[0].id, str(error)) for one, error in own.failed] == [
        ("3", "a bug")
    ]
    assert len(making.made) == 7


def test_a_call_that_stops_its_lane_halts_the_next_ready_one(own: Dispatched) -> None:
    making = Making(lambda name: STOPS if name == "0" else FINE)
    lane = operation(making, concurrency=1)
    own.dispatcher.start(lane, calls(lane, 5))
    own.await_results(1)
    assert making.made == ["0"]
    back = own.dispatcher.withdraw(lane)
    assert [one.claimed[0].id for one in back] == ["1", "2", "3", "4"]
    own.dispatcher.start(lane, [call(lane, "later")])
    own.await_results(2)
    assert making.made == ["0", "later"]


def test_a_lane_that_hangs_delays_no_other_lane(own: Dispatched) -> None:
    go = threading.Event()
    stuck = operation(Making(lambda _: FINE if go.wait(SECONDS) else STOPS), 4)
    free = operation(Making())
    own.dispatcher.start(stuck, calls(stuck, 8))
    own.dispatcher.start(free, calls(free, 20))
    own.await_results(20)
    found = own.executor.oldest()
    assert found is not None
    assert found[1].operation is stuck
    go.set()
    own.await_results(28)
    assert own.executor.oldest() is None


def test_each_call_withdrawn_while_threads_take_calls_is_made_or_returned_once(
    own: Dispatched,
) -> None:
    making = Making()
    lane = operation(making, concurrency=4)
    back: list[str] = []
    for start in range(0, 2000, 20):
        own.dispatcher.start(lane, calls(lane, 20, start))
        back += [one.claimed[0].id for one in own.dispatcher.withdraw(lane)]
    own.await_results(2000 - len(back))
    assert sorted(map(int, making.made + back)) == list(range(2000))


class Exhausted(ThreadPoolExecutor):
    """A pool that has no more threads at times, as the system may have none."""

    none_left = False

    def _adjust_thread_count(self) -> None:
        if self.none_left:
            raise RuntimeError("can't start new thread")
        cast("Any", super())._adjust_thread_count()


def test_a_call_without_a_thread_is_returned_and_never_made(own: Dispatched) -> None:
    making = Making()
    lane = operation(making, concurrency=3)
    pool = own.executor._threads = Exhausted(8)
    own.dispatcher.start(lane, [call(lane, "first")])
    own.await_results(1)
    pool.none_left = True
    own.dispatcher.start(lane, calls(lane, 6))
    own.await_results(7)
    pool.none_left = False
    own.dispatcher.start(lane, [call(lane, "last")])
    own.await_results(8)
    pool.shutdown()
    returned = [
        one.claimed[0].id
        for one, result in own.results
        if result and isinstance(result.events[one.claimed[0].id], PutBack)
    ]
    assert returned
    assert len(own.results) == 8
    assert Counter(making.made + returned) == Counter(
        ["first", "last", *map(str, range(6))]
    )
    assert lane.running == 0


# --- any order of events ---


class Courses(RuleBasedStateMachine):
    """Calls start, end, are withdrawn, and threads run out, in any order."""

    @initialize(concurrency=st.integers(1, 4))
    def begin(self, concurrency: int) -> None:
        self.changed = threading.Condition()
        self.executor = FakeExecutor(FakeClock())
        self.dispatcher = Dispatcher(self.executor, self.changed)
        self.making = Making()
        self.lane = operation(self.making, concurrency)
        self.started = 0
        self.seen: Counter[str] = Counter()
        """How often each call was collected or withdrawn."""
        self.stopped = False
        """Whether a result arrived that stops the lane."""
        self.closed_at: int | None = None

    @rule(count=st.integers(0, 6), full=st.booleans())
    def start(self, count: int, full: bool) -> None:
        self.executor.full = full
        begun = len(self.executor.begun)
        self.dispatcher.start(self.lane, calls(self.lane, count, self.started))
        self.executor.full = False
        self.started += count
        if self.stopped or full:
            assert len(self.executor.begun) == begun

    @rule(which=st.integers(0, 3), stops=st.booleans(), bug=st.booleans())
    def end(self, which: int, stops: bool, bug: bool) -> None:
        if not self.executor.under_way:
            return
        one = self.executor.under_way[which % len(self.executor.under_way)]
        effect = STOPS if stops and not bug else FINE
        result = None if bug else CallResult(one.call.claimed, {}, effect, NOW)
        self.stopped |= effect is STOPS
        self.executor.end(one, result)

    @rule()
    def collect(self) -> None:
        for one, _ in self.dispatcher.collect():
            self.seen[one.claimed[0].id] += 1

    @rule()
    def withdraw(self) -> None:
        for one in self.dispatcher.withdraw(self.lane):
            self.seen[one.claimed[0].id] += 1
        self.stopped = False

    @rule()
    def close(self) -> None:
        self.dispatcher.close()
        self.closed_at = self.closed_at or len(self.executor.begun)

    @invariant()
    def each_call_is_in_one_place(self) -> None:
        if not hasattr(self, "lane"):
            return
        places = Counter(self.seen)
        places.update(one.claimed[0].id for one in self.lane.ready)
        places.update(one.ids[0] for one in self.executor.under_way)
        places.update(one.claimed[0].id for one, _ in self.dispatcher._results)
        assert places == Counter(map(str, range(self.started)))

    @invariant()
    def no_more_are_made_than_may_be(self) -> None:
        if not hasattr(self, "lane"):
            return
        under_way = len(self.executor.under_way)
        assert under_way <= self.lane.policy.concurrency
        assert self.lane.running == under_way
        assert self.dispatcher._calling == under_way
        if self.closed_at is not None:
            assert len(self.executor.begun) == self.closed_at


TestCourses = Courses.TestCase
TestCourses.settings = settings(max_examples=100, stateful_step_count=30)
