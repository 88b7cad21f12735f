"""The ledger's clock: right whatever happens to the clocks of a worker's machine."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from threading import Event, current_thread

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from sqlalchemy import Engine

from rescind.engine import ledger_clock
from rescind.engine.ledger_clock import (
    AGE,
    APART,
    RETRY,
    SHORT,
    LedgerClock,
    Moment,
    clock_of,
)
from rescind.ledger.decision import decide
from rescind.ledger.decision_events import Lost
from rescind.ledger.progress import Progress
from rescind.ledger.states import State
from rescind.ledger.storage.ledger_time import ledger_time
from rescind.ledger.storage.transactions import LedgerUnreachableError, open_ledger
from rescind.provider.outcomes import Finding, Outcome
from rescind.provider.system_clock import SystemClock
from tests.engine.waiting import SECONDS, until
from tests.ledger.build import SECOND, claimed, policy

BEGAN = datetime(2020, 11, 20, 18, tzinfo=UTC)
HOUR = 3600.0
SAME = timedelta(milliseconds=1)


class World:
    """A ledger with the true time, and a machine with clocks of its own."""

    def __init__(self, ahead: float = 0.0) -> None:
        self.true = BEGAN
        self.ahead = timedelta(seconds=ahead)
        self.slept = timedelta(0)
        self.away = False
        self.hangs = 0.0
        """Seconds until it is known that the ledger is away."""
        self.trips: list[Callable[[], None]] = []
        """What happens on the way back, in each of the next round trips."""
        self.measured = 0
        self.waiting: list[Callable[[], object]] = []
        """Work that the clock has put into the background."""
        self.clock = LedgerClock(self, self.measure, self.waiting.append)

    # --- the machine, and the ledger ---

    def now(self) -> datetime:
        return self.true + self.ahead

    def monotonic(self) -> float:
        return (self.true - BEGAN - self.slept).total_seconds() + 1000.0

    def measure(self, look: Callable[[], Moment]) -> tuple[Moment, datetime, Moment]:
        self.measured += 1
        if self.away:
            self.passes(self.hangs)
            raise LedgerUnreachableError("away")
        before, ledger = look(), self.true
        if self.trips:
            self.trips.pop(0)()
        return before, ledger, look()

    # --- what happens ---

    def passes(self, seconds: float) -> None:
        self.true += timedelta(seconds=seconds)

    def is_suspended(self, seconds: float) -> None:
        self.passes(seconds)
        self.slept += timedelta(seconds=seconds)

    def is_set(self, seconds: float) -> None:
        self.ahead += timedelta(seconds=seconds)

    def finish_background(self) -> None:
        works, self.waiting[:] = [*self.waiting], []
        for work in works:
            work()

    @property
    def error(self) -> timedelta:
        return self.clock.now() - self.true


@pytest.mark.parametrize("ahead", [-HOUR, -5.0, 0.0, 5.0, HOUR])
def test_a_wrong_clock_of_the_machine_does_not_matter(ahead: float) -> None:
    world = World(ahead)
    assert world.error == timedelta(0)
    world.passes(7)
    assert world.error == timedelta(0)
    assert world.clock.earliest() == world.clock.now()


@pytest.mark.parametrize("seconds", [-HOUR, -5.0, 5.0, HOUR])
def test_a_clock_that_is_set_is_noticed_at_once(seconds: float) -> None:
    world = World()
    assert world.error == timedelta(0)
    world.is_set(seconds)
    assert world.error == timedelta(0)


def test_the_time_of_a_suspension_is_not_lost() -> None:
    world = World()
    assert world.error == timedelta(0)
    world.is_suspended(1800)
    assert world.error == timedelta(0)


def test_a_machine_whose_clocks_agree_does_not_ask_the_ledger_again() -> None:
    world = World()
    for _ in range(100):
        world.passes(AGE.total_seconds() / 200)
        world.clock.now()
        world.clock.earliest()
    assert (world.measured, world.waiting) == (1, [])


def test_an_old_measurement_is_renewed_once_and_nobody_waits_for_it() -> None:
    world = World()
    world.clock.now()
    world.passes(AGE.total_seconds() + 1)
    world.clock.now()
    world.clock.now()
    assert (world.measured, len(world.waiting)) == (1, 1)
    world.finish_background()
    world.clock.now()
    assert (world.measured, world.waiting) == (2, [])


def test_the_background_is_a_thread_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ledger_clock, "AGE", timedelta(0))
    world, free, names = World(), Event(), list[str]()

    def measure(look: Callable[[], Moment]) -> tuple[Moment, datetime, Moment]:
        names.append(current_thread().name)
        assert len(names) == 1 or free.wait(SECONDS)
        return world.measure(look)

    clock = LedgerClock(SystemClock(), measure)
    clock.now()
    clock.now()
    until(lambda: len(names) == 2, "the second measurement")
    # It is under way, and nobody waits for it.
    clock.now()
    assert names == [current_thread().name, "ledger-clock"]
    free.set()


def test_a_ledger_that_is_away_when_the_measurement_is_old_changes_nothing() -> None:
    world = World()
    world.clock.now()
    world.passes(AGE.total_seconds() + 1)
    world.away = True
    assert world.error == timedelta(0)
    world.finish_background()
    assert world.error == timedelta(0)


def test_without_the_ledger_a_set_clock_leaves_the_time_uncertain() -> None:
    world = World()
    world.clock.now()
    world.away = True
    world.is_set(HOUR)
    assert world.clock.now() == world.true + timedelta(seconds=HOUR)
    assert world.clock.earliest() == world.true
    world.is_set(-2 * HOUR)
    assert world.clock.now() == world.true
    assert world.clock.earliest() == world.true - timedelta(seconds=HOUR)


def test_the_clock_is_right_by_the_time_that_the_ledger_is_tried_again() -> None:
    world = World()
    world.clock.now()
    world.away = True
    world.is_set(HOUR)
    world.clock.now()
    tried = world.measured
    world.clock.now()
    assert world.measured == tried
    world.away = False
    world.passes(RETRY.total_seconds())
    assert world.error == timedelta(0)


def test_a_ledger_that_hangs_stops_the_worker_at_most_half_of_the_time() -> None:
    world = World()
    world.clock.now()
    world.away, world.hangs = True, 15.0
    world.is_set(HOUR)
    world.clock.now()
    tried, world.hangs = world.measured, 0.0
    world.passes(14.9)
    world.clock.now()
    assert world.measured == tried
    world.passes(0.2)
    world.clock.now()
    assert world.measured == tried + 1


def test_a_worker_that_starts_without_the_ledger_goes_by_its_own_clock() -> None:
    world = World(5.0)
    world.away = True
    assert world.clock.now() == world.now()
    world.away = False
    world.passes(RETRY.total_seconds())
    assert world.error == timedelta(0)


def test_a_worker_that_stood_still_in_a_measurement_measures_again() -> None:
    world = World()
    world.trips = [lambda: world.passes(90)]
    assert world.error == timedelta(0)


def test_a_machine_that_was_suspended_in_a_measurement_measures_again() -> None:
    world = World()
    world.trips = [lambda: world.is_suspended(1800)]
    assert world.error == timedelta(0)


def test_of_slow_round_trips_the_shortest_counts() -> None:
    world = World()
    world.trips = [lambda: world.passes(4), lambda: world.passes(1)]
    world.trips += [lambda: world.passes(2)] * 5
    assert abs(world.error) == timedelta(seconds=0.5)
    assert world.measured == 3


@pytest.mark.parametrize("ahead", [-HOUR, HOUR])
@pytest.mark.parametrize("set_now", [False, True])
def test_two_workers_an_hour_apart_believe_a_reading_by_the_true_age_of_the_call(
    ahead: float, set_now: bool
) -> None:
    sender, reader = World(0.0 if set_now else ahead), World()
    for one in (sender, reader):
        assert one.error == timedelta(0)
    if set_now:
        sender.is_set(ahead)
    rules = policy(active_trusted_after=10 * SECOND)
    held = claimed(State.SENDING)
    lost = replace(held, progress=decide(held, Lost(), rules, sender.clock.now()))

    def after_reading(at: float) -> Progress:
        reader.passes(at)
        active = Finding(Outcome.ACTIVE, asked_at=reader.clock.earliest())
        return decide(lost, active, rules, reader.clock.now())

    assert after_reading(9.0).state is State.VERIFYING
    assert after_reading(1.0).state is State.QUEUED


class Clocks(RuleBasedStateMachine):
    """Whatever happens, the clock is right while it can reach the ledger, and else
    knows how far it may be wrong."""

    def __init__(self) -> None:
        super().__init__()
        self.world = World()
        self.set_back = self.set_forward = False
        """Whether the machine's clock was set since the ledger went away."""

    @rule(seconds=st.floats(0.0, 4000.0))
    def time_passes(self, seconds: float) -> None:
        self.world.passes(seconds)

    @rule(seconds=st.floats(1.0, 4000.0))
    def it_is_suspended(self, seconds: float) -> None:
        self.world.is_suspended(seconds)

    @rule(seconds=st.floats(1.0, 4000.0) | st.floats(-4000.0, -1.0))
    def it_is_set(self, seconds: float) -> None:
        self.world.is_set(seconds)
        self.set_back |= self.world.away and seconds < 0
        self.set_forward |= self.world.away and seconds > 0

    @rule(away=st.booleans(), tried=st.booleans())
    def the_ledger(self, away: bool, tried: bool) -> None:
        if tried:
            self.world.clock.now()
        self.world.away = away
        if not away:
            self.world.passes(RETRY.total_seconds())
            self.world.clock.now()
            self.set_back = self.set_forward = False

    @rule()
    def the_background_gets_its_turn(self) -> None:
        self.world.finish_background()

    @invariant()
    def the_time_is_right(self) -> None:
        latest, earliest = self.world.clock.now(), self.world.clock.earliest()
        off = APART + SAME
        assert earliest <= latest
        if not self.set_back:
            assert latest >= self.world.true - off
        if not self.set_forward:
            assert earliest <= self.world.true + off
        if not self.world.away:
            assert latest - off <= self.world.true <= earliest + off


TestClocks = Clocks.TestCase
TestClocks.settings = settings(max_examples=200, stateful_step_count=12)


def test_postgresql_has_a_clock_and_sqlite_goes_by_its_hosts(
    engine: Engine,
) -> None:
    clock = clock_of(engine)
    assert isinstance(clock, LedgerClock) == (engine.dialect.name == "postgresql")
    # Both run on this host.
    assert abs(clock.now() - SystemClock().now()) < timedelta(seconds=2)
    assert clock.earliest() <= clock.now()


def test_the_ledgers_time_lies_within_its_round_trip(postgres_url: str) -> None:
    engine = open_ledger(postgres_url)
    before, ledger, after = ledger_time(engine, lambda: datetime.now(UTC))
    assert before - SHORT <= ledger <= after + SHORT
    engine.dispose()
