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
from rescind.api.query_parameters import MOMENT, moment_of
from rescind.api.replica_reading import read_list
from rescind.api.response_models import Records
from rescind.browse.listing import Filter, list_rows
from rescind.browse.updates import changed
from rescind.config.access_tokens import Token
from rescind.intake.validation import LONGEST_TEXT
from rescind.ledger.deliveries.group_receivers import group_seen
from rescind.ledger.states import State
from rescind.ledger.storage.transactions import reading
from rescind.provider.text import storable

router = APIRouter(prefix="/v1", tags=["cancellations"], responses=TOKEN_PROBLEMS)
Text = Annotated[str | None, Query(max_length=LONGEST_TEXT)]
Since = Annotated[
    str | None,
    Query(
        max_length=64,
        description="Only those that were changed at this time or later, the oldest"
        f" change first: {MOMENT} A page may have fewer than `limit`, or none, although"
        " `next` leads to more.",
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
    limit: cursors.Limit = 50,
    cursor: cursors.Cursor = None,
    updated_since: Since = None,
) -> Response:
    """A cancellation must match all filters. New ones do not shift the pages."""
    wanted = Filter(
        states=[str(one) for one in state or []],
        provider=_storable(provider),
        account=_storable(account),
        group=_storable(group),
        order=_storable(order),
        within=caller.limits,
    )
    if updated_since is not None:
        return _changes(request, caller, wanted, updated_since, limit, cursor)
    before = cursors.before(cursor)
    # One row more than the page shows tells whether another page follows.
    rows = read_list(request, lambda c: list_rows(c, wanted, limit + 1, before))
    more = cursors.after(rows[limit - 1].id) if len(rows) > limit else None
    listed = [record_of(row, caller) for row in rows[:limit]]
    return JSON({"cancellations": listed, "next": more})


def _changes(
    request: Request,
    caller: Token,
    wanted: Filter,
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
