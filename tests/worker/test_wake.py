"""A lane is woken by bell where this worker serves it, and by a message elsewhere."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest
from celery import Celery
from redis import Redis

from worker import slots
from worker.bells import Work
from worker.broker import CONFIG
from worker.wake import wake_here

LANE = ("akinon", "shop")
WORK: Work = ("shop", "cancel")
CHILDREN = 12
PLACES = slots.places_for(CHILDREN)


@pytest.fixture
def client(valkey_url: str) -> Iterator[Redis]:
    with Redis.from_url(valkey_url) as client:
        client.flushdb()
        yield client
        client.flushdb()


@pytest.fixture
def app(valkey_url: str, client: Redis) -> Celery:
    del client
    made = Celery(broker=valkey_url)
    made.conf.update(CONFIG)
    made.conf.worker_concurrency = CHILDREN
    return made


def test_who_serves_in_this_worker_hears_of_it_without_a_message(
    app: Celery, client: Redis
) -> None:
    with slots.serving("akinon", PLACES) as place:
        assert place
        wake_here(app, [LANE, LANE])
        assert place.bell.wait(5) == [WORK]
    assert client.llen("akinon") == 0


def test_where_nobody_serves_a_message_asks_for_it(app: Celery, client: Redis) -> None:
    wake_here(app, [LANE, LANE])
    assert client.llen("akinon") == 1


@pytest.fixture
def lanes(valkey_url: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    # The same as in the tests of the command line: it is read once for a process.
    monkeypatch.setenv("RESCIND_REDIS_URL", valkey_url.removesuffix("/0") + "/7")
    from tasks import lanes

    return lanes


def test_a_wake_up_that_meets_a_child_which_no_longer_listens_waits_for_its_place(
    lanes: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    served: list[Work] = []
    asked = threading.Event()

    def ring(*_: object) -> bool:
        asked.set()
        return False

    monkeypatch.setattr(slots, "ring", ring)
    monkeypatch.setattr(lanes, "TRIES", 1000)
    monkeypatch.setattr(lanes, "_serve", lambda _, work, **__: served.append(work))
    with slots.serving("akinon", slots.places_for(1)) as place:
        assert place
        taken = threading.Thread(target=lanes.work, args=("akinon", "cancel", "shop"))
        taken.start()
        assert asked.wait(30)
        assert served == []
    taken.join(30)
    assert served == [WORK]
