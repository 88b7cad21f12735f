"""Counts all cancellations by outcome, and all calls. Reads the whole ledger."""

from __future__ import annotations

from sqlalchemy import Connection, Table, func, select

from rescind.ledger.storage.call_table import CALL
from rescind.ledger.storage.tables import CANCELLATION, TRANSITION

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
    number = func.count() + func.sum(CALL.c.repeats)
    chosen = select(*columns, number).group_by(*columns).order_by(*columns)
    return [(p, o, e, int(n)) for p, o, e, n in connection.execute(chosen)]


def written(connection: Connection) -> tuple[int, int]:
    """How many transitions and how many calls there were, with the repeats that have
    no rows.

    The numbers change whenever a cancellation moves.
    """
    # A repeat stands for two transitions: the claim and the return.
    return _number(connection, TRANSITION, 2), _number(connection, CALL, 1)


def _number(connection: Connection, table: Table, rows: int) -> int:
    repeats = func.coalesce(func.sum(table.c.repeats), 0)
    chosen = select(func.count(), repeats).select_from(table)
    count, more = connection.execute(chosen).one()
    return int(count) + rows * int(more)
