"""The page at the ``type`` of a problem: what it means and what to do."""

from __future__ import annotations

from fastapi import APIRouter, Depends
from starlette.responses import PlainTextResponse, Response

from rescind.api.openapi import problems
from rescind.api.problem_details import ProblemError
from rescind.api.query_parameters import only_known
from rescind.errors import PROBLEMS

router = APIRouter(tags=["errors"], dependencies=[Depends(only_known)])


@router.get(
    "/errors/{slug}",
    summary="What a kind of problem means",
    response_class=PlainTextResponse,
    responses=problems(400, 404, 415, 500, 503),
)
async def explain(slug: str) -> Response:
    found = PROBLEMS.get(slug)
    if found is None:
        says = f"This problem does not exist; the problems are {', '.join(PROBLEMS)}."
        raise ProblemError(404, "not-found", says)
    return PlainTextResponse(f"{found.title}\n\n{found.meaning}\n\n{found.todo}\n")
