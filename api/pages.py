"""What stands behind the ``type`` of a problem, for whoever opens it."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.responses import PlainTextResponse, Response

from api.openapi import problems
from api.problems import TITLES, ProblemError

router = APIRouter(tags=["errors"])


@router.get(
    "/errors/{slug}",
    summary="What a kind of problem means",
    response_class=PlainTextResponse,
    responses=problems(404),
)
async def explain(slug: str) -> Response:
    title = TITLES.get(slug)
    if title is None:
        says = f"There is no such problem; they are {', '.join(TITLES)}."
        raise ProblemError(404, "not-found", says)
    return PlainTextResponse(f"{title}\n")
