"""Routes that show plans, each with its steps and its verdict."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from rescind.api import cursors
from rescind.api.callers import LimitedReader
from rescind.api.cancellation_routes import context_of, not_found
from rescind.api.openapi import TOKEN_PROBLEMS, problems
from rescind.api.plan_models import PlanDocument, Plans
from rescind.api.problem_details import JSON
from rescind.api.query_parameters import MOMENT, moment_of
from rescind.api.replica_reading import read_list
from rescind.intake.validation import LONGEST_TEXT
from rescind.ledger.reading.plans import PlanFilter, plan_document, plan_page
from rescind.ledger.storage.transactions import reading
from rescind.provider.text import storable

router = APIRouter(prefix="/v1", tags=["plans"], responses=TOKEN_PROBLEMS)
Text = Annotated[str | None, Query(max_length=LONGEST_TEXT)]
Since = Annotated[
    str | None,
    Query(
        max_length=64,
        description=f"Only those submitted at this time or later: {MOMENT}",
    ),
]


@router.get(
    "/plans", summary="Plans, the newest first", responses={200: {"model": Plans}}
)
def list_plans(
    request: Request,
    caller: LimitedReader,
    plan: Text = None,
    key: Text = None,
    since: Since = None,
    limit: cursors.Limit = 50,
    cursor: cursors.Cursor = None,
) -> Response:
    """A plan must match all filters, and the caller must be allowed to read all of its
    steps. A page may have fewer plans than `limit`, or none, although `next` leads to
    more."""
    wanted = PlanFilter(
        name=None if plan is None else storable(plan),
        key=None if key is None else storable(key),
        since=None if since is None else moment_of("since", since),
        within=caller.limits,
    )
    before = cursors.before(cursor)
    page = read_list(request, lambda c: plan_page(c, wanted, limit, before))
    more = None if page.next is None else cursors.after(page.next)
    return JSON({"plans": page.plans, "next": more})


@router.get(
    "/plans/{id}",
    summary="One plan, with its steps and its verdict",
    responses={200: {"model": PlanDocument}, **problems(404)},
)
def show_plan(id: str, request: Request, caller: LimitedReader) -> Response:  # noqa: A002
    """The verdict is made of the steps as they are now: a retry of a step opens the
    plan again. A caller who may not read all of its steps gets 404."""
    with reading(context_of(request).ledger()) as connection:
        found = plan_document(connection, storable(id), caller.limits)
    if found is None:
        raise not_found("plan")
    return JSON(found)
