"""A crew makes every call that it is given once, and no more at a time than it may."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.progress import Claimed, Progress
from ledger.states import State
from providers.model import Order
from worker import crew as crews
from worker.calls import FINE, Asked, Effect
from worker.crew import MOST_AHEAD, Batch, Crew

NOW = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)


@pytest.fixture(scope="module")
def threads() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(64) as found:
        yield found


def batch(number: int) -> Batch:
    progress = Progress(State.SENDING)
    return [Claimed(str(number), Order(str(number)), 2, NOW, progress)]


def answer(claimed: Batch) -> Asked:
    return Asked(claimed, {}, FINE, NOW)


def all_home(crew: Crew[Batch]) -> list[str]:
    """The ids of all that comes home until nothing is under way."""
    found: list[str] = []
    while crew.under_way:
        found += [one.claimed[0].id for one in crew.take_home(5)]
    return found


class Held:
    """Calls that end when they are let go."""

    def __init__(self) -> None:
        self.go = threading.Event()
        self.begun: list[str] = []

    def ask(self, claimed: Batch) -> Asked:
        self.begun.append(claimed[0].id)
        assert self.go.wait(30)
        return answer(claimed)


def until(condition: Callable[[], object]) -> None:
    give_up = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < give_up, "it did not come about"
        time.sleep(0.001)


@given(st.lists(st.integers(0, 9), max_size=8), st.integers(1, 5))
@settings(max_examples=50)
def test_every_call_is_made_once_and_comes_home_once(
    threads: ThreadPoolExecutor, sizes: list[int], size: int
) -> None:
    begun: list[str] = []

    def ask(claimed: Batch) -> Asked:
        begun.append(claimed[0].id)
        return answer(claimed)

    crew, home, number = Crew(threads, ask, size), list[str](), 0
    for many in sizes:
        crew.add([batch(n) for n in range(number, number + many)])
        number += many
        home += [one.claimed[0].id for one in crew.take_home(0)]
    home += all_home(crew)
    everything = sorted(map(str, range(number)))
    assert sorted(begun) == everything
    assert sorted(home) == everything


@given(st.integers(1, 6), st.integers(0, 20))
@settings(max_examples=30)
def test_no_more_are_made_at_once_than_may_be(
    threads: ThreadPoolExecutor, size: int, many: int
) -> None:
    held = Held()
    crew = Crew(threads, held.ask, size)
    crew.add([batch(n) for n in range(many)])
    until(lambda: len(held.begun) == min(size, many))
    assert crew.under_way == many
    held.go.set()
    assert len(all_home(crew)) == many


def test_what_is_withdrawn_is_never_sent(threads: ThreadPoolExecutor) -> None:
    held = Held()
    crew = Crew(threads, held.ask, 2)
    crew.add([batch(n) for n in range(5)])
    until(lambda: len(held.begun) == 2)
    back = [one[0].id for one in crew.withdraw()]
    held.go.set()
    assert sorted(all_home(crew)) == ["0", "1"]
    assert back == ["2", "3", "4"]
    assert sorted(held.begun) == ["0", "1"]


@pytest.mark.parametrize(
    "effect", [Effect(held="a wrong key"), Effect(throttled=timedelta(seconds=1))]
)
def test_after_an_answer_that_stops_the_lane_nothing_in_hand_is_begun(
    threads: ThreadPoolExecutor, effect: Effect
) -> None:
    begun: list[str] = []

    def ask(claimed: Batch) -> Asked:
        begun.append(claimed[0].id)
        return Asked(claimed, {}, effect, NOW)

    crew = Crew(threads, ask, 1)
    crew.add([batch(n) for n in range(4)])
    assert len(crew.take_home(5)) == 1
    crew.add([batch(4)])
    until(lambda: not crew.take_home(0) and crew.under_way == 4)
    assert begun == ["0"]
    assert len(crew.withdraw()) == 4
    crew.add([batch(5)])
    assert all_home(crew) == ["5"]


def test_told_to_stop_it_begins_nothing_more(
    threads: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = Held()
    crew = Crew(threads, held.ask, 1)
    crew.add([batch(n) for n in range(3)])
    until(lambda: held.begun)
    monkeypatch.setattr("worker.crew.stopping", lambda: True)
    held.go.set()
    assert len(crew.take_home(5)) == 1
    assert len(crew.withdraw()) == 2
    assert held.begun == ["0"]


def test_a_thread_that_cannot_be_had_leaves_nobody_waiting() -> None:
    class Exhausted(ThreadPoolExecutor):
        def submit(self, *_: Any, **__: Any) -> Any:
            raise RuntimeError("can't start new thread")

    with Exhausted(1) as exhausted:
        crew = Crew(exhausted, answer, 2)
        with pytest.raises(RuntimeError):
            crew.add([batch(1)])
        assert len(crew.withdraw()) == 1
        assert crew.take_home(None) == []
        assert crew.under_way == 0


def test_a_nudge_ends_a_wait(threads: ThreadPoolExecutor) -> None:
    held = Held()
    crew = Crew(threads, held.ask, 2)
    crew.add([batch(1)])
    threading.Timer(0.05, crew.nudge).start()
    assert crew.take_home(30) == []
    assert crew.nudged
    held.go.set()
    all_home(crew)


def test_nobody_waits_for_a_crew_that_has_nothing_to_do(
    threads: ThreadPoolExecutor,
) -> None:
    assert Crew(threads, answer, 2).take_home(None) == []


def test_a_bug_in_a_call_is_raised_and_the_others_come_home(
    threads: ThreadPoolExecutor,
) -> None:
    def ask(claimed: Batch) -> Asked:
        if claimed[0].id == "1":
            raise LookupError("a bug")
        return answer(claimed)

    crew = Crew(threads, ask, 1)
    crew.add([batch(n) for n in range(3)])
    assert all_home(crew) == ["0", "2"]
    with pytest.raises(LookupError):
        crew.check()


def test_where_answers_come_slowly_nothing_is_claimed_ahead(
    threads: ThreadPoolExecutor,
) -> None:
    def ask(claimed: Batch) -> Asked:
        time.sleep(0.1)
        return answer(claimed)

    crew = Crew(threads, ask, 1)
    crew.add([batch(n) for n in range(3)])
    all_home(crew)
    assert crew.ahead == 0


def test_where_answers_come_fast_some_are_claimed_ahead(
    threads: ThreadPoolExecutor,
) -> None:
    crew = Crew(threads, answer, 2)
    for start in range(0, 2_000, 200):
        crew.add([batch(start + n) for n in range(200)])
        all_home(crew)
    assert 0 < crew.ahead <= MOST_AHEAD * 2


def test_a_rest_is_over_when_somebody_nudges(threads: ThreadPoolExecutor) -> None:
    crew = Crew(threads, answer, 2)
    threading.Timer(0.05, crew.nudge).start()
    began = time.monotonic()
    crew.rest(30)
    assert time.monotonic() - began < 20
    assert crew.nudged


def test_a_rest_is_over_when_told_to_stop(
    threads: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = threading.Event()
    monkeypatch.setattr("worker.crew.stopping", told.is_set)
    threading.Timer(0.05, told.set).start()
    began = time.monotonic()
    Crew(threads, answer, 2).rest(30)
    assert time.monotonic() - began < 20


def test_while_calls_hang_there_is_no_pace(
    threads: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = Held()
    held.go.set()
    crew = Crew(threads, held.ask, 2)
    crew.add([batch(n) for n in range(20)])
    all_home(crew)
    monkeypatch.setattr(crews, "HANGS_SECONDS", 0.0)
    assert crew.pace > 0, "nothing is waited for"
    held.go.clear()
    crew.add([batch(21)])
    until(lambda: crew.pace == 0)
    held.go.set()
    all_home(crew)
    assert crew.pace > 0
