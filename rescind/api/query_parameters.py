"""Refuses query parameters that a route does not have: most are typing errors."""

from __future__ import annotations

from typing import Any

from fastapi import Request
from fastapi.dependencies.utils import get_flat_params
from fastapi.params import Query

from rescind.api.problem_codes import ProblemCode
from rescind.api.problem_details import ProblemError
from rescind.provider.refusal_codes import pointer
from rescind.provider.text import field_name

MOST_NAMED = 10


async def only_known(request: Request) -> None:
    """A dependency; raises ``ProblemError``."""
    if not request.query_params:
        return
    route: Any = request.scope["route"]
    known = _known(route)
    unknown = sorted({name for name in request.query_params if name not in known})
    if unknown:
        raise _unknown(unknown, known)


def _known(route: Any) -> frozenset[str]:
    found = get_flat_params(route.dependant)
    return frozenset(one.alias for one in found if isinstance(one.field_info, Query))


def _unknown(names: list[str], known: frozenset[str]) -> ProblemError:
    shown = list(dict.fromkeys(map(field_name, names)))
    listed = ", ".join(sorted(known)) or "none"
    first = next((one for one in shown if one in names), None)
    return ProblemError(
        400,
        "invalid-request",
        f"{', '.join(shown[:MOST_NAMED])}: no such query parameter; this address has:"
        f" {listed}.",
        code=ProblemCode.UNKNOWN_PARAMETER,
        param="/query" if first is None else pointer(["query", first]),
    )
