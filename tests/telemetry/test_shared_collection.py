"""A scrape waits for new metrics only for a moment, if there are former ones."""

from __future__ import annotations

from functools import partial
from threading import Event

import pytest

from rescind.telemetry.shared_collection import OLDEST, SharedCollection
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
