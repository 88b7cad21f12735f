"""Holding and resuming lanes."""

from __future__ import annotations

from urllib.parse import urlencode

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from desk.forms import Text
from desk.guard import DeskRoute, Operator, Reader, RefusedError, TheDesk
from desk.pages import page
from worker import operations
from worker.accounts import Lane
from worker.operations import EVERY_OPERATION, UnknownError

router = APIRouter(route_class=DeskRoute)


@router.get("/desk/lanes/hold")
def ask_to_hold(request: Request, desk: TheDesk, who: Reader, lane: str) -> Response:
    del who
    try:
        seen = operations.lane(desk.engine, desk.accounts, _named(lane), desk.now())
    except UnknownError as error:
        raise RefusedError(str(error), 404) from None
    return page(request, "hold.html", lane=seen)


@router.post("/desk/lanes/hold")
def hold(desk: TheDesk, who: Operator, lane: Text) -> Response:
    del who
    try:
        operations.hold(desk.engine, desk.accounts, _named(lane), desk.now())
    except UnknownError as error:
        raise RefusedError(str(error), 404) from None
    return _to_overview("held", lane)


@router.post("/desk/lanes/resume")
def resume(desk: TheDesk, who: Operator, lane: Text) -> Response:
    del who
    named = _named(lane)
    try:
        fault = operations.resume(desk.engine, desk.accounts, named)
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
