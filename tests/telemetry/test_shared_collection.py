"""A scrape waits for new metrics only for a moment, if there are former ones."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from threading import Event

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rescind.telemetry.shared_collection import FRESH, OLDEST, SharedCollection
from tests.tasks.conftest import until


class Slow:
    """A collection that lasts until it is told to end."""

    def __init__(self) -> None:
        self.begun, self.may_end = Event(), Event()

    def __call__(self) -> bytes:
        self.begun.set()
        assert self.may_end.wait(30)
        return b"slow"


def test_metrics_are_those_of_now_if_they_come_quickly() -> None:
    shared = SharedCollection()
    each = (b"first", b"second", b"third")
    assert tuple(shared.metrics(partial(bytes, one)) for one in each) == each


def test_a_slow_collection_gives_the_former_metrics_and_then_its_own() -> None:
    shared, slow = SharedCollection(), Slow()
    shared.metrics(lambda: b"former")
    assert shared.metrics(slow) == b"former"
    # It still runs, and no second one begins beside it.
    assert shared.metrics(lambda: b"never") == b"former"
    slow.may_end.set()
    until(lambda: shared.metrics(Slow()) == b"slow", "the end of the slow collection")


class Ahead:
    """A shared collection whose time and timers are the test's."""

    def __init__(self) -> None:
        self.now, self.timers = 0.0, list[tuple[float, Callable[[], None]]]()
        self.shared = SharedCollection(lambda: self.now, self._later)
        self.collected = list[float]()

    def _later(self, seconds: float, do: Callable[[], None]) -> None:
        self.timers.append((self.now + seconds, do))

    def collect(self) -> bytes:
        self.collected.append(self.now)
        return b"%d" % self.now

    def scrape(self, at: float) -> bytes:
        """The metrics at this time; timers that are due before have run."""
        due = [timer for timer in self.timers if timer[0] <= at]
        self.timers = [timer for timer in self.timers if timer not in due]
        for self.now, do in due:
            do()
            # The collection runs in a thread, at the time of the timer.
            self.shared.settle()
        self.now = at
        return self.shared.metrics(self.collect)


def test_the_metrics_of_a_regular_scrape_are_collected_just_before_it() -> None:
    one = Ahead()
    found = [one.scrape(at) for at in (0, 15, 30, 45)]
    assert found == [b"0", b"15", b"29", b"44"]
    assert one.collected == [0, 15, 29, 44]


def test_a_scrape_at_an_unexpected_time_collects_for_itself() -> None:
    one = Ahead()
    found = [one.scrape(at) for at in (0, 15, 22, 60)]
    assert found == [b"0", b"15", b"22", b"60"]


def test_without_scrapes_nothing_more_is_collected() -> None:
    one = Ahead()
    for at in (0, 15):
        one.scrape(at)
    assert len(one.timers) == 1
    for _, do in one.timers:
        do()
    assert len(one.timers) == 1


@given(st.lists(st.floats(0, 100), max_size=20))
@settings(deadline=None, max_examples=30)
def test_metrics_are_never_older_than_fresh(waits: list[float]) -> None:
    one, at = Ahead(), 0.0
    for wait in waits:
        at += wait
        assert at - int(one.scrape(at)) <= FRESH + 1


def test_metrics_that_are_too_old_are_not_given() -> None:
    now = [0.0]
    shared = SharedCollection(lambda: now[0])
    shared.metrics(lambda: b"former")
    now[0] = OLDEST + 1
    assert shared.metrics(lambda: b"new") == b"new"


def test_a_fault_is_raised_and_the_next_scrape_collects() -> None:
    shared = SharedCollection()
    with pytest.raises(ZeroDivisionError):
        shared.metrics(lambda: b"%d" % (1 // 0))
    assert shared.metrics(lambda: b"new") == b"new"
