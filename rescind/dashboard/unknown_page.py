"""Answers addresses under ``/desk`` that show no page, in the reader's language."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from rescind.dashboard.page_guard import DashboardRoute, LimitedReader
from rescind.dashboard.translation import _
from rescind.dashboard.trouble import trouble

router = APIRouter(route_class=DashboardRoute)


@router.get("/desk/{path:path}")
def say_unknown(request: Request, path: str, who: LimitedReader) -> Response:
    """A page that leads on. The address may be one to which only forms are sent."""
    del path, who
    why = _(
        "This address shows no page. If it was the answer to a form, the form was not"
        " sent again, and nothing was done now."
    )
    return trouble(request, 404, _("There is no such page"), why)
