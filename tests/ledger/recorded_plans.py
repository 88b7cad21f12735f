"""Builders of plans with a record of their own, for the ledger's tests."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Engine, Row, select

from rescind.ledger.changes.plan_insertion import NewPlan, NewStep, insert_plan
from rescind.ledger.changes.recording import new_id
from rescind.ledger.storage.plan_tables import PLAN
from rescind.ledger.storage.side_tables import DELIVERY
from rescind.ledger.storage.transactions import reading, writing
from tests.ledger.build import BY, NOW


def plan_of(
    engine: Engine,
    *steps: NewStep | str,
    key: str = "1",
    now: datetime = NOW,
    **values: Any,
) -> str:
    """Insert a plan of these steps; returns its id. A text is a cancellation's id, and
    then the step's name is its number."""
    plan = NewPlan(new_id(), "web-order", key, "0123456789ab", BY, **values)
    named = [
        NewStep(str(number), one) if isinstance(one, str) else one
        for number, one in enumerate(steps)
    ]
    with writing(engine) as connection:
        assert insert_plan(connection, plan, named, now)
    return plan.id


def plan_row(engine: Engine, plan: str) -> Row[Any]:
    with reading(engine) as connection:
        return connection.execute(select(PLAN).where(PLAN.c.id == plan)).one()


def ended(engine: Engine, plan: str) -> bool:
    """Whether the plan's row says that none of its steps is open."""
    return plan_row(engine, plan).ended_at is not None


def told(engine: Engine, plan: str) -> list[Row[Any]]:
    """The deliveries of the plan's ends, oldest first."""
    d = DELIVERY.c
    chosen = select(DELIVERY).where(d.kind == "plan", d.subject == plan)
    with reading(engine) as connection:
        return list(connection.execute(chosen.order_by(d.created_at, d.seq)))
