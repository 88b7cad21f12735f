"""The page of one cancellation: its state, advice and history."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request, Response

from rescind.dashboard.advice import advice
from rescind.dashboard.page_guard import (
    DashboardRoute,
    LimitedReader,
    RefusedError,
    TheDashboard,
)
from rescind.dashboard.rendering import page
from rescind.dashboard.selection import may_be_retried
from rescind.ledger.reading.limited import sees
from rescind.ledger.reading.queries import as_record, find, history
from rescind.ledger.states import EDGES, State
from rescind.ledger.storage.transactions import reading
from rescind.provider.text import storable

NOTICES = {"retried": "A new round has begun: its next steps appear below."}
MEANS = {
    "answered": "was answered",
    "not_sent": "never reached the provider",
    "throttled": "was refused for now: the provider asks callers to wait",
    "maybe_done": "was sent, and its answer was lost: it may have taken effect",
}

router = APIRouter(route_class=DashboardRoute)


@router.get("/desk/cancellations/{name}")
def one(
    request: Request,
    dashboard: TheDashboard,
    who: LimitedReader,
    name: str,
    done: str = "",
) -> Response:
    with reading(dashboard.engine) as connection:
        row = find(connection, storable(name))
        # What is outside the limits is answered as if it did not exist.
        row = row if row is not None and sees(who.limits, row) else None
        steps = [] if row is None else history(connection, row.id)
    if row is None:
        raise RefusedError(
            "There is no such cancellation: it may have been deleted.", 404
        )
    record = as_record(row)
    return page(
        request,
        "one.html",
        record=record,
        steps=[_step(step) for step in steps],
        advice=advice(record["provider"], record["state"], record["reason"]),
        retryable=may_be_retried(record),
        notice=NOTICES.get(done),
    )


def _step(step: dict[str, Any]) -> dict[str, Any]:
    """A change of state for the template, with the usual cause of such a change."""
    evidence = step["evidence"]
    call = evidence if isinstance(evidence, dict) else None
    return {
        **step,
        "edge": _edge(step["from"], step["to"]),
        "call": call,
        "means": MEANS.get(call["evidence"], call["evidence"]) if call else None,
        "words": None if call else evidence,
    }


def _edge(before: str | None, after: str) -> str | None:
    try:
        return EDGES.get((State(before or ""), State(after)))
    except ValueError:
        return None
