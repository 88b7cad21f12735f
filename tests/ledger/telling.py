"""Cancellations with deliveries, and the results of attempts to deliver them."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Engine

from rescind.ledger.changes.insertion import insert_new
from rescind.ledger.deliveries import dispatch
from rescind.ledger.deliveries.delivery_queries import told_of
from rescind.ledger.deliveries.dispatch import settle
from rescind.ledger.deliveries.retry_policy import Heard, Telling, judge
from rescind.ledger.states import State
from rescind.ledger.storage.transactions import reading, writing
from tests.ledger.build import (
    NOW,
    change,
    hold,
    make,
    new,
)

URL = "https://shop.example.com/hook?key=secret"
TASK = {"callback_task": "shop.ended", "callback_queue": "shop"}
LEASE = timedelta(minutes=1)
TAKEN = Heard(taken=True, status=204)
NOT_TAKEN = Heard(taken=False, status=500, detail="HTTP 500")
GONE = Heard(taken=False, status=410, detail="HTTP 410", gone=True)
HEARD = [TAKEN, NOT_TAKEN, GONE]


def ended(engine: Engine, order: str = "1", **values: Any) -> str:
    """A failed cancellation; its producer wants a webhook, unless ``values`` differ."""
    asked = values or {"callback_url": URL}
    with writing(engine) as connection:
        insert_new(connection, [new(order, **asked)], NOW)
    [held] = hold(engine)
    make(engine, [change(held, State.FAILED, provider_message="it broke")])
    return held.id


def holding(
    engine: Engine,
    target: str = "shop.example.com",
    limit: int = 10,
    now: datetime = NOW,
) -> list[Telling]:
    with writing(engine) as connection:
        return dispatch.hold(connection, target, limit, LEASE, now)


def settling(
    engine: Engine, telling: Telling, heard: Heard, now: datetime = NOW
) -> int:
    with writing(engine) as connection:
        return settle(connection, [judge(telling, heard, now, 0.5)], now)


def told(engine: Engine, one: str) -> list[dict[str, Any]]:
    with reading(engine) as connection:
        return told_of(connection, one)
