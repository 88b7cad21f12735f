"""Streams the cancellations that match a filter as CSV, for a spreadsheet.

Each page of the list is one short transaction, so an export of any size keeps no
transaction open and little in memory. A row is written as it is when its page is read.
"""

from __future__ import annotations

import csv
import io
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from anyio import to_thread
from fastapi import APIRouter, Request, Response
from fastapi.responses import StreamingResponse

from rescind.dashboard.aged_lists import read_list
from rescind.dashboard.export_columns import COLUMNS, headings, plain_value
from rescind.dashboard.list_pages import read_page
from rescind.dashboard.listing_filter import Listing, ListingInQuery
from rescind.dashboard.page_context import Dashboard
from rescind.dashboard.page_guard import (
    DashboardRoute,
    LimitedReader,
    RefusedError,
    TheDashboard,
)
from rescind.dashboard.translation import _, language

AT_ONCE = 500
"""Rows of one transaction."""
MOST = 4
"""Exports at once in this process."""
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
"""A spreadsheet may run a cell that begins so as a formula."""
BOM = "\ufeff"
"""Without it, a spreadsheet does not read the file as UTF-8."""

router = APIRouter(route_class=DashboardRoute)


@router.get("/desk/cancellations.csv")
async def export(
    request: Request,
    dashboard: TheDashboard,
    who: LimitedReader,
    wanted: ListingInQuery,
) -> Response:
    """All that match, in the order of the list; times are ISO 8601 in UTC."""
    del who
    check_room(request)
    name = f"cancellations-{dashboard.now():%Y%m%dT%H%M%SZ}.csv"
    return StreamingResponse(
        _stream(request, dashboard, wanted),
        media_type="text/csv; charset=utf-8",
        headers=attached(name),
    )


def attached(name: str) -> dict[str, str]:
    """The headers of a file that the browser saves under this name."""
    return {"Content-Disposition": f'attachment; filename="{name}"'}


def check_room(request: Request) -> None:
    """Raise ``RefusedError`` if as many exports run as may."""
    if _running(request) >= MOST:
        why = _("Other exports are running: try again in a minute.")
        raise RefusedError(why, 503)


@contextmanager
def one_export(request: Request) -> Iterator[None]:
    """Count an export while it runs."""
    request.app.state.exports = _running(request) + 1
    try:
        yield
    finally:
        request.app.state.exports = _running(request) - 1


def _running(request: Request) -> int:
    return int(getattr(request.app.state, "exports", 0))


async def _stream(
    request: Request, dashboard: Dashboard, wanted: Listing
) -> AsyncIterator[str]:
    with one_export(request):
        yield BOM + as_csv([headings(list(COLUMNS), COLUMNS)])
        after: str | None = ""
        while after is not None:
            if dashboard.context.stopping.is_set():
                # The browser must not take what it has for the whole file.
                raise ConnectionAbortedError("the server stops during an export")
            text, after = await to_thread.run_sync(_page, request, wanted, after)
            yield text


def _page(request: Request, wanted: Listing, after: str) -> tuple[str, str | None]:
    page = read_list(request, lambda c: read_page(c, wanted, after, AT_ONCE))
    return as_csv(cells(one.record) for one in page.rows), page.next


def cells(record: dict[str, Any]) -> list[str]:
    """A record's cells, none of which a spreadsheet runs as a formula."""
    return [cell(record[name]) for name in COLUMNS]


def cell(value: object) -> str:
    """The text of a cell, which no spreadsheet program runs as a formula."""
    plain = plain_value(value)
    text = "" if plain is None else str(plain)
    return f"'{text}" if text.startswith(FORMULA) else text


def as_csv(rows: Iterable[Sequence[str]]) -> str:
    """RFC 4180: with CRLF, and quotes where they are needed.

    In Turkish with semicolons, which a Turkish Excel expects.
    """
    written = io.StringIO(newline="")
    delimiter = ";" if language() == "tr" else ","
    csv.writer(written, delimiter=delimiter).writerows(rows)
    return written.getvalue()
