"""The overview page: what needs a person, the lanes, and a day's outcomes."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from rescind.dashboard.board import shown_in
from rescind.dashboard.board_cache import board_cache_of
from rescind.dashboard.bulk.lane_action import lane_notice
from rescind.dashboard.list_links import LIST
from rescind.dashboard.page_context import dashboard_of
from rescind.dashboard.page_guard import DashboardRoute, LimitedReader
from rescind.dashboard.rendering import page
from rescind.dashboard.submission.browser_zone import zone_of

router = APIRouter(route_class=DashboardRoute)


@router.get("/")
def overview(
    request: Request, who: LimitedReader, done: str = "", lane: str = ""
) -> Response:
    if not who.limits.unlimited:
        # The board counts the orders of all lanes.
        return RedirectResponse(LIST, 303)
    # Read now: an operator who has just held a lane looks for the result.
    board = board_cache_of(request).board(older=False)
    notice = lane_notice(done, lane, {one.name for one in board.lanes})
    its = shown_in(board, zone_of(request), dashboard_of(request).now())
    return page(request, "overview.html", notice=notice, **its)
