"""Server-sent events: the overview anew whenever something on it has changed."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from fastapi import APIRouter, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import StreamingResponse

from desk.board import Board, read_board
from desk.context import Desk, the_desk
from desk.guard import DeskRoute, session_of
from desk.pages import render
from desk.sessions import Session
from ledger.database import LedgerUnreachableError

TICK = 2.0
"""Seconds between two looks at the ledger, for all readers together."""
NAP = 0.25
"""How soon a stream sees that the server is to end."""
MOST = 100
"""Streams at once: a reader beyond them reloads by hand."""

router = APIRouter(route_class=DeskRoute)


@dataclass
class Hub:
    """The latest board, read once for all who look, and how many look."""

    desk: Desk
    open: int = 0
    _board: Board | None = None
    _read_at: float = 0.0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def board(self) -> Board:
        """Not older than a tick; raises ``LedgerUnreachableError``."""
        with self._lock:
            if self._board is None or time.monotonic() - self._read_at >= TICK:
                self._board = read_board(self.desk)
                self._read_at = time.monotonic()
            return self._board


def _hub(request: Request) -> Hub:
    found: Hub | None = getattr(request.app.state, "desk_hub", None)
    if found is None:
        found = Hub(the_desk(request))
        request.app.state.desk_hub = found
    return found


@router.get("/desk/events")
async def events(request: Request) -> Response:
    hub = _hub(request)
    who = session_of(request, hub.desk)
    if who is None or hub.open >= MOST:
        # 204 tells a browser's EventSource to stop asking.
        return Response(status_code=204)
    told = _told(request, hub, who)
    return StreamingResponse(told, media_type="text/event-stream")


async def _told(request: Request, hub: Hub, who: Session) -> AsyncIterator[str]:
    hub.open += 1
    try:
        yield "retry: 3000\n\n"
        seen: object = None
        while session_of(request, hub.desk) is not None:
            seen_now, text = await run_in_threadpool(_look, hub, who, seen)
            yield _event("beat", "") if seen_now == seen else text
            seen = seen_now
            if not await _rest(request, hub.desk):
                return
        yield _event("signed-out", "")
    finally:
        hub.open -= 1


def _look(hub: Hub, who: Session, seen: object) -> tuple[object, str]:
    """What is known now, and the event that tells it, if it is news."""
    try:
        board = hub.board()
    except LedgerUnreachableError as error:
        return str(error), _event("trouble", render("trouble_note.html", why=error))
    if board == seen:
        return board, ""
    return board, _event("board", render("board.html", **shown(board, who)))


def shown(board: Board, who: Session) -> dict[str, object]:
    """What the board's template needs."""
    return {"board": board, "session": who, "operates": who.operates}


async def _rest(request: Request, desk: Desk) -> bool:
    """Until the next tick: true; false once the reader or the server goes away."""
    until = time.monotonic() + TICK
    while time.monotonic() < until:
        if desk.front.stopping.is_set() or await request.is_disconnected():
            return False
        await asyncio.sleep(NAP)
    return True


def _event(name: str, data: str) -> str:
    lines = "".join(f"data: {line}\n" for line in data.splitlines() or [""])
    return f"event: {name}\n{lines}\n"
