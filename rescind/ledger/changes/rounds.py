"""New rounds of cancellations that have ended, or whose provider has dropped them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, update

from rescind.ledger.changes.group_end_requests import request_again
from rescind.ledger.changes.new_cancellation import beginning, waiting
from rescind.ledger.changes.plan_completion import begin_again
from rescind.ledger.changes.successors import check_may_reopen, follow, settle
from rescind.ledger.changes.transitions import write_history
from rescind.ledger.conditions import Verdict, judge
from rescind.ledger.progress import Progress
from rescind.ledger.reading.predecessors import predecessors_of
from rescind.ledger.states import RETRYABLE, State
from rescind.ledger.storage import counters
from rescind.ledger.storage.cancellation_rows import progress_of, progress_row
from rescind.ledger.storage.milliseconds import from_ms, to_ms
from rescind.ledger.storage.tables import CANCELLATION, NO_DEADLINE
from rescind.provider.outcomes import InvalidRequestError

C = CANCELLATION.c
REOPENED = "its predecessors have ended as it wants, after a retry"


@dataclass(frozen=True, slots=True)
class Round:
    """How a new round begins, and why."""

    to: Progress
    waits_for: int | None
    cancel_before: int | None
    why: str
    by: str | None = None


def open_round(
    connection: Connection, row: Row[Any], new: Round, now: datetime
) -> bool:
    """Open the round; False if another transaction has changed ``row``."""
    not_before, before = from_ms(row.not_before), new.cancel_before
    statement = (
        update(CANCELLATION)
        .where(C.id == row.id, C.version == row.version, C.state == row.state)
        .values(
            **progress_row(new.to),
            version=C.version + 1,
            reread=None,
            opened_at=to_ms(max(not_before or now, now)),
            updated_at=to_ms(now),
            cancel_before=before,
            urgency=NO_DEADLINE if before is None else before,
            waits_for=new.waits_for,
        )
        .returning(C.version, C.followed)
    )
    made = connection.execute(statement).one_or_none()
    if made is None:
        return False
    write_history(connection, [_transition(row, new, made.version, now)])
    if State(row.state) in RETRYABLE:
        # Only final orders count: this counter is compared with that of outcomes.
        lane, ended = (row.provider, row.account), from_ms(row.finished_at) or now
        counters.count(connection, counters.RETRY, lane)
        counters.uncount_outcome(connection, lane, row.state, row.reason, ended)
        if row.group_name is not None:
            request_again(connection, row.group_name, now)
    # ``row`` may have been read before something followed it.
    if made.followed:
        # Those that wait for it are kept by one more.
        settle(connection, follow(connection, [row.id], now))
        begin_again(connection, [row.id])
    return True


def reopen(connection: Connection, row: Row[Any], now: datetime) -> bool:
    """Open a new round for one that its predecessors did not want, if they may want it
    now. ``row`` is locked. False if it is not reopened.

    It stays as it is while one that its own end has released may still be sent.
    """
    # Judged again: another one of its level may just have been reopened.
    verdict, keeping = judge(predecessors_of(connection, [row.id])[row.id])
    if verdict is Verdict.NOT_WANTED:
        return False
    try:
        if row.followed:
            check_may_reopen(connection, row)
    except InvalidRequestError:
        return False
    to = reopened(progress_of(row), now, from_ms(row.not_before), waits=bool(keeping))
    new = Round(to, keeping, row.cancel_before, REOPENED)
    return open_round(connection, row, new, now)


def reopened(
    was: Progress,
    now: datetime,
    not_before: datetime | None = None,
    *,
    waits: bool = False,
) -> Progress:
    """The first progress of a new round; ``waits`` is for predecessors."""
    # An accepted cancel may be done by now, so the order is read back first.
    lost = was.lost or was.state is State.REQUESTED
    unsent = waiting() if waits else beginning(not_before, now)
    fresh = Progress(State.VERIFYING, due_at=now) if lost else unsent
    return replace(
        fresh,
        attempts=was.attempts,
        polls=was.polls,
        lost=lost,
        sent_at=was.sent_at,
        since=now if lost else None,
    )


def _transition(
    row: Row[Any], new: Round, version: int, now: datetime
) -> dict[str, Any]:
    return {
        "cancellation_id": [row.id],
        "seq": version,
        "at": to_ms(now),
        "from_state": row.state,
        "to_state": new.to.state,
        "reason": None,
        "evidence": new.why,
        "call_id": None,
        "by": new.by,
    }
