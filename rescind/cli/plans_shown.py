"""The code of ``rescind plan show``."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection

from rescind.cli import connections, output
from rescind.cli.records_shown import delivery_words
from rescind.errors.reported import CommandError
from rescind.ledger.deliveries.delivery_queries import deliveries_of_plan
from rescind.ledger.reading.plans import PlanFilter, plan_document, plan_page
from rescind.ledger.storage.transactions import reading
from rescind.provider.text import storable

COLUMNS = ("step", "after", "lane", "order", "state", "attempts", "finished", "id")
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
    output.table(COLUMNS, [_line(step) for step in listed])


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
