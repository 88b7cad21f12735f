"""Counts all cancellations by outcome, and all calls. Reads the whole ledger."""

from __future__ import annotations

from sqlalchemy import Connection, func, select

from rescind.ledger.storage.tables import CALL, CANCELLATION, TRANSITION

C = CANCELLATION.c


def outcomes(connection: Connection) -> list[tuple[str, str, str | None, int]]:
    """Provider, state, reason and number, over the whole ledger."""
    chosen = (
        select(C.provider, C.state, C.reason, func.count())
        .group_by(C.provider, C.state, C.reason)
        .order_by(C.provider, C.state, C.reason)
    )
    return [(p, s, r, n) for p, s, r, n in connection.execute(chosen)]


def calls_made(connection: Connection) -> list[tuple[str, str, str, int]]:
    """Provider, operation, evidence and number of calls, over the whole ledger."""
    columns = (CALL.c.provider, CALL.c.operation, CALL.c.evidence)
    chosen = select(*columns, func.count()).group_by(*columns).order_by(*columns)
    return [(p, o, e, n) for p, o, e, n in connection.execute(chosen)]


def written(connection: Connection) -> tuple[int, int]:
    """How many transitions and how many calls the ledger holds.

    The numbers change whenever a cancellation moves.
    """
    changes = connection.execute(select(func.count()).select_from(TRANSITION))
    calls = connection.execute(select(func.count()).select_from(CALL))
    return int(changes.scalar_one()), int(calls.scalar_one())
