"""Retries many cancellations: some in each transaction, each with its own result."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Engine

from rescind.config.accounts import Accounts
from rescind.dashboard.bulk.order_action import Changed
from rescind.ledger.changes.retries import retry
from rescind.ledger.reading.queries import rows_of
from rescind.ledger.storage.transactions import writing
from rescind.provider.outcomes import InvalidRequestError

AT_ONCE = 100
"""Rows in a transaction: a worker waits for at most so many."""


def open_rounds(
    engine: Engine,
    accounts: Accounts,
    ids: Sequence[str],
    now: datetime,
    before: datetime | None,
) -> Changed:
    """Open a new round for each; one that is refused does not stop the others."""
    done = Changed()
    for start in range(0, len(ids), AT_ONCE):
        _open_some(engine, accounts, ids[start : start + AT_ONCE], now, before, done)
    return done


def _open_some(
    engine: Engine,
    accounts: Accounts,
    ids: Sequence[str],
    now: datetime,
    before: datetime | None,
    done: Changed,
) -> None:
    opened, refused = [], []
    with writing(engine) as connection:
        for row in rows_of(connection, ids):
            try:
                policy = accounts.policy((row.provider, row.account))
                if retry(connection, row, now, before, policy):
                    opened.append(row.id)
                else:
                    refused.append(f"{row.id}: another change was made just now")
            except InvalidRequestError as error:
                refused.append(str(error))
        rows = rows_of(connection, opened)
    done.rows.extend(rows)
    done.refused.extend(refused)
