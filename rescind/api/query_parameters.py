"""Refuses query parameters that a route does not have, or has only once.

Most of them are errors of the caller: an answer that ignores a filter looks complete.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, get_args, get_origin

from fastapi import Request
from fastapi.dependencies.utils import get_flat_params
from fastapi.params import Query

from rescind.api.problem_codes import ProblemCode
from rescind.api.problem_details import ProblemError
from rescind.config.actors import read_actors
from rescind.config.times import parse_moment
from rescind.ledger.storage.milliseconds import in_ms
from rescind.provider.refusal_codes import pointer
from rescind.provider.text import field_name

MOST_NAMED = 10
MOMENT = (
    "ISO 8601 with an offset from UTC, such as 2026-11-20T15:00:00Z. In an address,"
    " `+` is written `%2B`."
)
"""How a parameter writes a time, for the document: see ``moment_of``."""


async def only_known(request: Request) -> None:
    """A dependency; raises ``ProblemError`` 400, or 422 for one that is repeated."""
    if not request.query_params:
        return
    route: Any = request.scope["route"]
    known = _known(route)
    sent = request.query_params
    if unknown := sorted({name for name in sent if name not in known}):
        raise _unknown(unknown, known)
    for name, may_repeat in known.items():
        if len(sent.getlist(name)) > 1 and not may_repeat:
            says = f"{name} was sent more than once: this parameter has one value"
            raise invalid_parameter(name, says)


def _known(route: Any) -> dict[str, bool]:
    """The route's query parameters by name, and whether each may be repeated."""
    return {
        one.alias: _is_list(one.field_info.annotation)
        for one in get_flat_params(route.dependant)
        if isinstance(one.field_info, Query)
    }


def _is_list(annotation: Any) -> bool:
    return any(get_origin(one) is list for one in (annotation, *get_args(annotation)))


def invalid_parameter(name: str, says: str) -> ProblemError:
    return ProblemError(
        422,
        "invalid-request",
        says,
        code=ProblemCode.INVALID_PARAMETER,
        param=pointer(["query", name]),
    )


def moment_of(name: str, text: str) -> int:
    """The time in a parameter, in ms since 1970; raises ``ProblemError`` 422."""
    try:
        return in_ms(parse_moment(text))
    except ValueError as error:
        # An unescaped + arrives as a space.
        hint = "; in an address, + is written %2B" if " " in text else ""
        raise invalid_parameter(name, f"{name} {error}{hint}") from None


def period_of(since: str | None, until: str | None) -> tuple[int | None, int | None]:
    """The first ms of a period and the first ms after it; raises ``ProblemError``."""
    begin = None if since is None else moment_of("since", since)
    end = None if until is None else moment_of("until", until)
    if begin is not None and end is not None and end <= begin:
        raise invalid_parameter("until", "until must be later than since")
    return begin, end


def actors_of(by: str | None) -> tuple[str, ...]:
    """The actors that ``by`` may mean, none without it; raises ``ProblemError``."""
    try:
        return () if by is None else read_actors(by)
    except ValueError as error:
        raise invalid_parameter("by", f"by {error}") from None


def _unknown(names: list[str], known: Iterable[str]) -> ProblemError:
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
