"""The overview page: what needs a person, the lanes, and a day's outcomes."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from rescind.dashboard.board_cache import board_cache_of
from rescind.dashboard.list_links import LIST
from rescind.dashboard.page_guard import DashboardRoute, LimitedReader
from rescind.dashboard.rendering import page
from rescind.dashboard.translation import N_, _

router = APIRouter(route_class=DashboardRoute)

DONE = {
    "held": N_("%(lane)s is held: nothing is sent on it until somebody resumes it."),
    "resumed": N_("%(lane)s is resumed: it is tried again now."),
}


@router.get("/")
def overview(
    request: Request, who: LimitedReader, done: str = "", lane: str = ""
) -> Response:
    if not who.limits.unlimited:
        # The board counts the orders of all lanes.
        return RedirectResponse(LIST, 303)
    # Read now: an operator who has just held a lane looks for the result.
    board = board_cache_of(request).board(older=False)
    said = DONE.get(done)
    # Only for lanes that exist: a crafted link must not put words on this page.
    known = lane in {one.name for one in board.lanes}
    notice = _(said, lane=lane) if said and known else None
    return page(request, "overview.html", board=board, notice=notice)
