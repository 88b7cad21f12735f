"""Retries: an operator opens a new round, which alone can leave a final state.

A retry can also leave ``requested``, if the provider seems to have dropped the order.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Row, update

from rescind.ledger.changes.new_cancellation import beginning
from rescind.ledger.changes.transitions import write_history
from rescind.ledger.progress import Progress
from rescind.ledger.reading.queries import cancellable_until
from rescind.ledger.states import RETRYABLE, State
from rescind.ledger.storage import counters
from rescind.ledger.storage.cancellation_rows import progress_of, progress_row
from rescind.ledger.storage.milliseconds import from_ms, to_ms
from rescind.ledger.storage.tables import CANCELLATION, NO_DEADLINE
from rescind.provider.deadlines import earlier
from rescind.provider.outcomes import InvalidRequestError
from rescind.provider.policy import Policy
from rescind.provider.refusal_codes import RefusalCode

C = CANCELLATION.c
NEVER_LATE = datetime.max.replace(tzinfo=UTC)
REFUSED_KEY = "refused:"
"""Prefix of the key of an entry that was never valid."""


def retry(
    connection: Connection,
    row: Row[Any],
    now: datetime,
    cancel_before: datetime | None = None,
    policy: Policy | None = None,
    *,
    by: str,
) -> bool:
    """Open a new round for ``row``; False if another transaction has changed it.

    If an earlier call may have worked, the round begins by reading the order back. So
    does the round of a ``requested`` order, which needs its lane's ``policy``. A row
    whose ``not_before`` has not come is scheduled again. Raises
    ``InvalidRequestError`` in one sentence if no new round can be opened.
    """
    _check(row, now, cancel_before, policy)
    before = to_ms(_deadline(row, cancel_before, now))
    not_before = from_ms(row.not_before)
    to = _reopened(progress_of(row), now, not_before)
    statement = (
        update(CANCELLATION)
        .where(C.id == row.id, C.version == row.version, C.state == row.state)
        .values(
            **progress_row(to),
            version=C.version + 1,
            reread=None,
            opened_at=to_ms(max(not_before or now, now)),
            updated_at=to_ms(now),
            cancel_before=before,
            urgency=NO_DEADLINE if before is None else before,
        )
        .returning(C.version)
    )
    version = connection.execute(statement).scalar_one_or_none()
    if version is None:
        return False
    write_history(connection, [_transition(row, to, version, now, by)])
    if State(row.state) in RETRYABLE:
        # Only final orders count: this counter is compared with that of outcomes.
        lane, ended = (row.provider, row.account), from_ms(row.finished_at) or now
        counters.count(connection, counters.RETRY, lane)
        counters.uncount_outcome(connection, lane, row.state, row.reason, ended)
    return True


def _deadline(
    row: Row[Any], cancel_before: datetime | None, now: datetime
) -> datetime | None:
    """The deadline of the new round: never later than the provider's, unless that has
    passed. Then the round only finds out what an earlier call has done."""
    wanted, until = cancel_before or from_ms(row.cancel_before), cancellable_until(row)
    return earlier(wanted, until) if until is None or until > now else wanted


def why_not(row: Row[Any], now: datetime, policy: Policy) -> str | None:
    """Why no new round can be opened for ``row``, whatever its deadline."""
    try:
        _check(row, now, NEVER_LATE, policy)
    except InvalidRequestError as error:
        return str(error)
    return None


def _check(
    row: Row[Any],
    now: datetime,
    cancel_before: datetime | None,
    policy: Policy | None,
) -> None:
    state = State(row.state)
    if state is State.REQUESTED and policy is not None:
        _check_dropped(row, now, policy)
    elif state not in RETRYABLE:
        raise InvalidRequestError(
            f"{row.id} is {state}: only failed, expired, rejected and withdrawn ones"
            " are retried",
            RefusalCode.NOT_RETRYABLE,
        )
    if row.key.startswith(REFUSED_KEY):
        raise InvalidRequestError(
            f"{row.id} was never a valid cancellation ({row.provider_message}):"
            " submit it again, corrected",
            RefusalCode.NOT_RETRYABLE,
        )
    _check_window(row, now)
    deadline = cancel_before or from_ms(row.cancel_before)
    if deadline is not None and deadline <= now:
        raise InvalidRequestError(
            f"{row.id} had to be cancelled before {deadline.isoformat()}, which has"
            " passed: give a new time with --cancel-before",
            RefusalCode.MISSING,
            "/cancel_before",
        )


def _check_window(row: Row[Any], now: datetime) -> None:
    until, unknown = cancellable_until(row), row.lost or row.state == State.REQUESTED
    if until is not None and until <= now and not unknown:
        raise InvalidRequestError(
            f"{row.id} can no longer be cancelled: its provider cancels it until"
            f" {_said(until)}, which has passed",
            RefusalCode.NOT_RETRYABLE,
        )


def _check_dropped(row: Row[Any], now: datetime, policy: Policy) -> None:
    """Raise ``InvalidRequestError`` while the provider may still be cancelling."""
    since = progress_of(row).since or now
    until = since + policy.taken_on_for
    if now < until:
        raise InvalidRequestError(
            f"{row.id} is requested: its provider accepted it at {_said(since)},"
            f" and may be cancelling it until {_said(until)}. Rescind polls it by"
            " itself. If it is still active after that time, Rescind sends it again;"
            " before that time it cannot be retried",
            RefusalCode.NOT_RETRYABLE,
        )


def _said(moment: datetime) -> str:
    return moment.isoformat(timespec="seconds")


def _reopened(
    was: Progress, now: datetime, not_before: datetime | None = None
) -> Progress:
    # An accepted cancel may be done by now, so the order is read back first.
    lost = was.lost or was.state is State.REQUESTED
    waiting = beginning(not_before, now)
    fresh = Progress(State.VERIFYING, due_at=now) if lost else waiting
    return replace(
        fresh,
        attempts=was.attempts,
        polls=was.polls,
        lost=lost,
        sent_at=was.sent_at,
        since=now if lost else None,
    )


def _transition(
    row: Row[Any], to: Progress, version: int, now: datetime, by: str
) -> dict[str, Any]:
    return {
        "cancellation_id": [row.id],
        "seq": version,
        "at": to_ms(now),
        "from_state": row.state,
        "to_state": to.state,
        "reason": None,
        "evidence": "retry",
        "call_id": None,
        "by": by,
    }
