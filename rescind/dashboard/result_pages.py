"""Results of actions: each has an address of its own, so Back and Reload show it again.

A page that answers a form directly cannot be shown again: no page of ours is cached,
and to send the form once more would be another action. So what the page shows is kept
for the session, encrypted, and the form's answer redirects to it.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from rescind.config.settings import SettingsError
from rescind.dashboard.page_context import Dashboard
from rescind.dashboard.page_guard import (
    DashboardRoute,
    LimitedReader,
    RefusedError,
    TheDashboard,
)
from rescind.dashboard.rendering import page
from rescind.dashboard.sessions import Session
from rescind.dashboard.submission.kept_uploads import KeptUploads
from rescind.dashboard.translation import _
from rescind.ledger.seal import SealError

RESULTS = "/desk/results"
KIND = "action"
TEMPLATES = ("done.html", "test_event.html")

router = APIRouter(route_class=DashboardRoute)


def show_result(
    request: Request,
    dashboard: Dashboard,
    who: Session,
    template: str,
    values: Mapping[str, Any],
) -> Response:
    """A redirect to the result; if it cannot be kept, the result itself.

    ``template`` is one of ``TEMPLATES``, ``values`` are JSON. The action was done
    before, so nothing that fails here may look as if it was not.
    """
    id_ = secrets.token_urlsafe(12)
    kept = {"template": template, "values": dict(values)}
    try:
        KeptUploads(dashboard, who).put(KIND, id_, kept)
    except (RefusedError, SettingsError, SealError):
        return page(request, template, **values)
    return RedirectResponse(f"{RESULTS}/{id_}", 303)


@router.get(f"{RESULTS}/{{id}}")
def result(
    request: Request,
    dashboard: TheDashboard,
    who: LimitedReader,
    id: str,  # noqa: A002
) -> Response:
    """The session's last result, for an hour."""
    kept = KeptUploads(dashboard, who).get(KIND, id)
    if kept is None or kept["template"] not in TEMPLATES:
        raise RefusedError(
            _(
                "This result is kept no more: an hour has passed, or another action"
                " followed. What was done stays done. Each cancellation's page shows"
                " its present state."
            ),
            410,
        )
    return page(request, kept["template"], **kept["values"])
