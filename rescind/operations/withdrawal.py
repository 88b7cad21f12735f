"""Takes back cancellations that were not sent, for a producer or an operator.

Nothing needs to be notified afterwards: no call is made, and the sweep finds the
deliveries of what has ended.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Engine, Row

from rescind.ledger.changes import withdrawals
from rescind.ledger.changes.withdrawals import NotWithdrawableError
from rescind.ledger.reading.queries import rows_of
from rescind.ledger.storage.transactions import writing
from rescind.operations.actions import found

AT_ONCE = 100
"""Rows in a transaction: a worker waits for at most so many."""


@dataclass(frozen=True, slots=True)
class Withdrawn:
    """The result of withdrawing many."""

    rows: list[Row[Any]] = field(default_factory=list)
    """The withdrawn rows, after the change."""
    refused: list[NotWithdrawableError] = field(default_factory=list)
    """Why others were not withdrawn."""


def withdraw(engine: Engine, name: str, now: datetime, by: str) -> Row[Any]:
    """Withdraw one, by its id or provider/account/key; returns the changed row.

    ``by`` names the user or program that asks for it. One that is withdrawn already is
    returned as it is. Raises ``UnknownError`` and ``NotWithdrawableError``, each with a
    sentence.
    """
    with writing(engine) as connection:
        row = found(connection, name)
        result = withdrawals.withdraw(connection, [row.id], now, by)
        for error in result.refused:
            raise error
        return found(connection, row.id)


def withdraw_many(
    engine: Engine, ids: Sequence[str], now: datetime, by: str
) -> Withdrawn:
    """Withdraw those of ``ids`` that were not sent, some in each transaction. One that
    is refused does not stop the others; unknown ids are left out."""
    done = Withdrawn()
    for start in range(0, len(ids), AT_ONCE):
        with writing(engine) as connection:
            some = ids[start : start + AT_ONCE]
            result = withdrawals.withdraw(connection, some, now, by)
            rows = rows_of(connection, result.withdrawn)
        done.rows.extend(rows)
        done.refused.extend(result.refused)
    return done
