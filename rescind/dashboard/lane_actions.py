"""Routes that hold and resume lanes."""

from __future__ import annotations

from urllib.parse import urlencode

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from rescind.config.accounts import Lane
from rescind.dashboard.forms import Text
from rescind.dashboard.page_guard import (
    DashboardRoute,
    LimitedOperator,
    LimitedReader,
    RefusedError,
    TheDashboard,
)
from rescind.dashboard.rendering import page
from rescind.dashboard.sessions import Session
from rescind.dashboard.translation import _
from rescind.operations import actions
from rescind.operations.actions import EVERY_OPERATION, UnknownError

router = APIRouter(route_class=DashboardRoute)


@router.get("/desk/lanes/hold")
def ask_to_hold(
    request: Request, dashboard: TheDashboard, who: LimitedReader, lane: str
) -> Response:
    try:
        seen = actions.lane(
            dashboard.engine, dashboard.accounts, _named(lane, who), dashboard.now()
        )
    except UnknownError as error:
        raise RefusedError(str(error), 404) from None
    return page(request, "hold.html", lane=seen)


@router.post("/desk/lanes/hold")
def hold(dashboard: TheDashboard, who: LimitedOperator, lane: Text) -> Response:
    try:
        actions.hold(
            dashboard.engine, dashboard.accounts, _named(lane, who), dashboard.now()
        )
    except UnknownError as error:
        raise RefusedError(str(error), 404) from None
    return _to_overview("held", lane)


@router.post("/desk/lanes/resume")
def resume(dashboard: TheDashboard, who: LimitedOperator, lane: Text) -> Response:
    named = _named(lane, who)
    try:
        fault = actions.resume(dashboard.engine, dashboard.accounts, named)
    except UnknownError as error:
        raise RefusedError(str(error), 404) from None
    if fault is None:
        dashboard.notify({operation: {named} for operation in EVERY_OPERATION})
    return _to_overview("resumed", lane)


def _named(lane: str, who: Session) -> Lane:
    """The lane; raises ``RefusedError`` if it is not wholly within the limits."""
    provider, _slash, account = lane.partition("/")
    if not who.limits.allows_lane(provider, account):
        raise RefusedError(_("There is no such lane."), 404)
    return provider, account


def _to_overview(done: str, lane: str) -> Response:
    return RedirectResponse(f"/?{urlencode({'done': done, 'lane': lane})}", 303)
