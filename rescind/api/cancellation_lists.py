"""Routes that list cancellations, and that count groups."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from rescind.api import cursors
from rescind.api.callers import LimitedReader
from rescind.api.cancellation_routes import context_of, not_found, record_of
from rescind.api.group_models import Group
from rescind.api.openapi import TOKEN_PROBLEMS, problems
from rescind.api.problem_details import JSON
from rescind.api.query_parameters import MOMENT, actors_of, moment_of, period_of
from rescind.api.replica_reading import read_list
from rescind.api.response_models import Records
from rescind.browse.browsing import Place, Sort, browse
from rescind.browse.updates import changed
from rescind.browse.wanted import Wanted
from rescind.config.access_tokens import Token
from rescind.intake.validation import LONGEST_TEXT
from rescind.ledger.deliveries.group_receivers import group_seen
from rescind.ledger.states import State
from rescind.ledger.storage.transactions import reading
from rescind.provider.outcomes import Reason
from rescind.provider.text import storable

router = APIRouter(prefix="/v1", tags=["cancellations"], responses=TOKEN_PROBLEMS)
Text = Annotated[str | None, Query(max_length=LONGEST_TEXT)]
Why = Annotated[
    Reason | None,
    Query(description="Only those that ended for this reason."),
]
By = Annotated[
    str | None,
    Query(
        max_length=LONGEST_TEXT,
        description="Only those that this actor submitted: as `by` of a cancellation"
        " has it, such as `token:ann`, or only what stands after the colon, for each"
        " kind of actor.",
    ),
]
Since = Annotated[
    str | None,
    Query(
        max_length=64,
        description=f"Only those accepted at this time or later: {MOMENT}",
    ),
]
Until = Annotated[
    str | None,
    Query(max_length=64, description=f"Only those accepted earlier: {MOMENT}"),
]
UpdatedSince = Annotated[
    str | None,
    Query(
        max_length=64,
        description="Only those that were changed at this time or later, the oldest"
        f" change first: {MOMENT}",
    ),
]


@router.get(
    "/cancellations",
    summary="Cancellations, the newest first",
    responses={200: {"model": Records}},
)
def list_many(
    request: Request,
    caller: LimitedReader,
    state: Annotated[list[State] | None, Query(description="Any of these.")] = None,
    provider: Text = None,
    account: Text = None,
    group: Text = None,
    order: Text = None,
    reason: Why = None,
    by: By = None,
    since: Since = None,
    until: Until = None,
    limit: cursors.Limit = 50,
    cursor: cursors.Cursor = None,
    updated_since: UpdatedSince = None,
) -> Response:
    """A cancellation must match all filters. New ones do not shift the pages.

    A page may have fewer than `limit`, or none, although `next` leads to more.
    """
    begin, end = period_of(since, until)
    wanted = Wanted(
        states=[str(one) for one in state or []],
        provider=_storable(provider),
        account=_storable(account),
        group=_storable(group),
        order=_storable(order),
        reason=reason,
        by=actors_of(by),
        since=begin,
        until=end,
        within=caller.limits,
    )
    if updated_since is not None:
        return _changes(request, caller, wanted, updated_since, limit, cursor)
    before = cursors.before(cursor)
    place = None if before is None else Place(0, before)
    page = read_list(request, lambda c: browse(c, wanted, Sort.NEWEST, limit, place))
    more = None if page.next is None else cursors.after(page.next.id)
    listed = [record_of(row, caller) for row in page.rows]
    return JSON({"cancellations": listed, "next": more})


def _changes(
    request: Request,
    caller: Token,
    wanted: Wanted,
    updated_since: str,
    limit: int,
    cursor: str | None,
) -> Response:
    place = cursors.changes(cursor, moment_of("updated_since", updated_since))
    # A copy that skipped a change would never learn of it: the primary is read.
    with reading(context_of(request).ledger()) as connection:
        rows, more = changed(connection, wanted, place, limit)
    return JSON(
        {
            "cancellations": [record_of(row, caller) for row in rows],
            "next": None if more is None else cursors.after_change(more),
        }
    )


def _storable(text: str | None) -> str | None:
    return None if text is None else storable(text)


@router.get(
    "/groups/{group:path}",
    tags=["groups"],
    summary="A group: its counts by state and reason, and who is told of its end",
    responses={200: {"model": Group}, **problems(404)},
)
def show_group(group: str, request: Request, caller: LimitedReader) -> Response:
    """All cancellations of the group are counted, without a limit.

    `told` is empty for a token whose limits do not have the whole group.
    """
    found = read_list(
        request,
        lambda c: group_seen(c, storable(group), caller.limits),
        # A new group may not be in the replica yet.
        lacking=lambda read: read.is_unknown,
    )
    if found.is_unknown:
        raise not_found("group")
    return JSON({**found.summary.document(), "group": group, "told": found.told})
