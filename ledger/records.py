"""Making decided changes: guarded by state and fencing token, with their history."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cache
from itertools import chain
from typing import Any

import uuid_utils
from sqlalchemy import (
    JSON,
    BigInteger,
    Connection,
    Insert,
    Select,
    Text,
    bindparam,
    cast,
    func,
    insert,
    select,
    true,
    union_all,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.sql.dml import ReturningUpdate

from ledger import deliveries, tallies
from ledger.progress import Change, Progress
from ledger.rows import Columns, Rows, incoming, parameters
from ledger.states import EDGES, FINAL, State
from ledger.tables import CALL, CANCELLATION, TRANSITION, in_ms, to_ms

PROGRESS: Columns = {
    "state": Text,
    "reason": Text,
    "provider_code": Text,
    "provider_message": Text,
    "attempts": BigInteger,
    "spent": BigInteger,
    "polls": BigInteger,
    "lost": BigInteger,
    "hint": Text,
    "sent_at": BigInteger,
    "since": BigInteger,
    "step": BigInteger,
    "batch_cap": BigInteger,
    "due_at": BigInteger,
    "finished_at": BigInteger,
    "updated_at": BigInteger,
}
"""The columns that a decision replaces: see ``progress_row``."""
ASKED = "+"
"""Before the id of one whose producer wants to be told; no id begins like that."""
_GUARD: Columns = {"id": Text, "version": BigInteger, "from_state": Text}
_CHANGE: Columns = {**_GUARD, **PROGRESS}
_TRANSITION: Columns = {
    "cancellation_id": Text,
    "seq": BigInteger,
    "at": BigInteger,
    "from_state": Text,
    "to_state": Text,
    "reason": Text,
    "evidence": Text,
    "call_id": Text,
}
_ID = "cancellation_id"
_STEP: Columns = {n: kind for n, kind in _TRANSITION.items() if n != _ID}
_CALL: Columns = {
    "id": Text,
    "provider": Text,
    "account": Text,
    "operation": Text,
    "evidence": Text,
    "status": BigInteger,
    "took_ms": BigInteger,
    "detail": Text,
    "body": Text,
    "orders": BigInteger,
    "cancellations": JSON,
    "at": BigInteger,
}


class ForbiddenEdgeError(AssertionError):
    """A decision asked for a change of state that does not exist: a bug of ours."""


@dataclass(frozen=True, slots=True)
class CallMade:
    """One provider call, for the record. ``body`` is masked already."""

    id: str
    operation: str
    evidence: str
    took: timedelta
    at: datetime
    cancellations: tuple[str, ...]
    status: int | None = None
    detail: str | None = None
    body: str | None = None

    @property
    def took_ms(self) -> int:
        return round(self.took.total_seconds() * 1000)


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


def record(
    connection: Connection,
    changes: Sequence[Change],
    now: datetime,
    lane: tuple[str, str],
) -> Recorded:
    """Make ``changes`` of one lane, each only if it is still as it was claimed.

    Final states are never left.
    """
    if not changes:
        return Recorded()
    for change in changes:
        _check_edge(change.from_state, change.to.state)
    marked = _update(connection, changes, now)
    asked = [one[1:] for one in marked if one[0] == ASKED]
    made = marked.union(asked) if asked else marked
    stale = frozenset(chain.from_iterable(c.ids for c in changes)) - made
    moved = [c for c in _without(stale, changes) if c.from_state != c.to.state]
    at = in_ms(now)
    write_history(connection, [_transition(change, at) for change in moved])
    _count(connection, moved, now, lane)
    return Recorded(stale, _begin_telling(connection, asked, moved))


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
    return deliveries.begin(connection, deliveries.asked_for(connection, ended))


def _count(
    connection: Connection,
    moved: Sequence[Change],
    now: datetime,
    lane: tuple[str, str],
) -> None:
    ended = [
        (c.to.state, c.to.reason, len(c.ids)) for c in moved if c.to.state in FINAL
    ]
    tallies.count_outcomes(connection, lane, ended, now)
    attempts = sum(len(change.ids) for change in moved if change.attempted)
    tallies.count(connection, tallies.ATTEMPT, lane, by=attempts)


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
    statement = _guarded_update(dialect, rows.differing)
    made = connection.execute(statement, rows.parameters(dialect))
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


def progress_row(progress: Progress) -> dict[str, Any]:
    """The columns that hold ``progress``."""
    return {
        "state": progress.state,
        "reason": progress.reason,
        "provider_code": progress.provider_code,
        "provider_message": progress.provider_message,
        "attempts": progress.attempts,
        "spent": progress.spent,
        "polls": progress.polls,
        "lost": int(progress.lost),
        "hint": progress.hint,
        "sent_at": to_ms(progress.sent_at),
        "since": to_ms(progress.since),
        "step": progress.step,
        "batch_cap": progress.batch_cap,
        "due_at": to_ms(progress.due_at),
        "finished_at": to_ms(progress.finished_at),
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


def write_history(connection: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Append transitions, given as their columns: each is that of all the cancellations
    that it lists as ``cancellation_id``."""
    if not rows:
        return
    dialect = connection.dialect.name
    new = Rows(rows, _TRANSITION, many="cancellation_id")
    connection.execute(_append(dialect, new.differing), new.parameters(dialect))


def write_steps(
    connection: Connection, ids: Sequence[str], steps: Sequence[Mapping[str, Any]]
) -> None:
    """Append the same transitions to the history of each."""
    if not ids:
        return
    dialect = connection.dialect.name
    given = parameters(dialect, {}, (_ID,), [(one,) for one in ids])
    for place, step in enumerate(steps):
        given |= {f"{name}_{place}": step.get(name) for name in _STEP}
    connection.execute(_append_steps(dialect, len(steps)), given)


@cache
def _append_steps(dialect: str, number: int) -> Insert:
    each = incoming(dialect, {_ID: Text}, (_ID,))
    steps = union_all(*map(_step, range(number))).subquery("steps")
    rows = select(each.c[_ID], *steps.c).join_from(each, steps, true())
    return insert(TRANSITION).from_select([_ID, *_STEP], rows)


def _step(place: int) -> Select[Any]:
    return select(
        *(
            cast(bindparam(f"{name}_{place}", type_=kind()), kind()).label(name)
            for name, kind in _STEP.items()
        )
    )


@cache
def _append(dialect: str, differing: tuple[str, ...]) -> Insert:
    new = incoming(dialect, _TRANSITION, differing)
    return insert(TRANSITION).from_select(list(_TRANSITION), select(new))


def record_calls(
    connection: Connection, provider: str, account: str, calls: Sequence[CallMade]
) -> None:
    """Append one row for each call to the provider."""
    if not calls:
        return
    dialect = connection.dialect.name
    made = Rows([_call_row(provider, account, call) for call in calls], _CALL)
    statement = _append_calls(dialect, made.differing)
    new = set(connection.execute(statement, made.parameters(dialect)).scalars())
    for call in calls:
        if call.id in new:
            sums = (call.took_ms, len(call.cancellations))
            named = (call.operation, call.evidence)
            tallies.count_call(connection, (provider, account), *named, *sums)


@cache
def _append_calls(dialect: str, differing: tuple[str, ...]) -> Any:
    kind: Any = sqlite if dialect == "sqlite" else postgresql
    new = incoming(dialect, _CALL, differing)
    return (
        kind.insert(CALL)
        # SQLite takes ON CONFLICT for a join unless the SELECT has a WHERE.
        .from_select(list(_CALL), select(new).where(true()))
        # A commit whose acknowledgement was lost is made again: once is enough.
        .on_conflict_do_nothing()
        .returning(CALL.c.id)
    )


def _call_row(provider: str, account: str, call: CallMade) -> dict[str, Any]:
    return {
        "id": call.id,
        "provider": provider,
        "account": account,
        "operation": call.operation,
        "evidence": call.evidence,
        "status": call.status,
        "took_ms": call.took_ms,
        "detail": call.detail,
        "body": call.body,
        "orders": len(call.cancellations),
        "cancellations": list(call.cancellations),
        "at": to_ms(call.at),
    }
