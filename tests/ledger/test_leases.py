from __future__ import annotations

import threading
from datetime import datetime

from sqlalchemy import Engine

from rescind.ledger.changes.leases import acquire, release
from rescind.ledger.storage.transactions import writing
from tests.ledger.build import NOW, SECOND

SECONDS = 20.0


def taken(engine: Engine, holder: str, now: datetime = NOW, name: str = "it") -> bool:
    with writing(engine) as connection:
        return acquire(connection, name, holder, SECONDS, now)


def given_back(engine: Engine, holder: str) -> None:
    with writing(engine) as connection:
        release(connection, "it", holder)


def test_a_lease_is_held_until_it_is_released(engine: Engine) -> None:
    assert taken(engine, "a")
    assert not taken(engine, "b")
    given_back(engine, "b")
    assert not taken(engine, "b")
    given_back(engine, "a")
    assert taken(engine, "b")


def test_the_holder_cannot_acquire_its_lease_twice(engine: Engine) -> None:
    assert [taken(engine, "a"), taken(engine, "a")] == [True, False]


def test_a_dead_holders_lease_is_free_once_it_has_ended(engine: Engine) -> None:
    assert taken(engine, "a")
    assert not taken(engine, "b", NOW + SECONDS * SECOND - SECOND)
    assert taken(engine, "b", NOW + SECONDS * SECOND)
    given_back(engine, "a")
    assert not taken(engine, "c", NOW + SECONDS * SECOND)


def test_each_name_is_a_lease_of_its_own(engine: Engine) -> None:
    assert taken(engine, "a", name="it")
    assert taken(engine, "b", name="other")


def test_only_one_of_many_acquires_the_lease(engine: Engine) -> None:
    start = threading.Barrier(6)
    found: list[bool] = []

    def run(holder: str) -> None:
        start.wait()
        found.append(taken(engine, holder))

    threads = [threading.Thread(target=run, args=(str(n),)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(found) == [False] * 5 + [True]
