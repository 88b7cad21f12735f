"""Retries many cancellations: some in each transaction, each with its own result."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Engine, Row

from rescind.ledger.changes.operator_actions import Action, record_action, subject_of
from rescind.ledger.changes.retries import retry
from rescind.ledger.reading.queries import rows_of
from rescind.ledger.storage.transactions import writing
from rescind.operations.action_log import log_action
from rescind.provider.outcomes import InvalidRequestError

AT_ONCE = 100
"""Rows in a transaction: a worker waits for at most so many."""


@dataclass(frozen=True, slots=True)
class RetryResult:
    """The cancellations that were retried, and why others were not."""

    rows: list[Row[Any]] = field(default_factory=list)
    """The retried rows, after the change."""
    refused: list[str] = field(default_factory=list)
    """A sentence for each cancellation that was not retried."""


def open_rounds(
    engine: Engine,
    ids: Sequence[str],
    now: datetime,
    before: datetime | None,
    *,
    by: str,
) -> RetryResult:
    """Open a new round for each; one that is refused does not stop the others.

    ``by`` is the actor: see ``rescind.config.actors``.
    """
    done = RetryResult()
    for start in range(0, len(ids), AT_ONCE):
        _open_some(engine, ids[start : start + AT_ONCE], now, before, done, by)
    return done


def _open_some(
    engine: Engine,
    ids: Sequence[str],
    now: datetime,
    before: datetime | None,
    done: RetryResult,
    by: str,
) -> None:
    opened, refused = [], []
    with writing(engine) as connection:
        for row in rows_of(connection, ids):
            try:
                if retry(connection, row, now, before, by=by):
                    opened.append(row.id)
                else:
                    refused.append(f"{row.id}: another change was made just now")
            except InvalidRequestError as error:
                refused.append(str(error))
        rows = rows_of(connection, opened)
        about = [((row.provider, row.account), row.id) for row in rows]
        subject = subject_of(about, len(rows))
        if rows:
            record_action(connection, by, Action.RETRY, subject, now)
    if rows:
        log_action(by, Action.RETRY, subject)
    done.rows.extend(rows)
    done.refused.extend(refused)
