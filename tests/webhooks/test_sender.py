"""Tests that each receiver gets its deliveries in time, whatever another one does."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from typing import Any
from unittest import mock

import pytest
from sqlalchemy import Engine, select

from rescind.ledger.changes.insertion import insert_new
from rescind.ledger.deliveries import dispatch
from rescind.ledger.deliveries.delivery_queries import deliveries_of, due_targets
from rescind.ledger.deliveries.quiet_targets import keep_quiet, quiet_targets
from rescind.ledger.deliveries.retry_policy import ClaimedDelivery, Response
from rescind.ledger.states import State
from rescind.ledger.storage.side_tables import DELIVERY
from rescind.ledger.storage.transactions import (
    LedgerUnreachableError,
    open_ledger,
    reading,
    writing,
)
from rescind.webhooks import sender
from rescind.webhooks.sender import MOST_TO_ONE, Pace, Sender
from tests.ledger.build import LANE, NOW, change, hold, new
from tests.ledger.single import record
from tests.tasks.conftest import until

TAKEN = Response(accepted=True, status=204)
BUSY = Response(accepted=False, status=500, detail="HTTP 500")
MakeAttempt = Callable[[ClaimedDelivery], Response]


@pytest.fixture(autouse=True)
def _brief_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sender, "LOOK_SECONDS", 0.01)


@pytest.fixture
def engine(sqlite_ledger_url: str) -> Iterator[Engine]:
    engine = open_ledger(sqlite_ledger_url)
    yield engine
    engine.dispose()


def ended(engine: Engine, host: str, count: int, first: int = 0) -> list[str]:
    """``count`` ended cancellations with a webhook to ``host``; their ids."""
    url = f"https://{host}/done"
    some = [new(f"{host}-{n}", callback_url=url) for n in range(first, first + count)]
    with writing(engine) as connection:
        insert_new(connection, some, NOW)
    held = hold(engine, limit=count)
    with writing(engine) as connection:
        record(connection, [change(one, State.CANCELLED) for one in held], NOW, LANE)
    return [one.id for one in held]


def states(engine: Engine) -> Counter[tuple[str, str]]:
    chosen = select(DELIVERY.c.target, DELIVERY.c.state)
    with reading(engine) as connection:
        return Counter((t, s) for t, s in connection.execute(chosen))


def seen(engine: Engine, what: tuple[str, str]) -> bool:
    return states(engine)[what] > 0


def waiting(engine: Engine) -> int:
    return sum(n for (_, state), n in states(engine).items() if state == "waiting")


@contextmanager
def at_work(
    engine: Engine, attempt: MakeAttempt, *, stopping: bool = False
) -> Iterator[None]:
    """A running sender; at the end of the block it has sent all due deliveries."""
    job = threading.Thread(
        target=Sender(engine, attempt, stopping=lambda: stopping).run
    )
    job.start()
    try:
        yield
    finally:
        job.join(30)
        assert not job.is_alive()


class Slow:
    """Answers immediately, except for one host, which answers after ``go`` is set."""

    def __init__(self, host: str, then: Response = TAKEN) -> None:
        self.host = host
        self.then = then
        self.go = threading.Event()
        self.at_once = Counter[str]()
        self.most = Counter[str]()
        self._lock = threading.Lock()

    def __call__(self, delivery: ClaimedDelivery) -> Response:
        with self._lock:
            self.at_once[delivery.target] += 1
            self.most |= self.at_once
        if delivery.target == self.host:
            self.go.wait(30)
        with self._lock:
            self.at_once[delivery.target] -= 1
        return self.then if delivery.target == self.host else TAKEN


def test_a_receiver_that_hangs_delays_no_other(engine: Engine) -> None:
    # This receiver would be first in every possible order.
    ended(engine, "a.slow", 40)
    ended(engine, "b.fine", 40)
    ended(engine, "c.fine", 40)
    attempt = Slow("a.slow")
    with at_work(engine, attempt):
        until(lambda: states(engine)["c.fine", "delivered"] == 40, "the others")
        assert states(engine)["b.fine", "delivered"] == 40
        assert attempt.most["a.slow"] == 1
        attempt.go.set()
    assert set(states(engine)) == {
        (h, "delivered") for h in ("a.slow", "b.fine", "c.fine")
    }


def test_a_receiver_that_accepts_gets_more_at_once_up_to_a_limit(
    engine: Engine,
) -> None:
    ended(engine, "fine", 60)
    go, at_once, done = threading.Event(), Counter[str](), Counter[str]()
    lock = threading.Lock()

    def attempt(delivery: ClaimedDelivery) -> Response:
        with lock:
            done["all"] += 1
            quick = done["all"] <= 20
            at_once["fine"] += not quick
        if not quick:
            go.wait(30)
        return TAKEN

    with at_work(engine, attempt):
        until(lambda: at_once["fine"] == MOST_TO_ONE, "as many as may be")
        assert states(engine)["fine", "delivered"] <= 20
        go.set()
    assert states(engine) == {("fine", "delivered"): 60}


def test_a_receiver_that_fails_gets_one_at_a_time(engine: Engine) -> None:
    ended(engine, "broken", 12)
    asked = Slow("nobody")

    def attempt(delivery: ClaimedDelivery) -> Response:
        asked(delivery)
        return BUSY

    with at_work(engine, attempt):
        pass
    assert asked.most["broken"] == 1
    assert states(engine) == {("broken", "waiting"): 12}


def test_a_failed_attempt_resets_the_pace_to_one() -> None:
    pace = Pace()
    for _ in range(5):
        pace.in_flight += 1
        pace.learn(TAKEN)
    assert pace.room() == MOST_TO_ONE
    pace.in_flight += 1
    pace.learn(BUSY)
    assert pace.room() == 1


def test_a_receiver_that_asks_to_wait_gets_nothing(engine: Engine) -> None:
    ended(engine, "busy", 20)
    ended(engine, "fine", 5)
    asked = Counter[str]()

    def attempt(delivery: ClaimedDelivery) -> Response:
        asked[delivery.target] += 1
        if delivery.target == "fine":
            return TAKEN
        return Response(accepted=False, status=429, wait=timedelta(hours=1))

    with at_work(engine, attempt):
        pass
    assert asked == {"busy": 1, "fine": 5}
    # Nor does a sender that starts later, or a delivery that is created later.
    ended(engine, "busy", 3, first=20)
    with at_work(engine, attempt):
        pass
    assert asked == {"busy": 1, "fine": 5}


def test_a_later_wait_is_kept_and_an_earlier_one_is_not(engine: Engine) -> None:
    hour = timedelta(hours=1)
    with writing(engine) as connection:
        keep_quiet(connection, {"busy": NOW + 2 * hour}, NOW)
        keep_quiet(connection, {"busy": NOW + hour, "b": NOW + hour}, NOW)
        assert quiet_targets(connection, NOW) == {
            "busy": NOW + 2 * hour,
            "b": NOW + hour,
        }
        assert quiet_targets(connection, NOW + 2 * hour) == {}


def test_a_receiver_that_asks_to_wait_gets_nothing_of_a_long_backlog(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dispatch, "AT_ONCE", 10)
    ended(engine, "busy", 45)
    asked = Counter[str]()

    def attempt(delivery: ClaimedDelivery) -> Response:
        asked[delivery.target] += 1
        return Response(accepted=False, status=429, wait=timedelta(hours=1))

    for _ in range(2):
        with at_work(engine, attempt):
            pass
    assert asked == {"busy": 1}


def test_other_deliveries_are_sent_while_a_receiver_hangs(
    engine: Engine,
) -> None:
    ended(engine, "slow", 3)
    attempt = Slow("slow")
    with at_work(engine, attempt):
        until(lambda: attempt.at_once["slow"], "the one that hangs")
        for number in range(3):
            ended(engine, f"h{number}", 1)
            delivered = (f"h{number}", "delivered")
            until(partial(seen, engine, delivered), "the others")
        assert states(engine)["slow", "waiting"] == 3
        attempt.go.set()
    assert states(engine)["slow", "delivered"] == 3


def test_the_sender_reports_progress_while_a_receiver_hangs(engine: Engine) -> None:
    ended(engine, "slow", 1)
    attempt, moves = Slow("slow"), list[float]()
    moving = Sender(engine, attempt, lambda: moves.append(time.monotonic()))
    job = threading.Thread(target=moving.run)
    job.start()
    until(lambda: attempt.at_once["slow"], "the one that hangs")
    before = len(moves)
    until(lambda: len(moves) > before + 3, "another move")
    attempt.go.set()
    job.join(30)
    assert not job.is_alive()


def test_no_attempt_begins_after_a_shutdown(engine: Engine) -> None:
    ended(engine, "fine", 1)
    with at_work(engine, lambda _: TAKEN, stopping=True):
        pass
    assert states(engine) == {("fine", "waiting"): 1}


def test_an_attempt_is_recorded_when_the_ledger_is_back(engine: Engine) -> None:
    [one] = ended(engine, "fine", 1)
    inner, away = dispatch.settle, [LedgerUnreachableError("gone")] * 2
    asked: list[ClaimedDelivery] = []

    def settle(*args: Any) -> int:
        if args[1] and away:
            raise away.pop()
        return inner(*args)

    def attempt(delivery: ClaimedDelivery) -> Response:
        asked.append(delivery)
        return TAKEN

    with mock.patch.object(sender, "settle", settle), at_work(engine, attempt):
        pass
    with reading(engine) as connection:
        assert deliveries_of(connection, one)[0]["state"] == "delivered"
    assert (len(asked), away) == (1, [])


def test_attempts_in_flight_are_recorded_after_a_ledger_outage(
    engine: Engine,
) -> None:
    [one] = ended(engine, "slow", 1)
    attempt, looked = Slow("slow"), threading.Event()
    inner = due_targets

    def away(*args: Any) -> Any:
        if attempt.at_once["slow"]:
            looked.set()
            raise LedgerUnreachableError("gone")
        return inner(*args)

    with mock.patch.object(sender, "due_targets", away), at_work(engine, attempt):
        assert looked.wait(30)
        attempt.go.set()
    with reading(engine) as connection:
        assert deliveries_of(connection, one)[0]["state"] == "delivered"


def test_several_senders_make_each_delivery_once(engine: Engine) -> None:
    ids = [one for n in range(4) for one in ended(engine, f"h{n}", 25)]
    told: list[str] = []

    def attempt(delivery: ClaimedDelivery) -> Response:
        told.append(delivery.cancellation_id)
        return TAKEN

    with at_work(engine, attempt), at_work(engine, attempt), at_work(engine, attempt):
        pass
    assert sorted(told) == sorted(ids)
