"""The list of plans, and the page of one, which updates itself."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.concurrency import run_in_threadpool

from rescind.dashboard.aged_lists import read_list
from rescind.dashboard.board_cache import board_cache_of
from rescind.dashboard.event_stream import PLAN_EVENTS, LivePart, stream_of
from rescind.dashboard.page_context import Dashboard, dashboard_of
from rescind.dashboard.page_guard import (
    DashboardRoute,
    LimitedReader,
    RefusedError,
    TheDashboard,
)
from rescind.dashboard.plan_view import PlanView, read_plan
from rescind.dashboard.rendering import page, render
from rescind.dashboard.session_cookies import shown_session
from rescind.dashboard.sessions import Session
from rescind.dashboard.translation import N_, _
from rescind.ledger.reading.plans import PlanFilter, plan_page
from rescind.ledger.storage.transactions import LedgerUnreachableError, reading
from rescind.provider.text import storable

PLANS = 30
"""Plans on one page of the list."""
NOTICES = {
    "accepted": N_("It was accepted: what becomes of each step appears below."),
    "known": N_("It was submitted before: this changed nothing."),
}

router = APIRouter(route_class=DashboardRoute)


@router.get("/desk/plans")
def plans(
    request: Request,
    who: LimitedReader,
    plan: str = "",
    key: str = "",
    before: str = "",
) -> Response:
    """Plans, the newest first."""
    name, wanted_key = storable(plan).strip(), storable(key).strip()
    wanted = PlanFilter(name or None, wanted_key or None, within=who.limits)
    behind = storable(before) or None
    found = read_list(request, lambda c: plan_page(c, wanted, PLANS, behind))
    return page(
        request, "plans.html", found=found, wanted={"plan": name, "key": wanted_key}
    )


@router.get("/desk/plans/{id}")
def one(
    request: Request,
    dashboard: TheDashboard,
    who: LimitedReader,
    id: str,  # noqa: A002
    done: str = "",
) -> Response:
    with reading(dashboard.engine) as connection:
        found = read_plan(connection, storable(id), who.limits)
    if found is None:
        why = _("There is no such plan: it may have been deleted.")
        raise RefusedError(why, 404)
    notice = _(NOTICES[done]) if done in NOTICES else None
    return page(request, "plan.html", **_shown(found), notice=notice)


@router.get(PLAN_EVENTS)
async def events(request: Request, id: str) -> Response:  # noqa: A002
    """The stream of one plan; no content if the session may not see it."""
    dashboard, plan_id = dashboard_of(request), storable(id)
    who = shown_session(request, dashboard)
    if who is None or not await run_in_threadpool(_sees, dashboard, who, plan_id):
        return Response(status_code=204)
    part = LivePart(
        read=lambda who: _read(dashboard, who, plan_id),
        render=_rendered,
        turn=board_cache_of(request).turn,
    )
    return await stream_of(request, part)


def _sees(dashboard: Dashboard, who: Session, plan_id: str) -> bool:
    try:
        return _read(dashboard, who, plan_id) != ""
    except LedgerUnreachableError:
        return True  # the stream tells of it, and asks again


def _read(dashboard: Dashboard, who: Session, plan_id: str) -> PlanView | str:
    """The plan, or an empty text once it is deleted."""
    with reading(dashboard.engine) as connection:
        return read_plan(connection, plan_id, who.limits) or ""


def _rendered(found: PlanView | str, who: Session) -> str:
    if isinstance(found, str):
        return render("plan_gone.html")
    return render("plan_board.html", **_shown(found), **_of(who))


def _shown(found: PlanView) -> dict[str, Any]:
    return {"view": found, "plan": found.document}


def _of(who: Session) -> dict[str, Any]:
    return {"session": who, "operates": who.operates}
