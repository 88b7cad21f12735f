"""Delivering webhooks: to each receiver in time, whatever another one does."""

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
Tell = Callable[[ClaimedDelivery], Response]


@pytest.fixture(autouse=True)
def _brief_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sender, "LOOK_SECONDS", 0.01)


@pytest.fixture
def engine(sqlite_ledger_url: str) -> Iterator[Engine]:
    engine = open_ledger(sqlite_ledger_url)
    yield engine
    engine.dispose()


def ended(engine: Engine, host: str, count: int) -> list[str]:
    """So many whose producer is to be told at this host."""
    url = f"https://{host}/done"
    some = [new(f"{host}-{n}", callback_url=url) for n in range(count)]
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
def at_work(engine: Engine, tell: Tell, *, stopping: bool = False) -> Iterator[None]:
    """One that delivers meanwhile; at the end it has delivered all that was due."""
    job = threading.Thread(target=Sender(engine, tell, stopping=lambda: stopping).run)
    job.start()
    try:
        yield
    finally:
        job.join(30)
        assert not job.is_alive()


class Slow:
    """Tells at once; but to one host it takes until it is let go."""

    def __init__(self, host: str, then: Response = TAKEN) -> None:
        self.host = host
        self.then = then
        self.go = threading.Event()
        self.at_once = Counter[str]()
        self.most = Counter[str]()
        self._lock = threading.Lock()

    def __call__(self, telling: ClaimedDelivery) -> Response:
        with self._lock:
            self.at_once[telling.target] += 1
            self.most |= self.at_once
        if telling.target == self.host:
            self.go.wait(30)
        with self._lock:
            self.at_once[telling.target] -= 1
        return self.then if telling.target == self.host else TAKEN


def test_one_that_hangs_keeps_nobody_else_waiting(engine: Engine) -> None:
    # It would be first in every order that there is.
    ended(engine, "a.slow", 40)
    ended(engine, "b.fine", 40)
    ended(engine, "c.fine", 40)
    tell = Slow("a.slow")
    with at_work(engine, tell):
        until(lambda: states(engine)["c.fine", "delivered"] == 40, "the others")
        assert states(engine)["b.fine", "delivered"] == 40
        assert tell.most["a.slow"] == 1
        tell.go.set()
    assert set(states(engine)) == {
        (h, "delivered") for h in ("a.slow", "b.fine", "c.fine")
    }


def test_who_takes_them_gets_more_at_once_and_no_more_than_so_many(
    engine: Engine,
) -> None:
    ended(engine, "fine", 60)
    go, at_once, done = threading.Event(), Counter[str](), Counter[str]()
    lock = threading.Lock()

    def tell(telling: ClaimedDelivery) -> Response:
        with lock:
            done["all"] += 1
            quick = done["all"] <= 20
            at_once["fine"] += not quick
        if not quick:
            go.wait(30)
        return TAKEN

    with at_work(engine, tell):
        until(lambda: at_once["fine"] == MOST_TO_ONE, "as many as may be")
        assert states(engine)["fine", "delivered"] <= 20
        go.set()
    assert states(engine) == {("fine", "delivered"): 60}


def test_who_does_not_take_them_is_asked_one_at_a_time(engine: Engine) -> None:
    ended(engine, "broken", 12)
    asked = Slow("nobody")

    def tell(telling: ClaimedDelivery) -> Response:
        asked(telling)
        return BUSY

    with at_work(engine, tell):
        pass
    assert asked.most["broken"] == 1
    assert states(engine) == {("broken", "waiting"): 12}


def test_one_that_was_not_taken_ends_all_haste() -> None:
    pace = Pace()
    for _ in range(5):
        pace.under_way += 1
        pace.learn(TAKEN)
    assert pace.room() == MOST_TO_ONE
    pace.under_way += 1
    pace.learn(BUSY)
    assert pace.room() == 1


def test_who_asks_to_be_left_alone_is(engine: Engine) -> None:
    ended(engine, "busy", 20)
    ended(engine, "fine", 5)
    asked = Counter[str]()

    def tell(telling: ClaimedDelivery) -> Response:
        asked[telling.target] += 1
        if telling.target == "fine":
            return TAKEN
        return Response(accepted=False, status=429, wait=timedelta(hours=1))

    with at_work(engine, tell):
        pass
    assert asked == {"busy": 1, "fine": 5}
    # Nor by anybody else.
    with at_work(engine, tell):
        pass
    assert asked == {"busy": 1, "fine": 5}


def test_who_asks_to_be_left_alone_is_however_much_waits_for_it(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dispatch, "AT_ONCE", 10)
    ended(engine, "busy", 45)
    asked = Counter[str]()

    def tell(telling: ClaimedDelivery) -> Response:
        asked[telling.target] += 1
        return Response(accepted=False, status=429, wait=timedelta(hours=1))

    for _ in range(2):
        with at_work(engine, tell):
            pass
    assert asked == {"busy": 1}


def test_what_ends_while_a_receiver_hangs_is_delivered_beside_it(
    engine: Engine,
) -> None:
    ended(engine, "slow", 3)
    tell = Slow("slow")
    with at_work(engine, tell):
        until(lambda: tell.at_once["slow"], "the one that hangs")
        for number in range(3):
            ended(engine, f"h{number}", 1)
            delivered = (f"h{number}", "delivered")
            until(partial(seen, engine, delivered), "the others")
        assert states(engine)["slow", "waiting"] == 3
        tell.go.set()
    assert states(engine)["slow", "delivered"] == 3


def test_it_says_that_it_moves_while_a_receiver_hangs(engine: Engine) -> None:
    ended(engine, "slow", 1)
    tell, moves = Slow("slow"), list[float]()
    moving = Sender(engine, tell, lambda: moves.append(time.monotonic()))
    job = threading.Thread(target=moving.run)
    job.start()
    until(lambda: tell.at_once["slow"], "the one that hangs")
    before = len(moves)
    until(lambda: len(moves) > before + 3, "another move")
    tell.go.set()
    job.join(30)
    assert not job.is_alive()


def test_a_worker_that_was_told_to_stop_begins_nothing(engine: Engine) -> None:
    ended(engine, "fine", 1)
    with at_work(engine, lambda _: TAKEN, stopping=True):
        pass
    assert states(engine) == {("fine", "waiting"): 1}


def test_what_was_told_is_written_down_when_the_ledger_is_back(engine: Engine) -> None:
    [one] = ended(engine, "fine", 1)
    inner, away = dispatch.settle, [LedgerUnreachableError("gone")] * 2
    asked: list[ClaimedDelivery] = []

    def settle(*args: Any) -> int:
        if args[1] and away:
            raise away.pop()
        return inner(*args)

    def tell(telling: ClaimedDelivery) -> Response:
        asked.append(telling)
        return TAKEN

    with mock.patch.object(sender, "settle", settle), at_work(engine, tell):
        pass
    with reading(engine) as connection:
        assert deliveries_of(connection, one)[0]["state"] == "delivered"
    assert (len(asked), away) == (1, [])


def test_what_is_under_way_when_the_ledger_goes_is_written_down_when_it_is_back(
    engine: Engine,
) -> None:
    [one] = ended(engine, "slow", 1)
    tell, looked = Slow("slow"), threading.Event()
    inner = due_targets

    def away(*args: Any) -> Any:
        if tell.at_once["slow"]:
            looked.set()
            raise LedgerUnreachableError("gone")
        return inner(*args)

    with mock.patch.object(sender, "due_targets", away), at_work(engine, tell):
        assert looked.wait(30)
        tell.go.set()
    with reading(engine) as connection:
        assert deliveries_of(connection, one)[0]["state"] == "delivered"


def test_several_at_once_tell_each_once(engine: Engine) -> None:
    ids = [one for n in range(4) for one in ended(engine, f"h{n}", 25)]
    told: list[str] = []

    def tell(telling: ClaimedDelivery) -> Response:
        told.append(telling.cancellation_id)
        return TAKEN

    with at_work(engine, tell), at_work(engine, tell), at_work(engine, tell):
        pass
    assert sorted(told) == sorted(ids)
