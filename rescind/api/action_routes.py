"""The route that lists who did what."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import Response

from rescind.api import cursors
from rescind.api.callers import Reader
from rescind.api.openapi import TOKEN_PROBLEMS
from rescind.api.operation_models import Actions
from rescind.api.problem_details import JSON
from rescind.api.replica_reading import read_list
from rescind.browse.action_listing import actions_before, as_action

router = APIRouter(prefix="/v1", tags=["actions"], responses=TOKEN_PROBLEMS)


@router.get(
    "/actions",
    summary="Who did what, the newest first",
    responses={200: {"model": Actions}},
)
def list_actions(
    request: Request,
    _caller: Reader,
    limit: cursors.Limit = 50,
    cursor: cursors.Cursor = None,
) -> Response:
    """Submissions, holds, resumes, retries, withdrawals and the like, with their actor.

    What a token submits within an hour is one action.
    """
    before = cursors.before(cursor)
    # One row more than the page shows tells whether another page follows.
    rows = read_list(request, lambda c: actions_before(c, limit + 1, before))
    more = cursors.after(rows[limit - 1].id) if len(rows) > limit else None
    return JSON({"actions": [as_action(row) for row in rows[:limit]], "next": more})
