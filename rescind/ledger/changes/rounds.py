"""New rounds of cancellations that have ended, or whose provider has dropped them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, update

from rescind.ledger.changes.group_end_requests import request_again
from rescind.ledger.changes.lane_states import read_lane
from rescind.ledger.changes.new_cancellation import beginning, waiting
from rescind.ledger.changes.postponement import MOST_JUDGED, edges, postpone
from rescind.ledger.changes.successors import check_may_reopen, follow, settle
from rescind.ledger.changes.transitions import write_history
from rescind.ledger.conditions import Verdict, judge
from rescind.ledger.progress import Progress
from rescind.ledger.reading.predecessors import predecessors_of
from rescind.ledger.restored import GAP, before_new_round, ended_before
from rescind.ledger.states import RETRYABLE, State
from rescind.ledger.storage import counters
from rescind.ledger.storage.cancellation_rows import progress_of, progress_row
from rescind.ledger.storage.milliseconds import from_ms, to_ms
from rescind.ledger.storage.postponement_table import Concerned
from rescind.ledger.storage.tables import CANCELLATION, NO_DEADLINE
from rescind.provider.outcomes import InvalidRequestError

C = CANCELLATION.c
ASKED_AGAIN = timedelta(seconds=10)
"""How long after it was found that one may not begin yet it is judged again."""
REOPENING = 10
"""The cost of a new round, in judgements: it takes some statements of its own."""
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
    """Open the round; False if another transaction has changed ``row``.

    Before the end of the transaction, its caller has to call ``after_rounds`` and
    ``plan_completion.begin_again`` for all that it has opened.
    """
    not_before, before = from_ms(row.not_before), new.cancel_before
    again = ended_before(from_ms(row.finished_at), _restored_at(connection, row))
    statement = (
        update(CANCELLATION)
        .where(C.id == row.id, C.version == row.version, C.state == row.state)
        .values(
            **progress_row(new.to),
            version=C.version + (GAP if again else 1),
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
    # ``row`` may have been read before something followed it.
    if made.followed:
        # Those that wait for it are kept by one more.
        settle(connection, follow(connection, [row.id], now))
    return True


def after_rounds(
    connection: Connection, opened: Iterable[Row[Any]], now: datetime
) -> None:
    """What ``open_round`` leaves to the end of its transaction: to have the ends of the
    groups told again. ``opened`` are the rows as they were before."""
    ended = (row for row in opened if State(row.state) in RETRYABLE)
    for group in sorted({one.group_name for one in ended if one.group_name}):
        request_again(connection, group, now)


# --- reopened by their predecessors ---------------------------------------------------


@dataclass(slots=True)
class Begun:
    """Which of some cancellations have begun again."""

    reopened: list[Row[Any]] = field(default_factory=list)
    """The rows of those that have, as they were before."""
    later: list[str] = field(default_factory=list)
    """Those for which this transaction has no room."""
    blocked: list[str] = field(default_factory=list)
    """Those that may not begin yet."""
    cost: int = 0
    """The cost of all, as ``MOST_JUDGED`` counts."""

    @property
    def touched(self) -> set[str]:
        return {*(row.id for row in self.reopened), *self.later, *self.blocked}

    @property
    def lanes(self) -> set[tuple[str, str]]:
        return {(row.provider, row.account) for row in self.reopened}


def reopen_some(
    connection: Connection, rows: Sequence[Row[Any]], now: datetime, room: int
) -> Begun:
    """Open new rounds for those that their predecessors did not want, and may want now.
    Their rows are locked. What costs more than ``room`` is postponed, apart from the
    first one; so is what may not begin yet. Plans are the caller's."""
    begun = Begun()
    for row in rows:
        cost = REOPENING
        if row.followed:
            cost += edges(connection, [row.id], MOST_JUDGED)
        # In their order: one that waits for another one is judged after it.
        if begun.later or (begun.cost and begun.cost + cost > room):
            begun.later.append(row.id)
        else:
            begun.cost += cost
            _reopen(connection, row, now, begun)
    after_rounds(connection, begun.reopened, now)
    postpone(connection, Concerned.ITSELF, begun.later, now)
    postpone(connection, Concerned.ITSELF, begun.blocked, now + ASKED_AGAIN)
    return begun


def _reopen(connection: Connection, row: Row[Any], now: datetime, begun: Begun) -> None:
    """Open a new round for this one, unless it is not wanted still. It stays as it is
    while one that its own end has released may still be sent."""
    # Judged again: another one of its level may just have been reopened.
    verdict, keeping = judge(predecessors_of(connection, [row.id]).get(row.id, []))
    if verdict is Verdict.NOT_WANTED:
        return
    try:
        if row.followed:
            check_may_reopen(connection, row)
    except InvalidRequestError:
        begun.blocked.append(row.id)
        return
    was, not_before = progress_before(connection, row, now), from_ms(row.not_before)
    to = reopened(was, now, not_before, waits=bool(keeping))
    new = Round(to, keeping, row.cancel_before, REOPENED)
    if open_round(connection, row, new, now):
        begun.reopened.append(row)


def progress_before(connection: Connection, row: Row[Any], now: datetime) -> Progress:
    """The progress of ``row``, which gets a new round. It counts as sent if that may
    have happened in the time that a restored ledger lacks."""
    was, not_before = progress_of(row), from_ms(row.not_before)
    if not_before is not None and not_before > now:
        return was
    return before_new_round(was, _restored_at(connection, row))


def _restored_at(connection: Connection, row: Row[Any]) -> datetime | None:
    return read_lane(connection, (row.provider, row.account)).restored_at


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
