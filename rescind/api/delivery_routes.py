"""The route that lists webhook deliveries: made, waiting and given up."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from rescind.api import cursors
from rescind.api.callers import LimitedReader
from rescind.api.openapi import TOKEN_PROBLEMS
from rescind.api.problem_details import JSON
from rescind.api.replica_reading import read_list
from rescind.api.response_models import Deliveries
from rescind.ledger.deliveries.delivery_queries import (
    as_listed,
    delivery_page,
    place_of,
)

router = APIRouter(prefix="/v1", tags=["webhooks"], responses=TOKEN_PROBLEMS)


@router.get(
    "/webhooks",
    summary="Notifications to producers, the newest first",
    responses={200: {"model": Deliveries}},
)
def list_many(
    request: Request,
    caller: LimitedReader,
    state: Annotated[
        Literal["waiting", "given_up", "delivered"] | None,
        Query(description="Only this state. `waiting` is sorted by `due_at`."),
    ] = None,
    limit: cursors.Limit = 50,
    cursor: cursors.Cursor = None,
) -> Response:
    """Of each address only the host is shown, since the rest may hold a secret."""
    behind = cursors.behind(cursor, state)
    limits = caller.limits
    # One row more than the page shows tells whether another page follows.
    rows = read_list(
        request, lambda c: delivery_page(c, state, limit + 1, behind, limits)
    )
    last = place_of(rows[limit - 1], state) if len(rows) > limit else None
    return JSON(
        {
            "webhooks": [as_listed(row) for row in rows[:limit]],
            "next": None if last is None else cursors.after_place(state, last),
        }
    )
