"""The drain waits while a run makes progress, and gives up after a minute of none."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from math import inf

import pytest
from sqlalchemy import Engine

from chaos.drain import drained
from chaos.watcher import Watcher
from rescind.demo.stall import STALL_SECONDS, StallDetector
from rescind.ledger.states import State
from rescind.ledger.storage.transactions import open_ledger
from tests.ledger.build import LANE, change, hold, make, new, take_in

EVERY = 10.0
"""Seconds of simulated time in each pause."""


@dataclass
class Outbox:
    left: int = 0


class Run:
    """A run with simulated time, which passes only in the pauses of the drain.

    ``happens`` maps the number of a pause to the action in that pause.
    """

    def __init__(
        self, engine: Engine, happens: Mapping[int, Callable[[Engine], object]]
    ) -> None:
        self.engine = engine
        self.happens = happens
        self.pauses = 0
        self.outbox = Outbox()

    def clock(self) -> float:
        return self.pauses * EVERY

    def pause(self, _: float) -> None:
        self.pauses += 1
        self.outbox.left = max(0, self.outbox.left - 1)
        if self.pauses in self.happens:
            self.happens[self.pauses](self.engine)

    def ends(self, *orders: str, most: float = inf) -> tuple[bool, float]:
        """Drain the run; return whether it ended, and the simulated seconds."""
        expected = {(LANE[0], order) for order in orders}
        stall = StallDetector(STALL_SECONDS, self.clock)
        watcher = Watcher(self.engine)
        known = (watcher, [self.outbox], expected, stall, self.pause)
        done = drained(*known, most, self.clock)
        return done, self.clock()


def begin_one(engine: Engine) -> None:
    hold(engine, limit=1)


def end_one(engine: Engine) -> None:
    make(engine, [change(one, State.CANCELLED) for one in hold(engine, limit=1)])


def come_and_end(engine: Engine) -> None:
    take_in(engine, [new("late")])
    end_one(engine)


def test_it_waits_for_the_last_one_however_slowly_they_end(engine: Engine) -> None:
    take_in(engine, [new(order) for order in "123"])
    slow = Run(engine, dict.fromkeys((5, 10, 15), end_one))
    assert slow.ends("1", "2", "3") == (True, 15 * EVERY)


def test_a_step_that_ends_none_is_progress_too(engine: Engine) -> None:
    take_in(engine, [new(order) for order in "12"])
    begun = Run(engine, dict.fromkeys((5, 10), begin_one))
    assert begun.ends("1", "2") == (False, 10 * EVERY + STALL_SECONDS)


def test_where_nothing_moves_it_gives_up_after_a_minute(engine: Engine) -> None:
    take_in(engine, [new(order) for order in "12"])
    assert Run(engine, {3: end_one}).ends("1", "2") == (
        False,
        3 * EVERY + STALL_SECONDS,
    )


def test_a_run_that_may_never_end_is_over_after_its_time(engine: Engine) -> None:
    take_in(engine, [new(order) for order in "123456"])
    endless = Run(engine, dict.fromkeys(range(1, 6), begin_one))
    assert endless.ends("1", most=4 * EVERY) == (False, 4 * EVERY)


def test_what_is_expected_and_not_in_the_ledger_is_waited_for(engine: Engine) -> None:
    assert Run(engine, {4: come_and_end}).ends("late") == (True, 4 * EVERY)
    assert Run(engine, {}).ends("late", "never") == (False, STALL_SECONDS)


def test_what_is_still_to_be_sent_is_waited_for(engine: Engine) -> None:
    slow = Run(engine, {})
    slow.outbox.left = 20
    assert slow.ends() == (True, 20 * EVERY)


@pytest.fixture
def gone() -> Iterator[Engine]:
    """A ledger on a server that does not exist."""
    engine = open_ledger("postgresql+psycopg://127.0.0.1:1/none")
    yield engine
    engine.dispose()


def test_a_ledger_that_cannot_be_asked_is_no_progress(gone: Engine) -> None:
    assert Run(gone, {}).ends() == (False, STALL_SECONDS)
