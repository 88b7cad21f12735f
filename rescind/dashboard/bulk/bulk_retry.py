"""Retries many cancellations: some in each transaction, each with its own result."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Engine

from rescind.config.accounts import Accounts
from rescind.dashboard.bulk.order_action import Changed
from rescind.ledger.action_kinds import Action
from rescind.ledger.changes.operator_actions import record_action, subject_of
from rescind.ledger.changes.retries import retry_some
from rescind.ledger.reading.queries import rows_of
from rescind.ledger.storage.repeating import repeated
from rescind.ledger.storage.transactions import writing
from rescind.operations.action_log import log_action

AT_ONCE = 100
"""Rows in a transaction: a worker waits for at most so many."""


def open_rounds(
    engine: Engine,
    accounts: Accounts,
    ids: Sequence[str],
    now: datetime,
    before: datetime | None,
    *,
    by: str,
) -> Changed:
    """Open a new round for each; one that is refused does not stop the others.

    ``by`` is the actor: see ``rescind.config.actors``.
    """
    done = Changed()
    for start in range(0, len(ids), AT_ONCE):
        some = ids[start : start + AT_ONCE]
        _open_some(engine, accounts, some, now, before, done, by)
    return done


@repeated
def _open_some(
    engine: Engine,
    accounts: Accounts,
    ids: Sequence[str],
    now: datetime,
    before: datetime | None,
    done: Changed,
    by: str,
) -> None:
    with writing(engine) as connection:
        found = rows_of(connection, ids)
        tried = retry_some(connection, found, now, before, accounts.policy, by=by)
        rows = rows_of(connection, tried.opened)
        about = [((row.provider, row.account), row.id) for row in rows]
        subject = subject_of(about, len(rows))
        if rows:
            record_action(connection, by, Action.RETRY, subject, now)
    if rows:
        log_action(by, Action.RETRY, subject)
    done.rows.extend(rows)
    done.refused.extend(tried.refused)
