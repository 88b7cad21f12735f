"""The code of ``rescind plan show`` and ``rescind plan list``."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection

from rescind.cli import connections, output
from rescind.cli.records_shown import delivery_words
from rescind.errors.reported import CommandError
from rescind.ledger.deliveries.delivery_queries import deliveries_of_plan
from rescind.ledger.reading.plans import (
    Document,
    PlanFilter,
    plan_document,
    plan_page,
)
from rescind.ledger.storage.transactions import reading
from rescind.provider.text import storable

COLUMNS = ("step", "after", "lane", "order", "state", "attempts", "finished", "id")
LISTED = ("id", "name", "verdict", "steps", "submitted")
MOST = 10_000
"""Plans that one command lists at most: all are read before the first is printed."""
OPEN = "none yet: a step is open"


def show_plan(name: str, *, as_json: bool) -> None:
    with reading(connections.need_ledger()) as connection:
        plan = _found(connection, storable(name))
        steps = [step["id"] for step in plan["steps"]]
        deliveries = deliveries_of_plan(connection, plan["id"], steps)
    if as_json:
        output.emit_json({**plan, "deliveries": deliveries})
        return
    listed = plan.pop("steps")
    for field, value in {**plan, "verdict": plan["verdict"] or OPEN}.items():
        if value is not None:
            output.emit(f"{field.replace('_', ' '):<17} {value}")
    for one in deliveries:
        output.emit(f"{'delivery':<17} {delivery_words(one)}")
    output.emit()
    emit_steps(listed)


def emit_steps(steps: Sequence[Document]) -> None:
    output.table(COLUMNS, [_line(step) for step in steps])


def list_plans(wanted: PlanFilter, limit: int, *, as_json: bool) -> None:
    """Print the newest plans that match: each with its verdict and its steps."""
    with reading(connections.need_ledger()) as connection:
        # One plan more than is shown tells whether there are more.
        found = plan_page(connection, wanted, min(limit, MOST) + 1).plans
    output.emit_list(
        found,
        LISTED,
        _summary,
        as_json=as_json,
        limit=min(limit, MOST),
        more="newest",
    )


def _summary(plan: Document) -> tuple[object, ...]:
    states = (step["state"] or "deleted" for step in plan["steps"])
    steps = ", ".join(f"{number} {state}" for state, number in Counter(states).items())
    name = f"{plan['plan']}/{plan['key']}"
    return (plan["id"], name, plan["verdict"] or "", steps, plan["created_at"])


def _found(connection: Connection, name: str) -> dict[str, Any]:
    """The plan with this id, or with this ``name/key`` (a key may hold slashes)."""
    found = plan_document(connection, name)
    template, slash, key = name.partition("/")
    if found is None and slash:
        wanted = PlanFilter(name=template, key=key)
        found = next(iter(plan_page(connection, wanted, 1).plans), None)
    if found is None:
        raise CommandError(
            f"{name[:100]}: there is no such plan; an ID is a plan's id, or the name of"
            " its template and its key, as web-order/1001",
            problem="no-such-plan",
        )
    return found


def _line(step: dict[str, Any]) -> tuple[object, ...]:
    lane = f"{step['provider']}/{step['account']}"
    reason = f" ({step['reason']})" if step["reason"] else ""
    names = (step["attempts"], step["finished_at"] or "", step["id"])
    after = ", ".join(step["after"])
    return (
        step["step"],
        after,
        lane,
        step["order"],
        f"{step['state']}{reason}",
        *names,
    )
