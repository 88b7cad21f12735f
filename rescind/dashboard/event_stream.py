"""Server-sent events: sends the overview again whenever it has changed."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo

from anyio import to_thread
from fastapi import APIRouter, Request, Response
from fastapi.responses import StreamingResponse

from rescind.dashboard import board_cache
from rescind.dashboard.board import Board, shown_in
from rescind.dashboard.board_cache import BoardCache, board_cache_of
from rescind.dashboard.page_context import Dashboard
from rescind.dashboard.page_guard import DashboardRoute
from rescind.dashboard.rendering import render
from rescind.dashboard.session_cookies import shown_session
from rescind.dashboard.sessions import Session
from rescind.dashboard.submission.local_times import zone_of
from rescind.ledger.storage.transactions import LedgerUnreachableError

NAP = 0.25
"""Seconds after which a stream notices that the server is stopping."""
EVENTS = "/desk/events"
"""The number of streams is bounded by the app's middleware."""

router = APIRouter(route_class=DashboardRoute)


@dataclass(frozen=True, slots=True)
class Viewer:
    """Who looks at the board, and in which time zone."""

    session: Session
    zone: tzinfo


@router.get(EVENTS)
async def events(request: Request) -> Response:
    found = board_cache_of(request)
    who = shown_session(request, found.dashboard)
    if who is None or not _may_see(who) or await _is_ended(found.dashboard, who):
        # 204 tells a browser's EventSource to stop asking.
        return Response(status_code=204)
    told = _stream(request, found, Viewer(who, zone_of(request)))
    return StreamingResponse(told, media_type="text/event-stream")


def _may_see(who: Session | None) -> bool:
    """Whether the session may see the overview, which counts all lanes' orders."""
    return who is not None and who.limits.unlimited


async def _is_ended(dashboard: Dashboard, who: Session) -> bool:
    try:
        return await to_thread.run_sync(dashboard.is_ended, who)
    except LedgerUnreachableError:
        return False  # the stream tells of it, and asks again


async def _stream(request: Request, of: BoardCache, who: Viewer) -> AsyncIterator[str]:
    yield "retry: 3000\n\n"
    seen: object = None
    while _may_see(shown_session(request, of.dashboard)):
        seen_now, text = await to_thread.run_sync(_look, of, who, seen, limiter=of.turn)
        if seen_now is None:
            break
        yield text or _event("beat", "")
        seen = seen_now
        if not await _rest(request, of.dashboard):
            return
    yield _event("signed-out", "")


def _look(of: BoardCache, who: Viewer, seen: object) -> tuple[object, str]:
    """The current board or trouble, and an event if it differs from ``seen``; no board
    if the session was ended."""
    try:
        if of.dashboard.is_ended(who.session):
            return None, ""
        board = of.board()
    except LedgerUnreachableError as error:
        if seen == str(error):
            return seen, ""
        return str(error), _event("trouble", render("trouble_note.html", why=error))
    if board == seen:
        return board, ""
    return board, _event("board", render("board.html", **shown(board, who)))


def shown(board: Board, who: Viewer) -> dict[str, object]:
    """The variables of the template ``board.html``."""
    session = {"session": who.session, "operates": who.session.operates}
    return {**shown_in(board, who.zone, datetime.now(UTC)), **session}


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
