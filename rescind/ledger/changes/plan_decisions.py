"""An operator decides in the place of predecessors: to release, or to skip.

Such a cancellation is not bound to its predecessors any more: ``waits_for`` is NULL.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, select, update

from rescind.ledger.changes.plan_completion import begin_again
from rescind.ledger.changes.recording import LaneChanges, record_many
from rescind.ledger.changes.retries import check_retryable
from rescind.ledger.changes.round_deadlines import NEVER_LATE, said
from rescind.ledger.changes.rounds import (
    Round,
    after_rounds,
    open_round,
    progress_before,
    reopened,
)
from rescind.ledger.changes.successors import (
    check_may_reopen,
    released,
)
from rescind.ledger.changes.waiting_rows import is_waiting, was_not_wanted
from rescind.ledger.phases import not_wanted
from rescind.ledger.progress import Change, Progress
from rescind.ledger.states import State
from rescind.ledger.storage.cancellation_rows import progress_of
from rescind.ledger.storage.milliseconds import from_ms, in_ms
from rescind.ledger.storage.tables import CANCELLATION
from rescind.provider.outcomes import InvalidRequestError
from rescind.provider.refusal_codes import RefusalCode

C = CANCELLATION.c
RELEASE, SKIP = "release", "skip"


def release(
    connection: Connection, cancellation_id: str, now: datetime, *, by: str
) -> None:
    """Let one be sent that waits for its predecessors, or that they did not want.

    ``by`` is the actor. Raises ``InvalidRequestError``, with a sentence, for any other.
    """
    row = _locked(connection, cancellation_id)
    check_releasable(row, now)
    not_before = from_ms(row.not_before)
    if is_waiting(row):
        to = released(progress_of(row), not_before, now)
        _change(connection, row, to, RELEASE, now, by)
        opened = in_ms(max(not_before or now, now))
        _unbind(connection, row, opened_at=opened)
    else:
        check_may_reopen(connection, row)
        to = reopened(progress_before(connection, row, now), now, not_before)
        new = Round(to, None, row.cancel_before, RELEASE, by)
        open_round(connection, row, new, now)
        after_rounds(connection, [row], now)
        begin_again(connection, [row.id])


def skip(
    connection: Connection, cancellation_id: str, now: datetime, *, by: str
) -> None:
    """End one that waits for its predecessors: it is not wanted. It ends as failed if
    no reading could tell whether it was sent before a restore.

    Raises ``InvalidRequestError``, with a sentence, if it does not wait for any.
    """
    row = _locked(connection, cancellation_id)
    check_skippable(row)
    to = not_wanted(progress_of(row), now)
    _change(connection, row, to, SKIP, now, by)
    _unbind(connection, row)


def check_releasable(row: Row[Any], now: datetime) -> None:
    """Raise ``InvalidRequestError``, with a sentence, for one that does not wait for
    predecessors and was wanted by them, or that cannot be sent any more."""
    if is_waiting(row):
        return
    if not was_not_wanted(row):
        raise _not_waiting(row, "released")
    check_retryable(row, now, NEVER_LATE, None)
    deadline = from_ms(row.cancel_before)
    if deadline is not None and deadline <= now:
        # A retry could give another deadline, but heeds the predecessors.
        raise InvalidRequestError(
            f"{row.id} had to be cancelled before {said(deadline)}, which has passed:"
            " submit it again with another key",
            RefusalCode.NOT_WAITING,
        )


def check_skippable(row: Row[Any]) -> None:
    """Raise ``InvalidRequestError``, with a sentence, unless it waits for others."""
    if not is_waiting(row):
        raise _not_waiting(row, "skipped")


def _locked(connection: Connection, cancellation_id: str) -> Row[Any]:
    chosen = select(CANCELLATION).where(C.id == cancellation_id)
    return connection.execute(chosen.with_for_update()).one()


def _change(
    connection: Connection,
    row: Row[Any],
    to: Progress,
    how: str,
    now: datetime,
    by: str,
) -> None:
    # It cannot be stale: the row is locked.
    was = State(row.state)
    change = Change([row.id], row.version, was, to, evidence=how, by=by)
    lane = (row.provider, row.account)
    record_many(connection, [LaneChanges(lane, [change])], now)


def _unbind(connection: Connection, row: Row[Any], **values: Any) -> None:
    its = update(CANCELLATION).where(C.id == row.id)
    connection.execute(its.values(waits_for=None, **values))


def _not_waiting(row: Row[Any], done: str) -> InvalidRequestError:
    return InvalidRequestError(
        f"{row.id} cannot be {done}: it is {row.state}, and does not wait for other"
        " cancellations",
        RefusalCode.NOT_WAITING,
    )
