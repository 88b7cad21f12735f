"""Producers are notified of outcomes: by a webhook, by a task, after a crash."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from celery import Celery, signals
from celery.contrib.testing.worker import start_worker
from sqlalchemy import select, update
from standardwebhooks import Webhook

from rescind.config.times import utc_now
from rescind.ledger.deliveries.delivery_queries import deliveries_of
from rescind.ledger.storage.milliseconds import in_ms
from rescind.ledger.storage.side_tables import DELIVERY
from rescind.ledger.storage.transactions import reading, writing
from rescind.sandbox import Sandbox
from tests.receivers import Heard, Receiver, receiving, saying
from tests.tasks.conftest import WEBHOOK_SECRET, Running, until


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as found:
        yield found


def submit(running: Running, order: str, **callback: Any) -> str:
    running.sandbox.seed("notpanel", [order], "pending")
    running.submit({"provider": "notpanel", "order": order, **callback})
    return f"notpanel/default/{order}"


def deliveries(running: Running, path: str) -> list[dict[str, Any]]:
    with reading(running.engine) as connection:
        return deliveries_of(connection, running.record(path)["id"])


def is_told(running: Running, path: str) -> bool:
    found = deliveries(running, path)
    return bool(found) and all(one["state"] == "delivered" for one in found)


def test_a_webhook_holds_the_record_and_is_signed(
    sandbox: Sandbox, spare_system: Running, receiver: Receiver
) -> None:
    path = submit(spare_system, "ord_w1", callback_url=receiver.url)
    until(lambda: receiver.heard, "a webhook")
    [heard] = receiver.heard
    told = Webhook(WEBHOOK_SECRET).verify(heard.body, heard.headers)
    record = spare_system.ends(path)
    # A receiver gets neither the history nor any actor.
    del record["history"], record["by"]
    assert told == {
        "type": "cancellation.cancelled",
        "timestamp": record["finished_at"],
        "data": record,
    }
    until(lambda: is_told(spare_system, path), path)
    assert deliveries(spare_system, path)[0]["webhook_id"] == receiver.ids()[0]
    assert heard.line == "POST /hook?key=1 HTTP/1.1"


def test_a_webhook_whose_worker_is_killed_is_sent_again_with_the_same_id(
    sandbox: Sandbox, spare_system: Running, receiver: Receiver
) -> None:
    def hang(_sock: socket.socket, _heard: Heard) -> None:
        receiver.wait()

    receiver.answer = hang
    path = submit(spare_system, "ord_w2", callback_url=receiver.url)
    until(lambda: receiver.heard, "a webhook")
    os.kill(spare_system.system.pids["worker"], signal.SIGKILL)
    receiver.answer = saying(b"HTTP/1.1 200 OK\r\n\r\n")
    assert deliveries(spare_system, path)[0]["state"] == "waiting"
    with writing(spare_system.engine) as connection:
        lapsed = update(DELIVERY).where(DELIVERY.c.state == "waiting")
        connection.execute(lapsed.values(due_at=in_ms(utc_now())))
    until(lambda: is_told(spare_system, path), path)
    assert receiver.ids() == [receiver.ids()[0]] * 2
    assert receiver.heard[0].body == receiver.heard[1].body
    assert deliveries(spare_system, path)[0]["attempts"] == 2


@contextmanager
def consuming(running: Running, queue: str) -> Iterator[list[tuple[Any, Any]]]:
    """A shop's own Celery app, independent of ours."""
    app = Celery("shop", broker=running.system.redis_url, set_as_current=False)
    got: list[tuple[Any, Any]] = []

    @app.task(name="shop.ended", shared=False)
    def ended(cancellation: Any, id: str) -> None:  # noqa: A002
        got.append((id, cancellation))

    with (
        _without_our_signals(),
        start_worker(
            app, perform_ping_check=False, queues=[queue], shutdown_timeout=30
        ),
    ):
        yield got


@contextmanager
def _without_our_signals() -> Iterator[None]:
    """Celery tells every app of a process that a worker starts. If another test has
    imported our worker here, ours would take the shop's worker for its own."""
    sent = [getattr(signals, name) for name in signals.__all__]
    kept = [(one, one.receivers) for one in sent]
    for one in sent:
        one.receivers = []
        one.sender_receivers_cache.clear()
    try:
        yield
    finally:
        for one, receivers in kept:
            one.receivers = receivers
            one.sender_receivers_cache.clear()


def test_a_task_of_another_app_gets_the_record(
    sandbox: Sandbox, spare_system: Running
) -> None:
    named = {"callback_task": "shop.ended", "callback_queue": "shop"}
    path = submit(spare_system, "ord_w3", **named)
    with consuming(spare_system, "shop") as got:
        until(lambda: got, "a task")
    record = spare_system.ends(path)
    # A receiver gets neither the history nor any actor.
    del record["history"], record["by"]
    until(lambda: is_told(spare_system, path), path)
    assert got == [(deliveries(spare_system, path)[0]["webhook_id"], record)]


def test_a_producer_is_notified_of_a_refused_entry(
    sandbox: Sandbox, spare_system: Running, receiver: Receiver
) -> None:
    spare_system.submit(
        {"provider": "notpanel", "order": "a b", "callback_url": receiver.url}
    )
    until(lambda: receiver.heard, "a webhook")
    told = receiver.heard[0].document
    assert told["type"] == "cancellation.rejected"
    assert told["data"]["reason"] == "invalid_request"
    assert told["data"]["order"] == "a b"


def test_a_producer_that_asked_for_nothing_is_not_notified(
    sandbox: Sandbox, spare_system: Running
) -> None:
    path = submit(spare_system, "ord_w4")
    one = spare_system.ends(path)["id"]
    with reading(spare_system.engine) as connection:
        its = select(DELIVERY).where(DELIVERY.c.cancellation_id == one)
        assert connection.execute(its).all() == []
