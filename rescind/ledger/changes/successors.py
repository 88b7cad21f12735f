"""What follows the end of a cancellation for those that wait for it.

It happens in the transaction that records the end, as far as that transaction's bound
allows; ``postponed_judgements`` does the rest. A successor is judged by the present
states of all its predecessors, never by a count: so two transactions that end the last
two predecessors at once release it exactly once. Each locks the successor before it
reads the predecessors, and the second one reads what the first committed.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import Connection, Row, Select, bindparam, select, update

from rescind.ledger.changes.new_cancellation import beginning
from rescind.ledger.changes.postponement import fitting
from rescind.ledger.changes.waiting_rows import is_read, is_waiting, was_not_wanted
from rescind.ledger.conditions import (
    Predecessor,
    Verdict,
    allows_every_end,
    judge,
)
from rescind.ledger.phases import not_wanted
from rescind.ledger.progress import Change, Progress
from rescind.ledger.reading.predecessors import (
    among,
    ids_given,
    in_these,
    predecessors_of,
)
from rescind.ledger.restored import RESTORED
from rescind.ledger.states import FINAL
from rescind.ledger.storage.cancellation_rows import SELECTED, progress_of
from rescind.ledger.storage.dependency_table import DEPENDENCY
from rescind.ledger.storage.tables import CANCELLATION
from rescind.provider.outcomes import InvalidRequestError
from rescind.provider.refusal_codes import RefusalCode

C, D = CANCELLATION.c, DEPENDENCY.c
Lane = tuple[str, str]
_OWN = (
    *(C.id, C.provider, C.account, C.version, C.not_before, C.cancel_before),
    *(C.waits_for, C.followed, C.group_name),
)
_COLUMNS = (*_OWN, *SELECTED)
"""The columns that are read of a successor that ends or is reopened: none that holds
JSON, which costs more than all others."""
_JUDGED = (
    *(C.id, C.provider, C.account, C.version, C.not_before),
    *(C.waits_for, C.state, C.reason, C.attempts, C.lost),
)
"""The columns that are read of each successor. Most are released, and need no more."""


@dataclass(slots=True)
class Following:
    """What is to be done with some successors, whose rows are locked."""

    released: list[Row[Any]] = field(default_factory=list)
    """Those whose predecessors have all ended as they want."""
    read: list[Row[Any]] = field(default_factory=list)
    """Such ones that are being read, as the ledger was restored."""
    not_wanted: dict[Lane, list[Change]] = field(default_factory=dict)
    """The changes of those whose predecessors have ended otherwise."""
    reopened: list[Row[Any]] = field(default_factory=list)
    """Those that were not wanted, and may be now: each is judged again."""
    waits_for: dict[int, list[str]] = field(default_factory=dict)
    """The number of predecessors that keep them, with the ids for which it is new. A
    release writes its own."""
    judged: int = 0
    """How many were judged."""
    left: Sequence[str] = ()
    """Those that have ended and whose successors were not judged: they were too many.
    """


def follow(
    connection: Connection,
    ended: Collection[str],
    now: datetime,
    room: int | None = None,
) -> Following:
    """Judge successors of cancellations that this transaction has ended, or that an
    earlier one has: at most ``room``, or as many as a whole transaction may."""
    left: Sequence[str] = ()
    # One alone always fits into a whole transaction: no statement asks for it.
    if len(ended) > 1 or room is not None:
        ended, left = fitting(connection, ended, room)
    following = Following()
    if ended:
        chosen = _successors(connection.dialect.name)
        following = _judged(connection, chosen, ended, now)
    following.left = left
    return following


def begin(connection: Connection, ids: Collection[str], now: datetime) -> Following:
    """Judge cancellations themselves: such as those that this transaction has inserted
    as waiting."""
    if not ids:
        return Following()
    return _judged(connection, _these(connection.dialect.name), ids, now)


# No state is asked for here: a row that another transaction is just changing would not
# be waited for. Sorted: two transactions that lock the same must not deadlock.
def _locking(where: Any) -> Select[Any]:
    return select(*_JUDGED).where(where).order_by(C.id).with_for_update()


@cache
def _successors(dialect: str) -> Select[Any]:
    its = select(D.successor_id).where(among(dialect, D.predecessor_id))
    return _locking(in_these(dialect, C.id, its))


@cache
def _these(dialect: str) -> Select[Any]:
    return _locking(among(dialect, C.id))


@cache
def _whole(dialect: str) -> Select[Any]:
    return select(*_COLUMNS).where(among(dialect, C.id)).order_by(C.id)


def settle(connection: Connection, done: Following) -> None:
    """Write how many predecessors keep those that still wait, or wait again."""
    statement = _kept(connection.dialect.name)
    for number, ids in done.waits_for.items():
        given = {"number": number, **ids_given(connection, ids)}
        connection.execute(statement, given)


@cache
def _kept(dialect: str) -> Any:
    kept = update(CANCELLATION).where(among(dialect, C.id))
    return kept.values(waits_for=bindparam("number"))


def _judged(
    connection: Connection, chosen: Select[Any], ids: Collection[str], now: datetime
) -> Following:
    rows = connection.execute(chosen, ids_given(connection, ids)).all()
    read = {row.id for row in rows if is_read(row, now)}
    waiting = [r for r in rows if is_waiting(r) or was_not_wanted(r) or r.id in read]
    known = predecessors_of(connection, [row.id for row in waiting])
    following = Following(judged=len(rows))
    skipped, unwanted = list[str](), list[str]()
    for row in waiting:
        if row.id in read:
            if judge(known.get(row.id, []))[0] is Verdict.WANTED:
                following.read.append(row)
        elif not is_waiting(row):
            skipped.append(row.id)
        elif _is_not_wanted(following, row, known.get(row.id, [])):
            unwanted.append(row.id)
    for row in _read(connection, unwanted):
        its = following.not_wanted.setdefault((row.provider, row.account), [])
        its.append(_ended(row, why_not_wanted(known[row.id]), now))
    following.reopened = _read(connection, _reopened(skipped, known))
    return following


def _read(connection: Connection, ids: Collection[str]) -> list[Row[Any]]:
    """The whole rows of these, which are locked."""
    if not ids:
        return []
    chosen = _whole(connection.dialect.name)
    return [*connection.execute(chosen, ids_given(connection, ids))]


def _reopened(
    skipped: Sequence[str], known: Mapping[str, Sequence[Predecessor]]
) -> Sequence[str]:
    """All, if one of them may be wanted now: when it has begun again, so may those that
    were not wanted because of it."""
    verdicts = {judge(known.get(one, []))[0] for one in skipped}
    return skipped if verdicts - {Verdict.NOT_WANTED} else []


def _is_not_wanted(
    following: Following, row: Row[Any], known: Sequence[Predecessor]
) -> bool:
    """Judge one that waits; whether it is to end."""
    verdict, keeping = judge(known)
    if verdict is Verdict.WANTED:
        following.released.append(row)
        return False
    if verdict is Verdict.WAITS and keeping != row.waits_for:
        following.waits_for.setdefault(keeping, []).append(row.id)
    return verdict is Verdict.NOT_WANTED


def _ended(row: Row[Any], why: str, now: datetime) -> Change:
    was = progress_of(row)
    to, why = not_wanted(was, now), RESTORED if was.lost else why
    return Change([row.id], row.version, was.state, to, evidence=why)


def released(was: Progress, not_before: datetime | None, now: datetime) -> Progress:
    """The progress of one that waited, and may be sent now (or from then on)."""
    first = beginning(not_before, now)
    return replace(was, state=first.state, due_at=first.due_at)


def why_not_wanted(known: Iterable[Predecessor]) -> str:
    one = next(one for one in known if one.refuses)
    if one.state is None:
        return "a predecessor is not in the ledger any more"
    return f"a predecessor is {one.state} ({one.reason}), not {one.condition}"


def check_may_reopen(connection: Connection, row: Row[Any]) -> None:
    """Raises ``InvalidRequestError`` while a successor that the end of ``row`` has
    released may still be sent. Locks the successors; ``row`` is locked already."""
    chosen = _successors(connection.dialect.name)
    rows = connection.execute(chosen, ids_given(connection, [row.id])).all()
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
