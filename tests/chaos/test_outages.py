"""A refusal of Redis lasts until a worker has met it; until then none is killed."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any, cast

import pytest
import redis
from redis.exceptions import ResponseError

from chaos.outages import Outages
from chaos.system_under_test import SystemUnderTest
from tests.valkey import valkey_server

WHAT = "redis full"
NO_MATTER = 0.0


class Scene:
    """A system with one worker at work, which logs the refusals that it meets."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.said: list[str] = []
        self.frozen: int | None = None
        self.killing = threading.Lock()
        system = SimpleNamespace(
            redis_servers=SimpleNamespace(
                client=lambda: redis.Redis.from_url(url), wait=lambda: None
            ),
            worker_at_work=lambda _seconds: "worker-1",
            said_by_workers=lambda: self.said,
            failpoints=SimpleNamespace(frozen=lambda: self.frozen),
        )
        over = threading.Event()
        self.outages = Outages(cast("SystemUnderTest", system), (self.killing,), over)

    def begin(self) -> threading.Thread:
        given = (WHAT, NO_MATTER)
        thread = threading.Thread(target=self.outages.refusing_redis, args=given)
        thread.start()
        return thread

    def refuses(self) -> bool:
        with redis.Redis.from_url(self.url) as client:
            try:
                client.set("it", "works")
            except ResponseError:
                return True
        return False


@pytest.fixture
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    with valkey_server(tmp_path_factory.mktemp("valkey")) as url:
        yield Scene(url)


def until(holds: Callable[[], bool], thread: threading.Thread) -> None:
    while not holds():
        assert thread.is_alive()


def test_it_refuses_until_a_worker_says_so_and_none_is_killed_meanwhile(
    scene: Scene,
) -> None:
    thread = scene.begin()
    until(scene.refuses, thread)
    assert not scene.killing.acquire(timeout=0.3)
    assert scene.refuses()
    scene.said.append("worker-1| Redis is full")
    thread.join(10)
    assert not scene.refuses()
    assert scene.killing.acquire(blocking=False)
    assert [one.what for one in scene.outages.log] == [WHAT]


def test_it_does_not_wait_for_kills_while_a_worker_is_frozen(scene: Scene) -> None:
    with scene.killing:
        thread = scene.begin()
        assert not scene.refuses()
        scene.frozen = 1234
        until(scene.refuses, thread)
        scene.said.append("worker-1| Redis is full")
        thread.join(10)
    assert not scene.refuses()


def test_the_ledger_refuses_writes_once_an_answer_is_under_way() -> None:
    log: list[str] = []
    over = threading.Event()
    sent = iter([0, 0, 0, 1])

    def counted() -> dict[str, Any]:
        log.append("looked")
        return {"calls": {"iletimerkezi": {"cancel": next(sent)}, "ithink": {}}}

    @contextmanager
    def calm() -> Iterator[None]:
        log.append("no kills")
        yield
        log.append("kills")

    def refuse(_seconds: float) -> None:
        log.append("refused")
        over.set()

    system = SimpleNamespace(
        worker_at_work=lambda _seconds: "worker-1",
        failpoints=SimpleNamespace(frozen=lambda: None, calm=calm),
        sandbox=SimpleNamespace(calls=counted, settings=lambda **_values: None),
        database=SimpleNamespace(refuse_writes=refuse),
    )
    Outages(cast("SystemUnderTest", system), (), over).database_read_only(NO_MATTER)
    assert log == ["no kills", *["looked"] * 4, "refused", "kills"]
