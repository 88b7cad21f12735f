"""Keeps the deadlines that replies of providers tell, in statements of their own.

Few providers tell one. So the update that records each change stays as it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

from sqlalchemy import BigInteger, Connection, Text, case, or_, update
from sqlalchemy.sql.dml import Update

from rescind.ledger.progress import Change
from rescind.ledger.storage.milliseconds import in_ms
from rescind.ledger.storage.row_sets import Columns, Rows, incoming
from rescind.ledger.storage.tables import CANCELLATION

C = CANCELLATION.c
_TOLD: Columns = {"id": Text, "until": BigInteger}


def keep_deadlines(
    connection: Connection, changes: Sequence[Change], stale: frozenset[str]
) -> None:
    """Store what these changes were told, and let no ``cancel_before`` be later. A
    deadline only becomes earlier. The rows in ``stale`` stay as they are."""
    told = {
        one: in_ms(change.cancellable_until)
        for change in changes
        if change.cancellable_until is not None
        for one in change.ids
        if one not in stale
    }
    if not told:
        return
    dialect = connection.dialect.name
    given = [{"id": one, "until": until} for one, until in told.items()]
    rows = Rows(given, _TOLD, apart=_TOLD)
    connection.execute(_statement(dialect, rows.differing), rows.parameters(dialect))


@cache
def _statement(dialect: str, differing: tuple[str, ...]) -> Update:
    new = incoming(dialect, _TOLD, differing).c
    before = _earlier(C.cancel_before, new.until)
    return (
        update(CANCELLATION)
        .where(C.id == new.id)
        .where(or_(C.cancellable_until.is_(None), C.cancellable_until > new.until))
        .values(cancellable_until=new.until, cancel_before=before, urgency=before)
    )


def _earlier(kept: Any, told: Any) -> Any:
    # What is NULL is not earlier.
    return case((kept < told, kept), else_=told)
