"""What follows the end of a cancellation for those that wait for it.

All of it happens in the transaction that records the end. A successor is judged by the
present states of all its predecessors, never by a count: so two transactions that end
the last two predecessors at once release it exactly once. Each locks the successor
before it reads the predecessors, and the second one reads what the first committed.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, select, update

from rescind.ledger.changes.new_cancellation import beginning
from rescind.ledger.conditions import (
    Predecessor,
    Verdict,
    allows_every_end,
    judge,
)
from rescind.ledger.phases import final
from rescind.ledger.progress import Change, Progress
from rescind.ledger.reading.predecessors import (
    among,
    given,
    ids_given,
    predecessors_of,
)
from rescind.ledger.states import FINAL, State
from rescind.ledger.storage.cancellation_rows import progress_of
from rescind.ledger.storage.dependency_table import DEPENDENCY
from rescind.ledger.storage.milliseconds import from_ms, in_ms
from rescind.ledger.storage.tables import CANCELLATION
from rescind.provider.outcomes import InvalidRequestError, Reason
from rescind.provider.refusal_codes import RefusalCode

C, D = CANCELLATION.c, DEPENDENCY.c
Lane = tuple[str, str]
RELEASED = "released by its predecessors"


@dataclass(slots=True)
class Following:
    """What is to be done with some successors, whose rows are locked."""

    work: list[tuple[Lane, list[Change]]] = field(default_factory=list)
    """The changes of those that are released, or not wanted."""
    reopened: list[Row[Any]] = field(default_factory=list)
    """Those that were not wanted, and may be now."""
    waits_for: dict[int, list[str]] = field(default_factory=dict)
    """The number of predecessors that keep them, with the ids for which it is new."""
    opened_at: dict[int, list[str]] = field(default_factory=dict)
    """When the released ones can be sent, in ms, with their ids."""


def follow(connection: Connection, ended: Collection[str], now: datetime) -> Following:
    """Judge the successors of cancellations that this transaction has ended."""
    its = select(D.successor_id).where(among(connection, D.predecessor_id))
    return _judged(connection, its, ended, now)


def begin(connection: Connection, ids: Collection[str], now: datetime) -> Following:
    """Judge cancellations that this transaction has inserted as waiting."""
    return _judged(connection, select(given(connection).c.id), ids, now)


def settle(connection: Connection, done: Following) -> None:
    """Write what ``recording`` does not know of those that were judged."""
    for number, ids in done.waits_for.items():
        _set(connection, ids, waits_for=number)
    for at, ids in done.opened_at.items():
        _set(connection, ids, opened_at=at)


def _set(connection: Connection, ids: Sequence[str], **values: Any) -> None:
    statement = update(CANCELLATION).where(among(connection, C.id)).values(values)
    connection.execute(statement, ids_given(connection, ids))


def _judged(
    connection: Connection, which: Any, ids: Collection[str], now: datetime
) -> Following:
    # No state is asked for here: a row that another transaction is just changing would
    # not be waited for. Sorted: two transactions that lock the same must not deadlock.
    locked = select(CANCELLATION).where(C.id.in_(which)).order_by(C.id)
    rows = connection.execute(
        locked.with_for_update(), ids_given(connection, ids)
    ).all()
    waiting = [row for row in rows if is_waiting(row) or was_not_wanted(row)]
    known = predecessors_of(connection, [row.id for row in waiting])
    following = Following()
    for row in waiting:
        _judge(following, row, known.get(row.id, []), now)
    return following


def is_waiting(row: Row[Any]) -> bool:
    """Whether its predecessors keep it from being sent."""
    return row.state == State.SCHEDULED and bool(row.waits_for)


def was_not_wanted(row: Row[Any]) -> bool:
    """Whether it ended for its predecessors' sake alone, and was never sent."""
    ended = (row.state, row.reason) == (State.WITHDRAWN, Reason.NOT_WANTED)
    return ended and row.waits_for is not None and not row.attempts


def _judge(
    following: Following, row: Row[Any], known: Sequence[Predecessor], now: datetime
) -> None:
    verdict, keeping = judge(known)
    if row.state == State.WITHDRAWN:
        if verdict is not Verdict.NOT_WANTED:
            following.reopened.append(row)
        return
    if keeping != row.waits_for:
        following.waits_for.setdefault(keeping, []).append(row.id)
    if verdict is Verdict.WAITS:
        return
    was = progress_of(row)
    if verdict is Verdict.WANTED:
        not_before = from_ms(row.not_before)
        to, said = released(was, not_before, now), RELEASED
        opened = in_ms(max(not_before or now, now))
        following.opened_at.setdefault(opened, []).append(row.id)
    else:
        to = final(was, State.WITHDRAWN, Reason.NOT_WANTED, now)
        said = why_not_wanted(known)
    change = Change([row.id], row.version, was.state, to, evidence=said)
    following.work.append(((row.provider, row.account), [change]))


def released(was: Progress, not_before: datetime | None, now: datetime) -> Progress:
    """The progress of one that waited, and may be sent now (or from then on)."""
    first = beginning(not_before, now)
    return replace(was, state=first.state, due_at=first.due_at)


def why_not_wanted(known: Iterable[Predecessor]) -> str:
    one = next(one for one in known if one.refuses)
    if one.state is None:
        return f"predecessor {one.id} is not in the ledger any more"
    return f"predecessor {one.id} is {one.state} ({one.reason}), not {one.condition}"


def check_may_reopen(connection: Connection, row: Row[Any]) -> None:
    """Raises ``InvalidRequestError`` while a successor that the end of ``row`` has
    released may still be sent. Locks the successors; ``row`` is locked already."""
    if not row.followed:
        return
    its = select(D.successor_id).where(D.predecessor_id == row.id)
    locked = select(CANCELLATION).where(C.id.in_(its)).order_by(C.id)
    rows = connection.execute(locked.with_for_update()).all()
    freed = [one for one in rows if one.waits_for == 0 and one.state not in FINAL]
    known = predecessors_of(connection, [one.id for one in freed])
    for one in freed:
        if any(
            edge.id == row.id and not allows_every_end(edge.condition)
            for edge in known[one.id]
        ):
            raise InvalidRequestError(
                f"{row.id} cannot be retried now: {one.id} was released because"
                f" {row.id} is {row.state}, and is {one.state}; wait for its end, or"
                " withdraw it",
                RefusalCode.NOT_RETRYABLE,
            )
