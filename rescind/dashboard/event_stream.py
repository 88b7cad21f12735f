"""Server-sent events: send a part of a page again whenever it has changed."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from typing import Any

from anyio import CapacityLimiter, to_thread
from fastapi import APIRouter, Request, Response
from fastapi.responses import StreamingResponse

from rescind.dashboard import board_cache
from rescind.dashboard.board import Board, shown_in
from rescind.dashboard.board_cache import board_cache_of
from rescind.dashboard.page_context import Dashboard, dashboard_of
from rescind.dashboard.page_guard import DashboardRoute
from rescind.dashboard.rendering import render
from rescind.dashboard.session_cookies import shown_session
from rescind.dashboard.sessions import Session
from rescind.dashboard.submission.browser_zone import zone_of
from rescind.ledger.storage.transactions import LedgerUnreachableError

NAP = 0.25
"""Seconds after which a stream notices that the server is stopping."""
EVENTS = "/desk/events"
"""The number of streams is bounded by the app's middleware."""

PLAN_EVENTS = "/desk/plans/{id}/events"
_STREAMS = re.compile(r"/desk(/plans/[^/]*)?/events")

router = APIRouter(route_class=DashboardRoute)


def is_stream(path: str) -> bool:
    """Whether a path is that of a stream of events."""
    return _STREAMS.fullmatch(path) is not None


@dataclass(frozen=True, slots=True)
class LivePart:
    """A part of a page that is sent again whenever what it shows has changed."""

    read: Callable[[Session], Any]
    """What it shows now; raises ``LedgerUnreachableError``."""
    render: Callable[[Any, Session], str]
    turn: CapacityLimiter
    """Lets one stream read at a time, so that a slow ledger blocks one thread."""
    may_see: Callable[[Session], bool] = lambda _who: True


@router.get(EVENTS)
async def events(request: Request) -> Response:
    found, zone = board_cache_of(request), zone_of(request)
    board = LivePart(
        read=lambda _who: found.board(),
        render=lambda board, who: render("board.html", **shown(board, who, zone)),
        turn=found.turn,
        # The overview counts all lanes' orders.
        may_see=lambda who: who.limits.unlimited,
    )
    return await stream_of(request, board)


def shown(board: Board, who: Session, zone: tzinfo) -> dict[str, object]:
    """The variables of the template ``board.html``."""
    session = {"session": who, "operates": who.operates}
    return {**shown_in(board, zone, datetime.now(UTC)), **session}


async def stream_of(request: Request, part: LivePart) -> Response:
    """The stream of a part of a page, for the session of the request."""
    dashboard = dashboard_of(request)
    who = _viewer(request, dashboard, part)
    if who is None or await _is_ended(dashboard, who):
        # 204 tells a browser's EventSource to stop asking.
        return Response(status_code=204)
    told = _stream(request, dashboard, part, who)
    return StreamingResponse(told, media_type="text/event-stream")


def _viewer(request: Request, dashboard: Dashboard, part: LivePart) -> Session | None:
    who = shown_session(request, dashboard)
    return who if who is not None and part.may_see(who) else None


async def _is_ended(dashboard: Dashboard, who: Session) -> bool:
    try:
        return await to_thread.run_sync(dashboard.is_ended, who)
    except LedgerUnreachableError:
        return False  # the stream tells of it, and asks again


async def _stream(
    request: Request, dashboard: Dashboard, part: LivePart, who: Session
) -> AsyncIterator[str]:
    yield "retry: 3000\n\n"
    seen: object = None
    while _viewer(request, dashboard, part):
        known = (dashboard, part, who, seen)
        seen_now, text = await to_thread.run_sync(_look, *known, limiter=part.turn)
        if seen_now is None:
            break
        yield text or _event("beat", "")
        seen = seen_now
        if not await _rest(request, dashboard):
            return
    yield _event("signed-out", "")


def _look(
    dashboard: Dashboard, part: LivePart, who: Session, seen: object
) -> tuple[object, str]:
    """What the part shows now or the trouble, and an event if it differs from ``seen``;
    ``None`` if the session was ended."""
    try:
        if dashboard.is_ended(who):
            return None, ""
        found = part.read(who)
    except LedgerUnreachableError as error:
        if seen == str(error):
            return seen, ""
        return str(error), _event("trouble", render("trouble_note.html", why=error))
    if found == seen:
        return found, ""
    return found, _event("board", part.render(found, who))


async def _rest(request: Request, dashboard: Dashboard) -> bool:
    """Wait for the next tick; false if the viewer has left or the server stops."""
    until = time.monotonic() + board_cache.TICK
    while time.monotonic() < until:
        if dashboard.context.stopping.is_set() or await request.is_disconnected():
            return False
        await asyncio.sleep(NAP)
    return True


def _event(name: str, data: str) -> str:
    lines = "".join(f"data: {line}\n" for line in data.splitlines() or [""])
    return f"event: {name}\n{lines}\n"
