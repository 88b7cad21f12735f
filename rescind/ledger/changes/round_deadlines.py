"""Until when an order may be cancelled in a new round of its cancellation."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Row

from rescind.ledger.reading.queries import cancellable_until
from rescind.ledger.states import State
from rescind.ledger.storage.milliseconds import from_ms
from rescind.provider.deadlines import earlier
from rescind.provider.outcomes import InvalidRequestError
from rescind.provider.refusal_codes import RefusalCode

NEVER_LATE = datetime.max.replace(tzinfo=UTC)


def deadline_of(
    row: Row[Any], cancel_before: datetime | None, now: datetime
) -> datetime | None:
    """The deadline of the new round: never later than the provider's, unless that has
    passed. Then the round only finds out what an earlier call has done."""
    wanted, until = cancel_before or from_ms(row.cancel_before), cancellable_until(row)
    return earlier(wanted, until) if until is None or until > now else wanted


def check_window(row: Row[Any], now: datetime) -> None:
    """Raise ``InvalidRequestError`` if its provider cancels the order no longer."""
    until, unknown = cancellable_until(row), row.lost or row.state == State.REQUESTED
    if until is not None and until <= now and not unknown:
        raise InvalidRequestError(
            f"{row.id} can no longer be cancelled: its provider cancels it until"
            f" {said(until)}, which has passed",
            RefusalCode.NOT_RETRYABLE,
        )


def check_deadline(
    row: Row[Any], now: datetime, cancel_before: datetime | None
) -> None:
    """Raise ``InvalidRequestError`` if the deadline has passed, or will have passed
    when the order may be sent."""
    deadline = cancel_before or from_ms(row.cancel_before)
    first = from_ms(row.not_before)
    if deadline is None:
        return
    if deadline <= now:
        raise InvalidRequestError(
            f"{row.id} had to be cancelled before {said(deadline)}, which has passed:"
            " give a later cancel_before",
            RefusalCode.MISSING,
            "/cancel_before",
        )
    if first is not None and deadline <= first:
        raise InvalidRequestError(
            f"{row.id} is not sent before {said(first)}: give a cancel_before"
            " that is later",
            RefusalCode.INVALID_VALUE,
            "/cancel_before",
        )


def said(moment: datetime) -> str:
    return moment.isoformat(timespec="seconds")
