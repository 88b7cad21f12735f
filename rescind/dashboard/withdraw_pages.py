"""Withdraws what was not sent, after a page that asks for confirmation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import RedirectResponse

from rescind.dashboard.forms import Texts
from rescind.dashboard.page_context import Dashboard
from rescind.dashboard.page_guard import (
    DashboardRoute,
    Operator,
    RefusedError,
    TheDashboard,
)
from rescind.dashboard.rendering import page
from rescind.dashboard.retry_pages import REFUSALS_SHOWN, TICKED
from rescind.dashboard.translation import _
from rescind.ledger.changes.withdrawals import was_never_sent
from rescind.ledger.reading.queries import as_record, rows_of
from rescind.ledger.storage.transactions import reading
from rescind.operations.withdrawal import withdraw_many
from rescind.provider.text import storable

router = APIRouter(route_class=DashboardRoute)


def ticked(id: Texts = []) -> Sequence[str]:  # noqa: A002, B006  (FastAPI copies it)
    """A dependency: the ids of the form; raises ``RefusedError`` for too many."""
    if len(id) > TICKED:
        raise RefusedError(
            _("At most %(number)s can be ticked at once.", number=TICKED), 422
        )
    return list(dict.fromkeys(map(storable, id)))


Ticked = Annotated[Sequence[str], Depends(ticked)]


def may_be_withdrawn(record: dict[str, Any]) -> bool:
    """Whether it waits to be sent, and no call for it may have reached its provider."""
    return was_never_sent(record["state"], record["attempts"])


@router.post("/desk/withdraw")
def ask(
    request: Request, dashboard: TheDashboard, who: Operator, ids: Ticked
) -> Response:
    """The confirmation: how many will be withdrawn, and what that does."""
    del who
    records = _records(dashboard, ids)
    able = [one for one in records if may_be_withdrawn(one)]
    unable = len(records) - len(able)
    return page(request, "withdraw.html", able=able, unable=unable)


def _records(dashboard: Dashboard, ids: Sequence[str]) -> list[dict[str, Any]]:
    with reading(dashboard.engine) as connection:
        return [as_record(row) for row in rows_of(connection, ids)]


@router.post("/desk/withdraw/now")
def withdraw(
    request: Request, dashboard: TheDashboard, who: Operator, ids: Ticked
) -> Response:
    done = withdraw_many(dashboard.engine, ids, dashboard.now(), by=who.actor)
    if len(ids) == len(done.rows) == 1:
        return RedirectResponse(f"/desk/cancellations/{ids[0]}?done=withdrawn", 303)
    return page(request, "withdrawn.html", done=done, shown=REFUSALS_SHOWN)
