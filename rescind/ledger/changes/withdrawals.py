"""Withdrawals: a producer or an operator takes back what was not sent.

Each row is locked before it is judged, so a claim and a withdrawal of the same row have
exactly one winner. A claim skips a row that is locked, and a withdrawal waits for the
claim's commit and then sees the row as ``sending``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, select

from rescind.ledger.changes.lane_states import read_lanes
from rescind.ledger.changes.recording import LaneChanges, record_many
from rescind.ledger.phases import final
from rescind.ledger.progress import Change
from rescind.ledger.restored import RESTORED, may_be_a_repeat
from rescind.ledger.states import FINAL, UNSENT, State
from rescind.ledger.storage.cancellation_rows import progress_of
from rescind.ledger.storage.milliseconds import moment
from rescind.ledger.storage.tables import CANCELLATION
from rescind.provider.outcomes import InvalidRequestError, Reason

C = CANCELLATION.c
ALREADY_SENT, ALREADY_ENDED = "already-sent", "already-ended"


class NotWithdrawableError(InvalidRequestError):
    """It cannot be withdrawn; the text is a sentence.

    ``problem`` is ``ALREADY_SENT`` if a cancel was sent or may have been, and
    ``ALREADY_ENDED`` if it has ended in another state.
    """

    def __init__(self, sentence: str, problem: str = ALREADY_SENT) -> None:
        super().__init__(sentence)
        self.problem = problem


@dataclass(frozen=True, slots=True)
class Withdrawal:
    """The result of withdrawing some cancellations."""

    withdrawn: list[Row[Any]] = field(default_factory=list)
    """Those that were withdrawn now, as they were before."""
    already: list[str] = field(default_factory=list)
    """The ids of those that were withdrawn before."""
    refused: list[NotWithdrawableError] = field(default_factory=list)
    """One error for each cancellation that cannot be withdrawn."""


def withdraw(
    connection: Connection, ids: Sequence[str], now: datetime, *, by: str
) -> Withdrawal:
    """Withdraw those of ``ids`` that were never sent. Unknown ids are left out.

    ``by`` is the actor. The number of statements does not depend on that of the ids.
    """
    result = Withdrawal()
    rows = _locked(connection, ids)
    states = read_lanes(connection, {(row.provider, row.account) for row in rows})
    for row in rows:
        state = states.get((row.provider, row.account))
        why = refusal(row, None if state is None else state.restored_at)
        if why is not None:
            result.refused.append(why)
        elif row.state == State.WITHDRAWN:
            result.already.append(row.id)
        else:
            result.withdrawn.append(row)
    # None of them can be stale: their rows are locked.
    changes = [_change(row, now, by) for row in result.withdrawn]
    record_many(connection, changes, now)
    return result


def _locked(connection: Connection, ids: Sequence[str]) -> Sequence[Row[Any]]:
    # Sorted: two transactions that lock the same rows must not deadlock.
    chosen = select(CANCELLATION).where(C.id.in_(ids)).order_by(C.id)
    return connection.execute(chosen.with_for_update()).all()


def _change(row: Row[Any], now: datetime, by: str) -> LaneChanges:
    was = progress_of(row)
    to = final(was, State.WITHDRAWN, Reason.REQUESTED, now)
    how = "withdraw"
    change = Change([row.id], row.version, was.state, to, evidence=how, by=by)
    return LaneChanges((row.provider, row.account), [change])


# --- what can be withdrawn --------------------------------------------------------


def was_never_sent(state: str, attempts: int) -> bool:
    """Whether a cancellation can be withdrawn: no cancel call for it can have reached
    its provider, and none is under way."""
    return state in UNSENT and attempts == 0


def refusal(
    row: Row[Any], restored_at: datetime | None = None
) -> NotWithdrawableError | None:
    """Why ``row`` cannot be withdrawn; ``None`` if it can be, or is already.

    ``restored_at`` is its lane's: see ``LaneState``. A preview does without it."""
    if row.state == State.WITHDRAWN:
        return None
    if row.state in FINAL:
        return NotWithdrawableError(
            f"{row.id} is {row.state} ({row.reason}): it has ended, and only a"
            " cancellation that waits to be sent can be withdrawn",
            ALREADY_ENDED,
        )
    doubted = not row.attempts and _may_have_been_sent(row, restored_at)
    if was_never_sent(row.state, row.attempts) and not doubted:
        return None
    return NotWithdrawableError(
        f"{row.id} cannot be withdrawn: {_sent(row)}", ALREADY_SENT
    )


def _may_have_been_sent(row: Row[Any], restored_at: datetime | None) -> bool:
    """Whether it may have been sent, though it counts no attempt: in the time that a
    restored ledger lacks, or by another cancellation of its order."""
    # ``spent`` without an attempt: that call may be in the provider's queue still. One
    # whose time has not come was not sent before the restore.
    return bool(row.lost or row.spent) or (
        row.state == State.QUEUED
        and may_be_a_repeat(progress_of(row), moment(row.opened_at), restored_at)
    )


def _sent(row: Row[Any]) -> str:
    match row.state:
        case State.SENDING:
            return "a worker is sending it now"
        case State.VERIFYING:
            return (
                "its order may be cancelled already, and Rescind is asking its"
                " provider whether it is"
            )
        case State.REQUESTED:
            return "its provider has accepted the cancel"
        case _ if not row.attempts and row.spent:
            return "an earlier call may still be in its provider's queue"
        case _ if not row.attempts:
            return RESTORED
        case _:
            times = "once" if row.attempts == 1 else f"{row.attempts} times"
            return f"it was sent {times}, and may have reached its provider"
