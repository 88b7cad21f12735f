"""Notifications that were given up: the page that lists and resends them."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from rescind.dashboard.aged_lists import read_list
from rescind.dashboard.forms import Text, Texts
from rescind.dashboard.page_context import Dashboard
from rescind.dashboard.page_guard import (
    DashboardRoute,
    LimitedOperator,
    LimitedReader,
    RefusedError,
    TheDashboard,
    without_limits,
)
from rescind.dashboard.rendering import page
from rescind.dashboard.sessions import Session
from rescind.dashboard.translation import _, ngettext
from rescind.ledger.deliveries.delivery_queries import (
    as_listed,
    delivery_page,
    place_in,
    place_of,
    written,
)
from rescind.ledger.reading.limited import sees
from rescind.ledger.reading.queries import rows_of
from rescind.ledger.storage.transactions import reading
from rescind.operations.resending import resend_all_given_up, resend_given_up
from rescind.provider.text import storable

GIVEN_UP = "given_up"
PAGE = 50
TICKED = 200
"""Ticked notifications in one form; a page shows fewer."""
MOST = 1_000
"""About how many are resent by one form."""

router = APIRouter(route_class=DashboardRoute)


@router.get("/desk/undelivered")
def list_undelivered(
    request: Request,
    who: LimitedReader,
    behind: str = "",
    done: str = "",
) -> Response:
    """Notifications that were given up, the latest first, with the last answer."""
    place = place_in(GIVEN_UP, behind)
    rows = read_list(
        request, lambda c: delivery_page(c, GIVEN_UP, PAGE + 1, place, who.limits)
    )
    last = place_of(rows[PAGE - 1], GIVEN_UP) if len(rows) > PAGE else None
    return page(
        request,
        "undelivered.html",
        rows=[as_listed(row) for row in rows[:PAGE]],
        older=None if last is None else written(last),
        notice=_notice(done),
        most=MOST,
    )


def _notice(done: str) -> str | None:
    # Only a number: a crafted link must not put words on this page.
    if not (done.isascii() and done.isdecimal() and len(done) < 7):
        return None
    number = int(done)
    if not number:
        return _("Nothing is resent: tick at least one notification.")
    return ngettext(
        "%(num)s notification is sent again within seconds. If it fails again, it comes"
        " back to this list.",
        "%(num)s notifications are sent again within seconds. Those that fail again"
        " come back to this list.",
        number,
    )


@router.post("/desk/undelivered/again")
def resend(
    dashboard: TheDashboard,
    who: LimitedOperator,
    id: Texts = [],  # noqa: A002, B006  (FastAPI copies it)
    every: Text = "",
) -> Response:
    """Restart their attempts; the next sweep, within a second, sends them."""
    if len(id) > TICKED:
        why = _("At most %(most)s can be ticked at once.", most=TICKED)
        raise RefusedError(why, 422)
    now = dashboard.now()
    if every:
        without_limits(who)
        count = resend_all_given_up(dashboard.engine, now, MOST, by=who.actor)
    else:
        ids = _within(dashboard, who, [storable(one) for one in id])
        count = resend_given_up(dashboard.engine, ids, now, by=who.actor)
    return RedirectResponse(f"/desk/undelivered?done={count}", 303)


def _within(dashboard: Dashboard, who: Session, ids: list[str]) -> list[str]:
    """Those of ``ids`` that are within the limits of the session."""
    if who.limits.unlimited:
        return ids
    with reading(dashboard.engine) as connection:
        return [r.id for r in rows_of(connection, ids) if sees(who.limits, r)]
