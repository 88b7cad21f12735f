"""The route that lists who did what."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from rescind.api import cursors
from rescind.api.callers import Reader
from rescind.api.openapi import TOKEN_PROBLEMS
from rescind.api.operation_models import Actions
from rescind.api.problem_details import JSON
from rescind.api.query_parameters import MOMENT, actors_of, period_of
from rescind.api.replica_reading import read_list
from rescind.browse.action_listing import WantedActions, as_action, find_actions
from rescind.intake.validation import LONGEST_TEXT
from rescind.ledger.action_kinds import Action

router = APIRouter(prefix="/v1", tags=["actions"], responses=TOKEN_PROBLEMS)
By = Annotated[
    str | None,
    Query(
        max_length=LONGEST_TEXT,
        description="Only of this actor: as `by` of an action has it, such as"
        " `token:ann`, or only what stands after the colon, for each kind of actor.",
    ),
]
Kind = Annotated[Action | None, Query(description="Only of this kind.")]
Since = Annotated[
    str | None,
    Query(max_length=64, description=f"Only those with this `at` or later: {MOMENT}"),
]
Until = Annotated[
    str | None,
    Query(max_length=64, description=f"Only those with an earlier `at`: {MOMENT}"),
]


@router.get(
    "/actions",
    summary="Who did what, the newest first",
    responses={200: {"model": Actions}},
)
def list_actions(
    request: Request,
    _caller: Reader,
    by: By = None,
    action: Kind = None,
    since: Since = None,
    until: Until = None,
    limit: cursors.Limit = 50,
    cursor: cursors.Cursor = None,
) -> Response:
    """Submissions, holds, resumes, retries, withdrawals and the like, with their actor.

    What a token submits within an hour is one action. An action must match all filters.
    A page may have fewer actions than `limit`, or none, although `next` leads to more.
    """
    begin, end = period_of(since, until)
    wanted = WantedActions(by=actors_of(by), action=action, since=begin, until=end)
    before = cursors.before(cursor)
    page = read_list(request, lambda c: find_actions(c, wanted, limit, before))
    more = None if page.next is None else cursors.after(page.next)
    return JSON({"actions": [as_action(row) for row in page.rows], "next": more})
