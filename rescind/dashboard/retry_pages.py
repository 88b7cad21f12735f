"""Retries one or many cancellations, after a page that asks for confirmation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Form, Request, Response
from fastapi.responses import RedirectResponse

from rescind.dashboard.bulk_retry import open_rounds
from rescind.dashboard.forms import Text, Texts, deadline_of
from rescind.dashboard.page_context import Dashboard
from rescind.dashboard.page_guard import (
    DashboardRoute,
    LimitedOperator,
    LimitedReader,
    RefusedError,
    TheDashboard,
)
from rescind.dashboard.rendering import page
from rescind.dashboard.selection import MOST, Listing, listing_of, may_be_retried
from rescind.ledger.access_limits import Limits
from rescind.ledger.reading.limited import sees
from rescind.ledger.reading.queries import as_record, rows_of, stamp
from rescind.ledger.storage.milliseconds import in_ms
from rescind.ledger.storage.transactions import reading
from rescind.operations.actions import lanes_to_notify
from rescind.provider.text import storable

TICKED = 200
"""Ticked cancellations in one form; a page shows fewer."""
REFUSALS_SHOWN = 20
"""Refusals that the result page lists one by one."""

router = APIRouter(route_class=DashboardRoute)


@dataclass(frozen=True, slots=True)
class Selection:
    """The cancellations that a form selects: the ticked ones, or a filter's."""

    ids: Sequence[str]
    listing: Listing | None
    until: str
    """When the confirmation was shown: those that ended later were not counted."""
    within: Limits
    """The limits of the session: nothing else is selected."""

    def records(self, dashboard: Dashboard) -> list[dict[str, Any]]:
        """Their current records; of a filter, those that ended before ``until``."""
        with reading(dashboard.engine) as connection:
            if self.listing is None:
                rows = rows_of(connection, self.ids)
                return [as_record(row) for row in rows if sees(self.within, row)]
            found = self.listing.newest(connection)
        last = self.until
        return [one for one in found if not last or one["finished_at"] <= last]


def selection(
    who: LimitedReader,
    id: Texts = [],  # noqa: A002, B006  (FastAPI copies it)
    every: Text = "",
    until: Text = "",
    state: Text = "failed",
    provider: Text = "",
    account: Text = "",
    group: Text = "",
) -> Selection:
    """A dependency: the form's selection; raises ``RefusedError``."""
    if every:
        listing = listing_of(state, provider, account, group, who.limits)
        return Selection((), listing, until, who.limits)
    if len(id) > TICKED:
        raise RefusedError(f"At most {TICKED} can be ticked at once.", 422)
    return Selection(tuple(dict.fromkeys(map(storable, id))), None, "", who.limits)


TheSelection = Annotated[Selection, Depends(selection)]


@router.post("/desk/retry")
def ask(
    request: Request,
    dashboard: TheDashboard,
    who: LimitedOperator,
    selected: TheSelection,
) -> Response:
    """The confirmation: how many will be retried, and what that does."""
    del who
    records = selected.records(dashboard)
    now = dashboard.now()
    able = [one for one in records if may_be_retried(one)]
    return page(
        request,
        "retry.html",
        selected=selected,
        able=able[:MOST],
        more=len(records) > MOST,
        unable=len(records) - len(able),
        late=sum(_is_late(one, now) for one in able),
        until=stamp(in_ms(now)),
    )


@router.post("/desk/retry/now")
def retry(
    request: Request,
    dashboard: TheDashboard,
    who: LimitedOperator,
    selected: TheSelection,
    deadline: Annotated[str, Form()] = "",
) -> Response:
    del who
    now = dashboard.now()
    before = deadline_of(deadline, now)
    records = selected.records(dashboard)
    able = [one["id"] for one in records if may_be_retried(one)][:MOST]
    done = open_rounds(dashboard.engine, able, now, before)
    dashboard.notify(lanes_to_notify(done.rows))
    if len(able) == len(done.rows) == 1:
        return RedirectResponse(f"/desk/cancellations/{able[0]}?done=retried", 303)
    return page(request, "retried.html", done=done, shown=REFUSALS_SHOWN)


def _is_late(record: dict[str, Any], now: datetime) -> bool:
    before = record["cancel_before"]
    return before is not None and datetime.fromisoformat(before) <= now
