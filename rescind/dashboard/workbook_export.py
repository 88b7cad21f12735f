"""Exports the cancellations that match a filter as an Excel workbook.

A workbook can be sent only when it is whole. So it is written to a temporary file, of
a bounded size, while the ledger is read in many short transactions.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, tzinfo
from functools import partial
from typing import IO, Any

from anyio import to_thread
from fastapi import APIRouter, Request, Response
from fastapi.responses import StreamingResponse
from sqlalchemy import Connection

from rescind.dashboard.aged_lists import read_list
from rescind.dashboard.csv_export import AT_ONCE, attached, check_room, one_export
from rescind.dashboard.export_columns import (
    COLUMNS,
    TIMES,
    headings,
    in_words,
    plain_value,
)
from rescind.dashboard.formatting import number_of
from rescind.dashboard.list_pages import Listed, Page, read_page
from rescind.dashboard.listing_filter import Listing, ListingInQuery
from rescind.dashboard.page_context import dashboard_of
from rescind.dashboard.page_guard import (
    DashboardRoute,
    LimitedReader,
    RefusedError,
    TheDashboard,
)
from rescind.dashboard.submission.browser_zone import local_now
from rescind.dashboard.translation import _
from rescind.dashboard.workbook_writer import TYPE, chunks, workbook

MOST_ROWS = 50_000

router = APIRouter(route_class=DashboardRoute)


@router.get("/desk/cancellations.xlsx")
async def export_workbook(
    request: Request,
    dashboard: TheDashboard,
    who: LimitedReader,
    wanted: ListingInQuery,
) -> Response:
    """All that match, in the order of the list.

    Times are in the reader's zone, and words in the reader's language.
    """
    del who
    now = local_now(request, dashboard.now())
    zone = now.tzinfo
    assert zone is not None  # noqa: S101  (every time of ours has a zone)
    check_room(request)
    with one_export(request):
        file = await to_thread.run_sync(_written, request, wanted, zone)
    return StreamingResponse(
        chunks(file),
        media_type=TYPE,
        headers=attached(f"cancellations-{now:%Y%m%dT%H%M%S}.xlsx"),
    )


def _written(request: Request, wanted: Listing, zone: tzinfo) -> IO[bytes]:
    header = headings(list(COLUMNS), COLUMNS)
    named = [
        f"{label} ({zone})" if name in TIMES else label
        for name, label in zip(COLUMNS, header, strict=True)
    ]
    return workbook(named, _rows(request, wanted, zone), _("Cancellations"))


def _rows(request: Request, wanted: Listing, zone: tzinfo) -> Iterator[list[Any]]:
    for place, one in enumerate(_listed(request, wanted)):
        if place == MOST_ROWS:
            raise _too_many()
        record = in_words(one)
        yield [_value(name, record[name], zone) for name in COLUMNS]


def _too_many() -> RefusedError:
    why = _(
        "More than %(most)s match, which is too many for one workbook: narrow the"
        " filter, or download the list as CSV.",
        most=number_of(MOST_ROWS),
    )
    return RefusedError(why, 422)


def _listed(request: Request, wanted: Listing) -> Iterator[Listed]:
    dashboard = dashboard_of(request)
    after: str | None = ""
    while after is not None:
        if dashboard.context.stopping.is_set():
            raise RefusedError(_("The server stops: try again in a minute."), 503)
        page = read_list(request, partial(_page, wanted=wanted, after=after))
        yield from page.rows
        after = page.next


def _page(connection: Connection, wanted: Listing, after: str) -> Page:
    return read_page(connection, wanted, after, AT_ONCE)


def _value(name: str, value: Any, zone: tzinfo) -> Any:
    if name in TIMES and value is not None:
        moment = datetime.fromisoformat(value).astimezone(zone)
        # A cell of a spreadsheet has no zone.
        return moment.replace(tzinfo=None, microsecond=0)
    return plain_value(value)
