"""A deadlock of a worker and another transaction delays no other lane."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from sqlalchemy import text

from rescind.engine import transaction
from rescind.ledger.changes.insert_claimed import insert_claimed
from rescind.ledger.changes.insertion import insert_new
from rescind.ledger.changes.waiting_insertion import lock
from rescind.ledger.storage.transactions import open_ledger, reading, writing
from tests.engine.waiting import until
from tests.engine.world import World, lane
from tests.ledger.build import NOW, policy

WAITING = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' "
WAITING += "AND datname = current_database()"


def test_a_claim_that_deadlocks_with_an_insertion_is_made_again_at_once(
    postgres_ledger_url: str, logged: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other transaction inserts a key, and then locks what its order waits for.

    PostgreSQL undoes the transaction that is the first to look for a deadlock when
    there is one. Here this is the worker: the other transaction never looks.
    """
    ledger, others = (open_ledger(postgres_ledger_url) for _ in range(2))
    world = World(ledger, {lane(): policy(concurrency=4)})
    before, same = world.new("before"), world.new("same")
    with writing(ledger) as connection:
        insert_new(connection, [before], NOW)
    inserted = threading.Event()

    claimed = threading.Event()

    def take_in() -> None:
        with writing(others) as connection:
            connection.execute(text("SET LOCAL deadlock_timeout = '1h'"))
            insert_new(connection, [same], NOW)
            inserted.set()
            assert claimed.wait(60)
            lock(connection, [before.id])

    def insert_late(*given: Any) -> Any:
        if not claimed.is_set():
            claimed.set()
            until(a_transaction_waits, "the other one to wait for the claimed order")
        return insert_claimed(*given)

    def a_transaction_waits() -> bool:
        with reading(others) as connection:
            return bool(connection.execute(text(WAITING)).scalar_one())

    monkeypatch.setattr(transaction, "insert_claimed", insert_late)
    thread = threading.Thread(target=take_in)
    thread.start()
    assert inserted.wait(60)
    world.engine.notify([(lane(), "cancel")])
    future = world.submit_orders(["same"])
    world.step()
    thread.join()
    assert future.result(0) == frozenset()
    # The second try skips rows that the other transaction has not released yet.
    world.sweep()
    world.settle()
    assert sorted(world.orders_under_way()) == ["before", "same"]
    assert logged == []
    for one in (ledger, others):
        one.dispose()
