"""Inserts a plan: its own row, and one row for each of its steps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, insert, select, update

from rescind.ledger.changes.plan_completion import complete_one
from rescind.ledger.storage.milliseconds import in_ms
from rescind.ledger.storage.plan_tables import PLAN, PLAN_STEP
from rescind.ledger.storage.tables import CANCELLATION
from rescind.ledger.storage.upsert import insert_into

C, P = CANCELLATION.c, PLAN.c


class StepGoneError(LookupError):
    """A step's cancellation is not in the ledger any more: retention has deleted it."""


@dataclass(frozen=True, slots=True)
class NewPlan:
    """A plan to insert."""

    id: str
    """From ``recording.new_id``."""
    name: str
    key: str
    """As it is stored: see ``Limits.stored_key``."""
    version: str
    by: str
    title: str | None = None
    callback_url: str | None = None


@dataclass(frozen=True, slots=True)
class NewStep:
    """A step of a new plan, and the cancellation in the ledger that it is."""

    name: str
    cancellation_id: str
    after: Sequence[str] = ()
    """The names of the steps that it waits for."""
    condition: str | None = None
    """The canonical text of ``only_if``; ``None`` if it waits for no step."""


def insert_plan(
    connection: Connection, plan: NewPlan, steps: Sequence[NewStep], now: datetime
) -> bool:
    """Insert a plan with its steps, in their order; False if there is one of this name
    and key, and then nothing is written. A plan of which all steps have ended is
    complete at once.

    The cancellations are in the ledger already, by this transaction or an earlier one.
    Raises ``StepGoneError`` if one is not: the transaction must be rolled back.
    """
    if not _insert(connection, plan, now):
        return False
    ids = sorted({one.cancellation_id for one in steps})
    _mark(connection, ids)
    rows = [_step(plan, place, one) for place, one in enumerate(steps)]
    connection.execute(insert(PLAN_STEP), rows)
    complete_one(connection, plan.id, ids, now)
    return True


def plan_with_key(connection: Connection, name: str, key: str) -> Row[Any] | None:
    """The row of the plan of this name and stored key."""
    chosen = select(PLAN).where(P.name == name, P.key == key)
    return connection.execute(chosen).one_or_none()


def _insert(connection: Connection, plan: NewPlan, now: datetime) -> bool:
    row = {
        "id": plan.id,
        "name": plan.name,
        "key": plan.key,
        "version": plan.version,
        "title": plan.title,
        "callback_url": plan.callback_url,
        "by": plan.by,
        "created_at": in_ms(now),
    }
    statement = insert_into(connection, PLAN).values(row).on_conflict_do_nothing()
    return connection.execute(statement.returning(P.id)).one_or_none() is not None


def _mark(connection: Connection, ids: Sequence[str]) -> None:
    """Note in the cancellations that something follows their ends. This locks them: an
    end at this moment is recorded before, or finds the plan."""
    # Sorted: two transactions that lock the same rows must not deadlock.
    held = select(C.id).where(C.id.in_(ids)).order_by(C.id).with_for_update()
    found = connection.execute(held).scalars().all()
    if len(found) < len(ids):
        gone = ", ".join(sorted(set(ids) - set(found)))
        raise StepGoneError(f"not in the ledger any more: {gone}")
    connection.execute(update(CANCELLATION).where(C.id.in_(ids)).values(followed=1))


def _step(plan: NewPlan, place: int, one: NewStep) -> dict[str, Any]:
    return {
        "plan_id": plan.id,
        "step": one.name,
        "position": place,
        "cancellation_id": one.cancellation_id,
        "after": list(one.after),
        "condition": one.condition,
    }
