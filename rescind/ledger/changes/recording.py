"""Making decided changes: guarded by state and fencing token, with their history."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cache
from itertools import chain
from operator import itemgetter
from typing import Any

import uuid_utils
from sqlalchemy import BigInteger, Connection, Text, func, update
from sqlalchemy.sql.dml import ReturningUpdate

from rescind.ledger.changes.call_log import CallMade, append_calls
from rescind.ledger.changes.transitions import write_history
from rescind.ledger.deliveries import store
from rescind.ledger.progress import Change
from rescind.ledger.states import EDGES, FINAL, State
from rescind.ledger.storage import counters
from rescind.ledger.storage.cancellation_rows import PROGRESS, progress_row
from rescind.ledger.storage.milliseconds import in_ms
from rescind.ledger.storage.row_sets import Columns, Rows, incoming, parameters
from rescind.ledger.storage.tables import CANCELLATION

Lane = tuple[str, str]
ASKED = "+"
"""Before the id of one whose producer wants to be told; no id begins like that."""
_GUARD: Columns = {"id": Text, "version": BigInteger, "from_state": Text}
_CHANGE: Columns = {**_GUARD, **PROGRESS}


class ForbiddenEdgeError(AssertionError):
    """A decision asked for a change of state that does not exist: a bug of ours."""


@dataclass(frozen=True, slots=True)
class LaneChanges:
    """What is to be recorded of one lane."""

    lane: Lane
    changes: Sequence[Change]
    calls: Sequence[CallMade] = ()


@dataclass(frozen=True, slots=True)
class Recorded:
    """What became of changes that were to be made."""

    stale: frozenset[str] = frozenset()
    """The ids of those that were not: somebody else has moved them since, such as by a
    lease that ran out, and what they did stands."""
    to_tell: int = 0
    """Deliveries that wait now, to producers who want to be told of an end."""


def new_id() -> str:
    """An identifier that sorts by time (UUIDv7)."""
    return str(uuid_utils.uuid7())


def record_many(
    connection: Connection, work: Sequence[LaneChanges], now: datetime
) -> Recorded:
    """Make the changes of many lanes, each only if it is still as it was claimed, and
    append their calls. A lane may come more than once.

    Final states are never left: raises ``ForbiddenEdgeError`` for a change that does
    not exist. One statement updates, one appends the history, one the calls.
    """
    latest = _latest([one for one in work if one.changes])
    recorded = _record(connection, latest, now)
    append_calls(connection, [(one.lane, call) for one in work for call in one.calls])
    return recorded


def _latest(work: Sequence[LaneChanges]) -> Sequence[LaneChanges]:
    """Without changes of an order of which there is a later one among them.

    A call may outlast its lease, and come home together with the next one. Only the
    later of the two can still be as it was claimed.
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
    marked = _update(connection, changes, now)
    asked = [one[1:] for one in marked if one[0] == ASKED]
    made = marked.union(asked) if asked else marked
    stale = frozenset(chain.from_iterable(c.ids for c in changes)) - made
    moved = [(one.lane, list(_moved(one.changes, stale))) for one in work]
    for lane, some in moved:
        _count(connection, some, now, lane)
    at, steps = in_ms(now), [change for _, some in moved for change in some]
    write_history(connection, [_transition(change, at) for change in steps])
    return Recorded(stale, _begin_telling(connection, asked, steps))


def _moved(changes: Sequence[Change], stale: frozenset[str]) -> Iterator[Change]:
    """Those that were made and go to another state."""
    left = _without(stale, changes)
    return (change for change in left if change.from_state != change.to.state)


def _without(stale: frozenset[str], changes: Sequence[Change]) -> Sequence[Change]:
    if not stale:
        return changes
    left = [replace(c, ids=[i for i in c.ids if i not in stale]) for c in changes]
    return [change for change in left if change.ids]


def _begin_telling(
    connection: Connection, asked: Sequence[str], moved: Sequence[Change]
) -> int:
    if not asked:
        return 0
    wanted = frozenset(asked)
    final = [c for c in moved if c.to.state in FINAL]
    ended = [one for c in final for one in c.ids if one in wanted]
    return store.begin(connection, store.asked_for(connection, ended))


def _count(
    connection: Connection,
    moved: Sequence[Change],
    now: datetime,
    lane: tuple[str, str],
) -> None:
    ended = [
        (c.to.state, c.to.reason, len(c.ids)) for c in moved if c.to.state in FINAL
    ]
    counters.count_outcomes(connection, lane, ended, now)
    attempts = sum(len(change.ids) for change in moved if change.attempted)
    counters.count(connection, counters.ATTEMPT, lane, by=attempts)


def _check_edge(from_state: State, to_state: State) -> None:
    if from_state in FINAL:
        raise ForbiddenEdgeError(f"{from_state} is final")
    if from_state != to_state and (from_state, to_state) not in EDGES:
        raise ForbiddenEdgeError(f"there is no edge {from_state} -> {to_state}")


def _update(
    connection: Connection, changes: Sequence[Change], now: datetime
) -> frozenset[str]:
    """The ids of those that were made; behind a mark where their producers want to be
    told."""
    dialect, at = connection.dialect.name, in_ms(now)
    # Told what all of them were, PostgreSQL looks for that first, not for their ids.
    apart = () if dialect == "sqlite" else _GUARD
    rows = Rows([_change_row(c, at) for c in changes], _CHANGE, apart, many="id")
    each = rows.apart
    if dialect != "sqlite":
        # All in one order: two that change the same ones must not lock each other.
        each = sorted(each, key=itemgetter(rows.differing.index("id")))
    statement = _guarded_update(dialect, rows.differing)
    given = parameters(dialect, rows.alike, rows.differing, each)
    made = connection.execute(statement, given)
    return frozenset(made.scalars())


@cache
def _guarded_update(dialect: str, differing: tuple[str, ...]) -> ReturningUpdate[Any]:
    # Built once: building it anew costs more than running it over a few rows.
    new = incoming(dialect, _CHANGE, differing)
    table = CANCELLATION.c
    # One column costs nothing where nobody asked: rows of several are objects, which
    # the collector of garbage goes through. And no IS NOT NULL: in RETURNING SQLite
    # 3.40 was seen to take that for true of what is NULL.
    either = func.coalesce(table.callback_url, table.callback_task)
    mark = func.coalesce(func.substr(ASKED, 1, func.length(either)), "")
    return (
        update(CANCELLATION)
        .values({name: new.c[name] for name in PROGRESS})
        .values(version=table.version + 1)
        .where(
            table.id == new.c.id,
            table.version == new.c.version,
            table.state == new.c.from_state,
        )
        .returning(mark + table.id)
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
    }
