"""New rounds, for one or for many: asked about first, with how many it will be."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Form, Request, Response
from fastapi.responses import RedirectResponse

from rescind.dashboard.bulk_retry import open_rounds
from rescind.dashboard.forms import Text, Texts, deadline_of
from rescind.dashboard.page_context import Desk
from rescind.dashboard.page_guard import DeskRoute, Operator, RefusedError, TheDesk
from rescind.dashboard.rendering import page
from rescind.dashboard.selection import MOST, Listing, listing_of, may_be_retried
from rescind.ledger.reading.queries import as_record, rows_of, stamp
from rescind.ledger.storage.milliseconds import in_ms
from rescind.ledger.storage.transactions import reading
from rescind.operations.actions import lanes_to_notify
from rescind.provider.text import storable

TICKED = 200
"""More are not on a page."""
SAID = 20
"""Refusals that are shown one by one."""

router = APIRouter(route_class=DeskRoute)


@dataclass(frozen=True, slots=True)
class Meant:
    """Which ones a form means: those ticked, or all that fit a filter."""

    ids: Sequence[str]
    listing: Listing | None
    until: str
    """What ended later was not there when it was asked about."""

    def records(self, desk: Desk) -> list[dict[str, Any]]:
        """They, as they stand now; of a filter those that ended before ``until``."""
        with reading(desk.engine) as connection:
            if self.listing is None:
                return [as_record(row) for row in rows_of(connection, self.ids)]
            found = self.listing.newest(connection)
        last = self.until
        return [one for one in found if not last or one["finished_at"] <= last]


def meant(
    id: Texts = [],  # noqa: A002, B006  (FastAPI copies it)
    every: Text = "",
    until: Text = "",
    state: Text = "failed",
    provider: Text = "",
    account: Text = "",
    group: Text = "",
) -> Meant:
    if every:
        return Meant((), listing_of(state, provider, account, group), until)
    if len(id) > TICKED:
        raise RefusedError(f"At most {TICKED} can be ticked at once.", 422)
    return Meant(tuple(dict.fromkeys(map(storable, id))), None, "")


TheMeant = Annotated[Meant, Depends(meant)]


@router.post("/desk/retry")
def ask(request: Request, desk: TheDesk, who: Operator, those: TheMeant) -> Response:
    """How many there are, and what will happen."""
    del who
    records = those.records(desk)
    now = desk.now()
    able = [one for one in records if may_be_retried(one)]
    return page(
        request,
        "retry.html",
        those=those,
        able=able[:MOST],
        more=len(records) > MOST,
        unable=len(records) - len(able),
        late=sum(_is_late(one, now) for one in able),
        until=stamp(in_ms(now)),
    )


@router.post("/desk/retry/now")
def retry(
    request: Request,
    desk: TheDesk,
    who: Operator,
    those: TheMeant,
    deadline: Annotated[str, Form()] = "",
) -> Response:
    del who
    now = desk.now()
    before = deadline_of(deadline, now)
    able = [one["id"] for one in those.records(desk) if may_be_retried(one)][:MOST]
    done = open_rounds(desk.engine, able, now, before)
    desk.wake(lanes_to_notify(done.rows))
    if len(able) == len(done.rows) == 1:
        return RedirectResponse(f"/desk/cancellations/{able[0]}?done=retried", 303)
    return page(request, "retried.html", done=done, said=SAID)


def _is_late(record: dict[str, Any], now: datetime) -> bool:
    before = record["cancel_before"]
    return before is not None and datetime.fromisoformat(before) <= now
