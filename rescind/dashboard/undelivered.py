"""Notifications that were given up: the page that lists and resends them."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from rescind.dashboard.formatting import many
from rescind.dashboard.forms import Text, Texts
from rescind.dashboard.page_guard import (
    DashboardRoute,
    LimitedOperator,
    LimitedReader,
    RefusedError,
    TheDashboard,
    without_limits,
)
from rescind.dashboard.rendering import page
from rescind.ledger.deliveries.delivery_queries import (
    as_listed,
    delivery_page,
    place_in,
    place_of,
    written,
)
from rescind.ledger.deliveries.store import resend_all_given_up, resend_given_up_of
from rescind.ledger.reading.limited import sees
from rescind.ledger.reading.queries import rows_of
from rescind.ledger.storage.transactions import reading, writing
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
    dashboard: TheDashboard,
    who: LimitedReader,
    behind: str = "",
    done: str = "",
) -> Response:
    """Notifications that were given up, the latest first, with the last answer."""
    place = place_in(GIVEN_UP, behind)
    with reading(dashboard.engine) as connection:
        rows = delivery_page(connection, GIVEN_UP, PAGE + 1, place, who.limits)
    last = place_of(rows[PAGE - 1], GIVEN_UP) if len(rows) > PAGE else None
    return page(
        request,
        "undelivered.html",
        rows=[as_listed(row) for row in rows[:PAGE]],
        older=None if last is None else written(last),
        notice=_notice(done),
    )


def _notice(done: str) -> str | None:
    # Only a number: a crafted link must not put words on this page.
    if not (done.isascii() and done.isdecimal() and len(done) < 7):
        return None
    number = int(done)
    if not number:
        return "Nothing is resent: tick at least one notification."
    return f"{many(number, 'notification')} will be resent within seconds."


@router.post("/desk/undelivered/again")
def resend(
    dashboard: TheDashboard,
    who: LimitedOperator,
    id: Texts = [],  # noqa: A002, B006  (FastAPI copies it)
    every: Text = "",
) -> Response:
    """Restart their attempts; the next sweep, within a second, sends them."""
    if len(id) > TICKED:
        raise RefusedError(f"At most {TICKED} can be ticked at once.", 422)
    now = dashboard.now()
    if every:
        without_limits(who)
        count = resend_all_given_up(dashboard.engine, now, MOST)
    else:
        with writing(dashboard.engine) as connection:
            rows = rows_of(connection, list(map(storable, id)))
            ids = [row.id for row in rows if sees(who.limits, row)]
            count = resend_given_up_of(connection, ids, now)
    return RedirectResponse(f"/desk/undelivered?done={count}", 303)
