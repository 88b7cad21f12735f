"""The first page: what is stuck, the lanes, the flow of a day."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from rescind.dashboard.board_cache import the_hub
from rescind.dashboard.page_guard import DeskRoute, Reader
from rescind.dashboard.rendering import page

router = APIRouter(route_class=DeskRoute)

DONE = {
    "held": "{lane} is held: nothing more is sent on it until it is resumed.",
    "resumed": "{lane} goes on: its hold, its pause and its failures are forgotten.",
}


@router.get("/")
def overview(request: Request, who: Reader, done: str = "", lane: str = "") -> Response:
    del who
    # Of this moment: whoever has just done something looks for what became of it.
    board = the_hub(request).board(older=False)
    said = DONE.get(done)
    # Only of lanes that there are: an address must not put words on this page.
    known = lane in {one.name for one in board.lanes}
    notice = said.format(lane=lane) if said and known else None
    return page(request, "overview.html", board=board, notice=notice)
