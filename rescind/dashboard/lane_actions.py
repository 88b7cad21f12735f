"""Routes that hold and resume lanes."""

from __future__ import annotations

from urllib.parse import urlencode

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from rescind.config.accounts import Lane
from rescind.dashboard.forms import Text
from rescind.dashboard.page_guard import (
    DashboardRoute,
    Operator,
    Reader,
    RefusedError,
    TheDashboard,
)
from rescind.dashboard.rendering import page
from rescind.operations import actions
from rescind.operations.actions import EVERY_OPERATION, UnknownError

router = APIRouter(route_class=DashboardRoute)


@router.get("/desk/lanes/hold")
def ask_to_hold(
    request: Request, dashboard: TheDashboard, who: Reader, lane: str
) -> Response:
    del who
    try:
        seen = actions.lane(
            dashboard.engine, dashboard.accounts, _named(lane), dashboard.now()
        )
    except UnknownError as error:
        raise RefusedError(str(error), 404) from None
    return page(request, "hold.html", lane=seen)


@router.post("/desk/lanes/hold")
def hold(dashboard: TheDashboard, who: Operator, lane: Text) -> Response:
    known = (dashboard.engine, dashboard.accounts)
    try:
        actions.hold(*known, _named(lane), dashboard.now(), by=who.actor)
    except UnknownError as error:
        raise RefusedError(str(error), 404) from None
    return _to_overview("held", lane)


@router.post("/desk/lanes/resume")
def resume(dashboard: TheDashboard, who: Operator, lane: Text) -> Response:
    named = _named(lane)
    known = (dashboard.engine, dashboard.accounts)
    try:
        fault = actions.resume(*known, named, dashboard.now(), by=who.actor)
    except UnknownError as error:
        raise RefusedError(str(error), 404) from None
    if fault is None:
        dashboard.notify({operation: {named} for operation in EVERY_OPERATION})
    return _to_overview("resumed", lane)


def _named(lane: str) -> Lane:
    provider, _, account = lane.partition("/")
    return provider, account


def _to_overview(done: str, lane: str) -> Response:
    return RedirectResponse(f"/?{urlencode({'done': done, 'lane': lane})}", 303)
