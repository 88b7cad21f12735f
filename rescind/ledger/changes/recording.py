"""Records decided changes, guarded by state and fencing token, with their history."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cache
from itertools import chain
from operator import itemgetter
from typing import Any

import uuid_utils
from sqlalchemy import BigInteger, Connection, Text, cast, func, update
from sqlalchemy.sql.dml import ReturningUpdate

from rescind.ledger.changes.call_log import CallMade, append_calls
from rescind.ledger.changes.outcome_counts import count_changes
from rescind.ledger.changes.repeated_calls import fold_calls
from rescind.ledger.changes.repeated_steps import fold_steps
from rescind.ledger.changes.rereading import due_again
from rescind.ledger.changes.transitions import write_history
from rescind.ledger.deliveries import store
from rescind.ledger.progress import Change
from rescind.ledger.states import EDGES, FINAL, State
from rescind.ledger.storage.cancellation_rows import PROGRESS, progress_row
from rescind.ledger.storage.milliseconds import in_ms
from rescind.ledger.storage.row_sets import Columns, Rows, incoming, parameters
from rescind.ledger.storage.tables import CANCELLATION

Lane = tuple[str, str]
ASKED = "+"
"""Prefix of an id whose producer wants a notification; no id begins with it."""
_GUARD: Columns = {"id": Text, "version": BigInteger, "from_state": Text}
_CHANGE: Columns = {**_GUARD, **PROGRESS}


class ForbiddenEdgeError(AssertionError):
    """A decision asked for a change of state that does not exist: a bug of ours."""


@dataclass(frozen=True, slots=True)
class LaneChanges:
    """The changes and calls to record for one lane."""

    lane: Lane
    changes: Sequence[Change]
    calls: Sequence[CallMade] = ()


@dataclass(frozen=True, slots=True)
class Recorded:
    """The result of recording changes."""

    stale: frozenset[str] = frozenset()
    """Ids whose change was not made: their row has changed since it was claimed, for
    example because the lease ran out. The row keeps that other change."""
    to_deliver: int = 0
    """Deliveries that wait now, because their cancellations became final."""
    named: frozenset[str] = frozenset()
    """The calls that the history names now."""


def new_id() -> str:
    """A new identifier that sorts by time (UUIDv7)."""
    return str(uuid_utils.uuid7())


def record_many(
    connection: Connection, work: Sequence[LaneChanges], now: datetime
) -> Recorded:
    """Make the changes of many lanes, and append their calls. A change is made only if
    its row is still as it was claimed. A lane may come more than once.

    Raises ``ForbiddenEdgeError`` for a change of state that does not exist; final
    states are never left. One statement updates, one appends the history, one the
    calls. What only repeats the step or the call before it is counted there: see
    ``repeated_steps`` and ``repeated_calls``.
    """
    latest = _latest([one for one in work if one.changes])
    recorded = _record(connection, latest, now)
    calls = [(one.lane, call) for one in work for call in one.calls]
    append_calls(connection, fold_calls(connection, calls, recorded))
    return recorded


def _latest(work: Sequence[LaneChanges]) -> Sequence[LaneChanges]:
    """``work`` without a change of an order that has a later change in ``work``.

    A call may outlast its lease and finish together with the next call for its order.
    Only the later change can still find its row as it was claimed.
    """
    versions: dict[str, int] = {}
    number = 0
    for change in chain.from_iterable(one.changes for one in work):
        number += len(change.ids)
        for one in change.ids:
            versions[one] = max(change.version, versions.get(one, 0))
    if len(versions) == number:
        return work
    return [replace(one, changes=_of(versions, one.changes)) for one in work]


def _of(versions: Mapping[str, int], changes: Sequence[Change]) -> Sequence[Change]:
    left = [
        replace(c, ids=[one for one in c.ids if versions[one] == c.version])
        for c in changes
    ]
    return [change for change in left if change.ids]


def _record(
    connection: Connection, work: Sequence[LaneChanges], now: datetime
) -> Recorded:
    changes = [change for one in work for change in one.changes]
    if not changes:
        return Recorded()
    for change in changes:
        _check_edge(change.from_state, change.to.state)
    made, asked = _split(_update(connection, changes, now))
    stale = frozenset(chain.from_iterable(c.ids for c in changes)).difference(made)
    moved = [(one.lane, list(_moved(one.changes, stale))) for one in work]
    for lane, some in moved:
        count_changes(connection, lane, some, made, now)
    at, steps = in_ms(now), [change for _, some in moved for change in some]
    calls = {call.id: call for one in work for call in one.calls}
    new = _without(fold_steps(connection, steps, calls, at), steps)
    write_history(connection, [_transition(change, at) for change in new])
    named = frozenset(change.call_id for change in new if change.call_id)
    return Recorded(stale, _create_deliveries(connection, asked, steps), named)


def _split(marked: Sequence[str]) -> tuple[dict[str, str], list[str]]:
    """When each was opened, in ms, by its id; and the ids that are marked."""
    made: dict[str, str] = {}
    asked: list[str] = []
    for one in marked:
        id_, _, opened_at = one.partition(" ")
        if id_[0] == ASKED:
            id_ = id_[1:]
            asked.append(id_)
        made[id_] = opened_at
    return made, asked


def _moved(changes: Sequence[Change], stale: frozenset[str]) -> Iterator[Change]:
    """The changes that were made, and that go to another state."""
    left = _without(stale, changes)
    return (change for change in left if change.from_state != change.to.state)


def _without(stale: frozenset[str], changes: Sequence[Change]) -> Sequence[Change]:
    if not stale:
        return changes
    left = [replace(c, ids=[i for i in c.ids if i not in stale]) for c in changes]
    return [change for change in left if change.ids]


def _create_deliveries(
    connection: Connection, asked: Sequence[str], moved: Sequence[Change]
) -> int:
    if not asked:
        return 0
    wanted = frozenset(asked)
    final = [c for c in moved if c.to.state in FINAL]
    ended = [one for c in final for one in c.ids if one in wanted]
    return store.create_deliveries(connection, store.callbacks_of(connection, ended))


def _check_edge(from_state: State, to_state: State) -> None:
    if from_state in FINAL:
        raise ForbiddenEdgeError(f"{from_state} is final")
    if from_state != to_state and (from_state, to_state) not in EDGES:
        raise ForbiddenEdgeError(f"there is no edge {from_state} -> {to_state}")


def _update(
    connection: Connection, changes: Sequence[Change], now: datetime
) -> Sequence[str]:
    """The ids whose change was made, each with the time of its opening behind it, and
    the prefix ``ASKED`` where the producer wants a notification."""
    dialect, at = connection.dialect.name, in_ms(now)
    # With a constant as the guard, PostgreSQL reads by that first, not by the ids.
    apart = () if dialect == "sqlite" else _GUARD
    rows = Rows([_change_row(c, at) for c in changes], _CHANGE, apart, many="id")
    each = rows.apart
    if dialect != "sqlite":
        # Sorted: two transactions that change the same rows must not deadlock.
        each = sorted(each, key=itemgetter(rows.differing.index("id")))
    statement = _guarded_update(dialect, rows.differing)
    given = parameters(dialect, rows.alike, rows.differing, each)
    made = connection.execute(statement, given)
    return made.scalars().all()


@cache
def _guarded_update(dialect: str, differing: tuple[str, ...]) -> ReturningUpdate[Any]:
    # Cached: building it costs more than running it over a few rows.
    new = incoming(dialect, _CHANGE, differing)
    table = CANCELLATION.c
    # One text column, with the prefix in it: rows of several columns are objects, which
    # the garbage collector must visit. And no IS NOT NULL: in RETURNING, SQLite 3.40
    # was seen to call it true for a value that is NULL.
    either = func.coalesce(table.callback_url, table.callback_task)
    mark = func.coalesce(func.substr(ASKED, 1, func.length(either)), "")
    values = {name: new.c[name] for name in PROGRESS}
    return (
        update(CANCELLATION)
        .values({**values, "due_at": due_again(dialect, new), "reread": None})
        .values(version=table.version + 1)
        .where(
            table.id == new.c.id,
            table.version == new.c.version,
            table.state == new.c.from_state,
        )
        .returning(mark + table.id + " " + cast(table.opened_at, Text))
    )


def _change_row(change: Change, at: int) -> dict[str, Any]:
    return {
        "id": change.ids,
        "version": change.version,
        "from_state": change.from_state,
        "updated_at": at,
        **progress_row(change.to),
    }


def _transition(change: Change, at: int) -> dict[str, Any]:
    return {
        "cancellation_id": change.ids,
        "seq": change.version + 1,
        "at": at,
        "from_state": change.from_state,
        "to_state": change.to.state,
        "reason": change.to.reason,
        "evidence": change.evidence,
        "call_id": change.call_id,
        "by": change.by,
    }
