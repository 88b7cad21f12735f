"""The route of the OpenAPI document."""

from __future__ import annotations

from fastapi import APIRouter, Depends, FastAPI, Request
from starlette.responses import Response

from rescind.api.problem_details import JSON
from rescind.api.query_parameters import only_known

router = APIRouter(include_in_schema=False, dependencies=[Depends(only_known)])


@router.get("/openapi.json")
def document(request: Request) -> Response:
    app: FastAPI = request.app
    return JSON(app.openapi())
