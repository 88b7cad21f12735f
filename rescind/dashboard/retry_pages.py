"""Retries one or many cancellations, after a page that asks for confirmation."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Form, Request, Response
from fastapi.responses import RedirectResponse

from rescind.dashboard.bulk_retry import open_rounds
from rescind.dashboard.forms import deadline_of
from rescind.dashboard.list_pages import may_be_retried
from rescind.dashboard.page_guard import (
    DashboardRoute,
    Operator,
    TheDashboard,
)
from rescind.dashboard.rendering import page
from rescind.dashboard.selection import MOST, TheSelection
from rescind.ledger.reading.queries import stamp
from rescind.ledger.states import RETRYABLE
from rescind.ledger.storage.milliseconds import in_ms
from rescind.operations.actions import lanes_to_notify

REFUSALS_SHOWN = 20
"""Refusals that the result page lists one by one."""

router = APIRouter(route_class=DashboardRoute)


@router.post("/desk/retry")
def ask(
    request: Request, dashboard: TheDashboard, who: Operator, selected: TheSelection
) -> Response:
    """The confirmation: how many will be retried, and what that does."""
    del who
    records = selected.records(dashboard, RETRYABLE)
    now = dashboard.now()
    able = [one for one in records if may_be_retried(one)]
    return page(
        request,
        "retry.html",
        selected=selected,
        able=able[:MOST],
        more=len(records) > MOST,
        unable=len(records) - len(able),
        late=sum(_is_late(one, now) for one in able),
        shown_at=stamp(in_ms(now)),
    )


@router.post("/desk/retry/now")
def retry(
    request: Request,
    dashboard: TheDashboard,
    who: Operator,
    selected: TheSelection,
    deadline: Annotated[str, Form()] = "",
) -> Response:
    del who
    now = dashboard.now()
    before = deadline_of(deadline, now)
    records = selected.records(dashboard, RETRYABLE)
    able = [one["id"] for one in records if may_be_retried(one)][:MOST]
    done = open_rounds(dashboard.engine, able, now, before)
    dashboard.notify(lanes_to_notify(done.rows))
    if len(able) == len(done.rows) == 1:
        return RedirectResponse(f"/desk/cancellations/{able[0]}?done=retried", 303)
    return page(request, "retried.html", done=done, shown=REFUSALS_SHOWN)


def _is_late(record: dict[str, Any], now: datetime) -> bool:
    before = record["cancel_before"]
    return before is not None and datetime.fromisoformat(before) <= now
