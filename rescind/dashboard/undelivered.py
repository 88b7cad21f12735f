"""Outcomes that no producer could be told of: listed, and told again."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from rescind.dashboard.formatting import many
from rescind.dashboard.forms import Text, Texts
from rescind.dashboard.page_guard import (
    DeskRoute,
    Operator,
    Reader,
    RefusedError,
    TheDesk,
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
from rescind.ledger.storage.transactions import reading, writing
from rescind.provider.text import storable

GIVEN_UP = "given_up"
PAGE = 50
TICKED = 200
"""More are not on a page."""
MOST = 1_000
"""About how many are told again at once."""

router = APIRouter(route_class=DeskRoute)


@router.get("/desk/untold")
def untold(
    request: Request, desk: TheDesk, who: Reader, behind: str = "", done: str = ""
) -> Response:
    """What was given up, the latest first, with what the other side answered."""
    del who
    place = place_in(GIVEN_UP, behind)
    with reading(desk.engine) as connection:
        rows = delivery_page(connection, GIVEN_UP, PAGE + 1, place)
    last = place_of(rows[PAGE - 1], GIVEN_UP) if len(rows) > PAGE else None
    return page(
        request,
        "untold.html",
        rows=[as_listed(row) for row in rows[:PAGE]],
        older=None if last is None else written(last),
        notice=_notice(done),
    )


def _notice(done: str) -> str | None:
    # Only a number: an address must not put words on this page.
    if not (done.isascii() and done.isdecimal() and len(done) < 7):
        return None
    number = int(done)
    if not number:
        return "Nothing is told again: tick at least one that was given up."
    return f"{many(number, 'outcome')} will be told again, within seconds."


@router.post("/desk/untold/again")
def tell_again(
    desk: TheDesk,
    who: Operator,
    id: Texts = [],  # noqa: A002, B006  (FastAPI copies it)
    every: Text = "",
) -> Response:
    """From the beginning; the next sweep, within a second, has it done."""
    del who
    if len(id) > TICKED:
        raise RefusedError(f"At most {TICKED} can be ticked at once.", 422)
    now = desk.now()
    if every:
        count = resend_all_given_up(desk.engine, now, MOST)
    else:
        with writing(desk.engine) as connection:
            count = resend_given_up_of(connection, list(map(storable, id)), now)
    return RedirectResponse(f"/desk/untold?done={count}", 303)
