"""Holding and resuming lanes."""

from __future__ import annotations

from urllib.parse import urlencode

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from rescind.config.accounts import Lane
from rescind.dashboard.forms import Text
from rescind.dashboard.page_guard import (
    DeskRoute,
    Operator,
    Reader,
    RefusedError,
    TheDesk,
)
from rescind.dashboard.rendering import page
from rescind.operations import actions
from rescind.operations.actions import EVERY_OPERATION, UnknownError

router = APIRouter(route_class=DeskRoute)


@router.get("/desk/lanes/hold")
def ask_to_hold(request: Request, desk: TheDesk, who: Reader, lane: str) -> Response:
    del who
    try:
        seen = actions.lane(desk.engine, desk.accounts, _named(lane), desk.now())
    except UnknownError as error:
        raise RefusedError(str(error), 404) from None
    return page(request, "hold.html", lane=seen)


@router.post("/desk/lanes/hold")
def hold(desk: TheDesk, who: Operator, lane: Text) -> Response:
    del who
    try:
        actions.hold(desk.engine, desk.accounts, _named(lane), desk.now())
    except UnknownError as error:
        raise RefusedError(str(error), 404) from None
    return _to_overview("held", lane)


@router.post("/desk/lanes/resume")
def resume(desk: TheDesk, who: Operator, lane: Text) -> Response:
    del who
    named = _named(lane)
    try:
        fault = actions.resume(desk.engine, desk.accounts, named)
    except UnknownError as error:
        raise RefusedError(str(error), 404) from None
    if fault is None:
        desk.wake({operation: {named} for operation in EVERY_OPERATION})
    return _to_overview("resumed", lane)


def _named(lane: str) -> Lane:
    provider, _, account = lane.partition("/")
    return provider, account


def _to_overview(done: str, lane: str) -> Response:
    return RedirectResponse(f"/?{urlencode({'done': done, 'lane': lane})}", 303)
