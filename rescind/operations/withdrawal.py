"""Takes back cancellations that were not sent, for a producer or an operator.

Nothing needs to be notified afterwards: no call is made, and the sweep finds the
deliveries of what has ended.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Engine, Row

from rescind.ledger.access_limits import EVERYTHING, Limits
from rescind.ledger.action_kinds import Action
from rescind.ledger.changes import withdrawals
from rescind.ledger.changes.operator_actions import Subject, record_action, subject_of
from rescind.ledger.changes.withdrawals import NotWithdrawableError, Withdrawal
from rescind.ledger.reading.queries import rows_of
from rescind.ledger.storage.repeating import repeated
from rescind.ledger.storage.transactions import writing
from rescind.operations.action_log import log_action
from rescind.operations.actions import found

AT_ONCE = 100
"""Rows in a transaction: a worker waits for at most so many."""


@dataclass(frozen=True, slots=True)
class Withdrawn:
    """The result of withdrawing many."""

    rows: list[Row[Any]] = field(default_factory=list)
    """Those that are withdrawn, also if they were before; after the change."""
    refused: list[NotWithdrawableError] = field(default_factory=list)
    """Why others were not withdrawn."""


@repeated
def withdraw(
    engine: Engine,
    name: str,
    now: datetime,
    within: Limits = EVERYTHING,
    *,
    by: str,
) -> Row[Any]:
    """Withdraw one, by its id or provider/account/key; returns the changed row.

    ``by`` is the actor: see ``rescind.config.actors``. One that is withdrawn already is
    returned as it is. One that is not ``within`` is unknown. Raises ``UnknownError``
    and ``NotWithdrawableError``, each with a sentence.
    """
    with writing(engine) as connection:
        row = found(connection, name, within)
        result = withdrawals.withdraw(connection, [row.id], now, by=by)
        for error in result.refused:
            raise error
        subject = _recorded(connection, result, now, by)
        changed = found(connection, row.id)
    _log(subject, by)
    return changed


def withdraw_many(
    engine: Engine, ids: Sequence[str], now: datetime, *, by: str
) -> Withdrawn:
    """Withdraw those of ``ids`` that were not sent, some in each transaction. One that
    is refused does not stop the others; unknown ids are left out."""
    done = Withdrawn()
    for start in range(0, len(ids), AT_ONCE):
        some = ids[start : start + AT_ONCE]
        rows, refused = _withdraw_some(engine, some, now, by)
        done.rows.extend(rows)
        done.refused.extend(refused)
    return done


@repeated
def _withdraw_some(
    engine: Engine, ids: Sequence[str], now: datetime, by: str
) -> tuple[Sequence[Row[Any]], Sequence[NotWithdrawableError]]:
    with writing(engine) as connection:
        result = withdrawals.withdraw(connection, ids, now, by=by)
        subject = _recorded(connection, result, now, by)
        ended = [*(row.id for row in result.withdrawn), *result.already]
        rows = rows_of(connection, ended)
    _log(subject, by)
    return rows, result.refused


def _recorded(
    connection: Connection, result: Withdrawal, now: datetime, by: str
) -> Subject | None:
    """The subject of the recorded action; ``None`` if nothing was changed."""
    if not result.withdrawn:
        return None
    about = [((row.provider, row.account), row.id) for row in result.withdrawn]
    subject = subject_of(about, len(about))
    record_action(connection, by, Action.WITHDRAW, subject, now)
    return subject


def _log(subject: Subject | None, by: str) -> None:
    if subject is not None:
        log_action(by, Action.WITHDRAW, subject)
