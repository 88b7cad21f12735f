"""All cancellations of one order are found, and none of another order."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest
from sqlalchemy import Engine

from rescind.ledger.changes.insertion import insert_new
from rescind.ledger.changes.same_order import siblings
from rescind.ledger.states import State
from rescind.ledger.storage.transactions import reading, writing
from rescind.provider.outcomes import Reason
from tests.ledger.build import NOW, new, progress

ORDER = ("notpanel", "default", "1")


def kept(engine: Engine, *keys: str, order: str = "1", **values: Any) -> list[str]:
    some = [replace(new(key), order=order, **values) for key in keys]
    with writing(engine) as connection:
        insert_new(connection, some, NOW)
    return [one.id for one in some]


def found(engine: Engine, *orders: tuple[str, str, str]) -> dict[str, list[str]]:
    with reading(engine) as connection:
        return {
            order: [one.id for one in some]
            for (_, _, order), some in siblings(connection, orders or [ORDER]).items()
        }


def test_orders_that_are_their_own_keys_have_no_other_cancellations(
    engine: Engine,
) -> None:
    kept(engine, "1")
    assert found(engine) == {}


def test_cancellations_of_one_order_are_found_under_any_key(engine: Engine) -> None:
    ids = kept(engine, "1", "first", "second")
    kept(engine, "3", order="3")
    assert found(engine, ORDER, ("notpanel", "default", "3")) == {"1": sorted(ids)}


def test_another_account_or_provider_has_orders_of_its_own(engine: Engine) -> None:
    kept(engine, "own")
    kept(engine, "own", account="other")
    kept(engine, "1", provider="ithink")
    assert found(engine, ("ithink", "default", "1")) == {}
    assert len(found(engine)["1"]) == 1


def test_another_order_whose_key_is_this_orders_number_is_not_found(
    engine: Engine,
) -> None:
    kept(engine, "1", order="2")
    kept(engine, "own")
    assert len(found(engine)["1"]) == 1


@pytest.mark.parametrize(
    ("state", "lost", "matters"),
    [
        (State.QUEUED, False, True),
        (State.SENDING, False, True),
        (State.VERIFYING, True, True),
        (State.REQUESTED, True, True),
        (State.CANCELLED, False, True),
        (State.FAILED, True, True),
        (State.FAILED, False, False),
        (State.SCHEDULED, False, False),
        (State.REJECTED, False, False),
        (State.EXPIRED, False, False),
    ],
)
def test_a_cancellation_that_cannot_matter_is_left_out(
    engine: Engine, state: State, lost: bool, matters: bool
) -> None:
    kept(engine, "own", progress=progress(state, lost=lost))
    assert bool(found(engine).get("1")) is matters


def test_a_found_cancellation_has_its_state_reason_and_params(
    engine: Engine, now: datetime
) -> None:
    del now
    inferred = progress(State.CANCELLED, reason=Reason.INFERRED)
    kept(engine, "own", progress=inferred, params={"cancel_items": [1]})
    with reading(engine) as connection:
        (one,) = siblings(connection, [ORDER])[ORDER]
    assert (one.state, one.reason) == (State.CANCELLED, Reason.INFERRED)
    assert one.params == {"cancel_items": [1]}
