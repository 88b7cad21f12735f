"""The page of the notifications: their receivers, each of them, and a test event."""

from __future__ import annotations

from threading import BoundedSemaphore

from fastapi import APIRouter, Request, Response

from rescind.dashboard.forms import Text
from rescind.dashboard.page_guard import (
    DashboardRoute,
    Operator,
    Reader,
    RefusedError,
    TheDashboard,
)
from rescind.dashboard.rendering import page
from rescind.dashboard.result_pages import show_result
from rescind.dashboard.translation import _
from rescind.ledger.deliveries.delivery_queries import (
    STATES,
    as_listed,
    delivery_page,
    place_in,
    place_of,
    written,
)
from rescind.ledger.deliveries.receivers import receivers
from rescind.ledger.storage.transactions import reading
from rescind.operations.receiver_trial import try_receiver

PAGE = 50
LONGEST = 2_000
AT_ONCE = 2
"""Test events under way: each may hold a thread of the API for 20 seconds."""

router = APIRouter(route_class=DashboardRoute)
_testing = BoundedSemaphore(AT_ONCE)


@router.get("/desk/notifications")
def list_notifications(
    request: Request,
    dashboard: TheDashboard,
    who: Reader,
    state: str = "waiting",
    behind: str = "",
) -> Response:
    """The receivers, and the notifications in one state."""
    del who
    if state not in STATES:
        raise RefusedError(_("There is no such state of a notification."), 422)
    place = place_in(state, behind)
    with reading(dashboard.engine) as connection:
        known = receivers(connection, dashboard.now())
        rows = delivery_page(connection, state, PAGE + 1, place)
    last = place_of(rows[PAGE - 1], state) if len(rows) > PAGE else None
    return page(
        request,
        "notifications.html",
        receivers=known,
        rows=[as_listed(row) for row in rows[:PAGE]],
        older=None if last is None else written(last),
        state=state,
        states=("waiting", "given_up", "delivered"),
        signed=bool(dashboard.context.settings.webhook_secrets),
    )


@router.post("/desk/notifications/test")
def send_test(
    request: Request, dashboard: TheDashboard, who: Operator, address: Text = ""
) -> Response:
    """Send one test event, and show the receiver's answer."""
    if not _testing.acquire(blocking=False):
        raise RefusedError(_("Other test events are under way: try again."), 429)
    try:
        callbacks = dashboard.context.settings.callbacks
        given = (callbacks, address.strip()[:LONGEST], dashboard.now())
        result = try_receiver(dashboard.engine, *given, by=who.actor)
    finally:
        _testing.release()
    told = {name: getattr(result, name) for name in ("accepted", "status", "detail")}
    values = {"result": told, "address": address.strip()}
    return show_result(request, dashboard, who, "test_event.html", values)
