"""Selects the first rows of each of many lanes, in one statement.

PostgreSQL does this by ``LATERAL``. SQLite has no ``LATERAL``, but the argument of a
table-valued function may refer to the tables before it: a subquery gathers the ids of
each lane in an array, and ``json_each`` turns it into rows again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import (
    BigInteger,
    BindParameter,
    ColumnElement,
    FromClause,
    Select,
    Text,
    case,
    func,
    select,
    true,
    type_coerce,
)

SIZES = (1, 8, 64, 512)
"""SQLite accepts no column as LIMIT. A lane's rows are read up to one of these numbers,
or up to the largest limit of all lanes."""

Number = ColumnElement[int]


def first_ids(
    dialect: str,
    lanes: FromClause,
    found: Select[Any],
    most: Number,
    longest: Number,
    kept: Sequence[ColumnElement[Any]] = (),
) -> Select[Any]:
    """The ids of the first ``most`` rows of ``found`` for each of ``lanes``.

    ``found`` selects ids, in order, and may refer to columns of ``lanes``, as may
    ``most``. ``longest`` is the largest ``most``. PostgreSQL locks these rows, and
    skips rows that another transaction has locked. ``kept`` are columns of ``lanes``
    that the result has too.
    """
    found = found.correlate(lanes)
    if dialect != "sqlite":
        locked = found.limit(most).with_for_update(skip_locked=True).lateral("found")
        joined = lanes.join(locked, true())
        return select(locked.c.id, *kept).select_from(joined)
    ids = _by_size(found, most, longest, _array)
    each = func.json_each(ids).table_valued("key", "value", name="each")
    listed = select(type_coerce(each.c.value, Text).label("id"), *kept)
    return listed.select_from(lanes.join(each, true())).where(each.c.key < most)


def number_of(
    dialect: str, lanes: FromClause, found: Select[Any], most: Number, longest: Number
) -> Number:
    """How many rows ``found`` has for a row of ``lanes``, at most ``most``."""
    found = found.correlate(lanes)
    if dialect != "sqlite":
        return type_coerce(_count(found.limit(most)), BigInteger)
    counted = _by_size(found, most, longest, _count)
    return type_coerce(func.min(counted, most), BigInteger)


def _by_size(
    found: Select[Any],
    most: Number,
    longest: Number,
    made: Callable[[Select[Any]], Any],
) -> Any:
    if isinstance(most, BindParameter):
        return made(found.limit(most))
    sizes = [(most <= size, made(found.limit(size))) for size in SIZES]
    return case(*sizes, else_=made(found.limit(longest)))


def _array(found: Select[Any]) -> Any:
    return select(func.json_group_array(found.subquery().c.id)).scalar_subquery()


def _count(found: Select[Any]) -> Any:
    few = found.order_by(None).subquery()
    return select(func.count()).select_from(few).scalar_subquery()
