"""Limits of callers as conditions of SQL, and rows that are within them."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, Row, and_, false, func, or_, true

from rescind.ledger.access_limits import ANY, Limit, Limits
from rescind.ledger.storage.tables import CANCELLATION

C = CANCELLATION.c


def sees(limits: Limits, row: Row[Any]) -> bool:
    """Whether the cancellation of ``row`` is within ``limits``."""
    return limits.allows(row.provider, row.account, row.group_name)


def within(limits: Limits, of: Any = C) -> list[ColumnElement[bool]]:
    """Conditions on the columns ``of`` cancellations; none if everything is within
    ``limits``."""
    if limits.unlimited:
        return []
    return [or_(false(), *(_condition(one, of) for one in limits.listed))]


def _condition(one: Limit, of: Any) -> ColumnElement[bool]:
    lane = [_like(of.provider, one.provider), _like(of.account, one.account)]
    if one.group is None:
        return and_(*lane)
    return and_(*lane, of.group_name.is_not(None), _like(of.group_name, one.group))


def _like(column: ColumnElement[Any], pattern: str) -> ColumnElement[bool]:
    # Not LIKE: it ignores case on SQLite, and its wildcards occur in names.
    if not pattern.endswith(ANY):
        return column == pattern
    start = pattern[:-1]
    return func.substr(column, 1, len(start)) == start if start else true()
