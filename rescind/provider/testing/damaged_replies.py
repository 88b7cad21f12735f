"""Replies as a provider's pages show them, and ways to damage them."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator, Sequence
from typing import Any

from hypothesis import strategies as st

from rescind.provider.http_messages import Reply
from rescind.provider.testing.case import Case

ODD_VALUES: list[Any] = [
    *(None, True, False, 0, 1, 6, -1, 100, 200, 1.0, 100.0, 10**4000),
    *("", "0", "1", "100", "200", " 6 ", "success", "Success", "cancelled"),
    *("error", "Order not found", "not cancelled", "cannot be cancelled"),
    *("\x00", "\ud800", "\u0130PTAL", "x" * 600, "9" * 5000, "&#" + "1" * 5000),
    *([], {}, [[]], [1, "x"], {"value": 100}, {"code": "100"}, {"error": "x"}),
    *(7, 101, "101", float("nan"), float("inf")),
    json.loads("[" * 200 + "]" * 200),
    json.loads('{"a":' * 200 + "1" + "}" * 200),
]
NAMES = ("id", "code", "status", "order", "error", "data", "0", "4", "")
WAYS = ("value", "wrap", "drop", "name", "copy", "twice")
STATUSES = st.sampled_from([*[200] * 8, 201, 202, 400, 401, 403, 404, 409, 422, 455])
ENCODINGS = st.sampled_from([*["utf-8"] * 9, "utf-8-sig", "utf-16", "iso-8859-9"])


class Twice(dict[str, Any]):
    """An object with one member twice, the second time with another value."""

    def __init__(self, pairs: dict[str, Any], name: str, other: object) -> None:
        super().__init__(pairs)
        self.again = (name, other)

    def items(self) -> Any:
        return [*super().items(), self.again]


def odd_values(case: Case) -> list[Any]:
    """Values to put into a reply: the odd ones, the provider's own, and our orders."""
    ids = [order.id for asked in case.every_asked for order in asked]
    return [*ODD_VALUES, *case.odd, *case.scalars(), *ids]


def names(case: Case) -> list[str]:
    ids = [order.id for asked in case.every_asked for order in asked]
    return [*dict.fromkeys((*NAMES, *case.names(), *ids))]


def places(document: Any) -> Iterator[tuple[Any, Any]]:
    """Each container within ``document``, with each of its keys or indexes."""
    pairs = document.items() if isinstance(document, dict) else enumerate(document)
    for key, value in list(pairs):
        yield document, key
        if isinstance(value, dict | list) and not isinstance(value, Twice):
            yield from places(value)


@st.composite
def spoilt(draw: st.DrawFn, document: Any, case: Case) -> Any:
    """``document`` with up to three leaves, names, types or rows changed."""
    whole, odd, named = [copy.deepcopy(document)], odd_values(case), names(case)
    for _ in range(draw(st.integers(0, 3))):
        found = list(places(whole))
        if not found:
            break
        where, key = found[draw(st.integers(0, len(found) - 1))]
        way = draw(st.sampled_from(WAYS))
        other = copy.deepcopy(draw(st.sampled_from(odd)))
        _spoil(where, key, way, other, draw(st.sampled_from(named)))
    return whole[0] if whole else None


def _spoil(where: Any, key: Any, way: str, other: Any, name: str) -> None:
    value = where[key]
    if way == "value":
        where[key] = other
    elif way == "wrap":
        where[key] = [value] if other else {name: value}
    elif way == "drop":
        del where[key]
    elif way == "copy":
        _add(where, name, value)
    elif way == "name" and isinstance(where, dict):
        where[name] = where.pop(key)
    elif isinstance(value, dict) and value:
        where[key] = Twice(value, next(iter(value)), other)


def _add(where: Any, name: str, value: Any) -> None:
    if isinstance(where, dict):
        where[name] = copy.deepcopy(value)
    else:
        where.append(copy.deepcopy(value))


@st.composite
def replies(draw: st.DrawFn, documents: Sequence[Any], case: Case) -> Reply:
    """One of ``documents``, damaged; sometimes its bytes are damaged too."""
    document = draw(spoilt(draw(st.sampled_from(documents)), case))
    text = json.dumps(document, ensure_ascii=draw(st.booleans()))
    body = text.encode(draw(ENCODINGS), "replace")
    if draw(st.integers(0, 9)) == 0:
        body = body[: draw(st.integers(0, len(body)))]
    return Reply(draw(STATUSES), {}, body)
