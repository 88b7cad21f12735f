"""Cancellations with deliveries, and the results of attempts to deliver them."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Engine

from rescind.ledger.changes.insertion import insert_new
from rescind.ledger.deliveries import dispatch
from rescind.ledger.deliveries.delivery_queries import deliveries_of
from rescind.ledger.deliveries.dispatch import settle
from rescind.ledger.deliveries.retry_policy import ClaimedDelivery, Response, judge
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
TAKEN = Response(accepted=True, status=204)
NOT_TAKEN = Response(accepted=False, status=500, detail="HTTP 500")
GONE = Response(accepted=False, status=410, detail="HTTP 410", gone=True)
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
) -> list[ClaimedDelivery]:
    with writing(engine) as connection:
        return dispatch.claim_deliveries(connection, target, limit, LEASE, now)


def settling(
    engine: Engine, delivery: ClaimedDelivery, response: Response, now: datetime = NOW
) -> int:
    with writing(engine) as connection:
        return settle(connection, [judge(delivery, response, now, 0.5)], now)


def deliveries_for(engine: Engine, one: str) -> list[dict[str, Any]]:
    with reading(engine) as connection:
        return deliveries_of(connection, one)
