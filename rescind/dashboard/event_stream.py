"""Server-sent events: the overview anew whenever something on it has changed."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator

from anyio import to_thread
from fastapi import APIRouter, Request, Response
from fastapi.responses import StreamingResponse

from rescind.dashboard import board_cache
from rescind.dashboard.board import Board
from rescind.dashboard.board_cache import Hub, the_hub
from rescind.dashboard.page_context import Desk
from rescind.dashboard.page_guard import DeskRoute, session_of
from rescind.dashboard.rendering import render
from rescind.dashboard.sessions import Session
from rescind.ledger.storage.transactions import LedgerUnreachableError

NAP = 0.25
"""How soon a stream sees that the server is to end."""
MOST = 100
"""Streams at once: a reader beyond them reloads by hand."""

router = APIRouter(route_class=DeskRoute)


@router.get("/desk/events")
async def events(request: Request) -> Response:
    found = the_hub(request)
    who = session_of(request, found.desk)
    if who is None or found.open >= MOST:
        # 204 tells a browser's EventSource to stop asking.
        return Response(status_code=204)
    told = _told(request, found, who)
    return StreamingResponse(told, media_type="text/event-stream")


async def _told(request: Request, of: Hub, who: Session) -> AsyncIterator[str]:
    of.open += 1
    try:
        yield "retry: 3000\n\n"
        seen: object = None
        while session_of(request, of.desk) is not None:
            seen_now, text = await to_thread.run_sync(
                _look, of, who, seen, limiter=of.turn
            )
            yield text or _event("beat", "")
            seen = seen_now
            if not await _rest(request, of.desk):
                return
        yield _event("signed-out", "")
    finally:
        of.open -= 1


def _look(of: Hub, who: Session, seen: object) -> tuple[object, str]:
    """What is known now, and the event that tells it, if it is news."""
    try:
        board = of.board()
    except LedgerUnreachableError as error:
        if seen == str(error):
            return seen, ""
        return str(error), _event("trouble", render("trouble_note.html", why=error))
    if board == seen:
        return board, ""
    return board, _event("board", render("board.html", **shown(board, who)))


def shown(board: Board, who: Session) -> dict[str, object]:
    """What the board's template needs."""
    return {"board": board, "session": who, "operates": who.operates}


async def _rest(request: Request, desk: Desk) -> bool:
    """Until the next tick: true; false once the reader or the server goes away."""
    until = time.monotonic() + board_cache.TICK
    while time.monotonic() < until:
        if desk.front.stopping.is_set() or await request.is_disconnected():
            return False
        await asyncio.sleep(NAP)
    return True


def _event(name: str, data: str) -> str:
    lines = "".join(f"data: {line}\n" for line in data.splitlines() or [""])
    return f"event: {name}\n{lines}\n"
