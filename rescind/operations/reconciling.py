"""Marks what may have been sent before the ledger was restored from an older copy.

Lane by lane and state by state, some rows in each transaction. It may be interrupted
and repeated: what is marked twice is read once more.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import (
    Connection,
    Row,
    Select,
    Update,
    bindparam,
    func,
    select,
    text,
    update,
)

from rescind.ledger.changes.candidates import readable
from rescind.ledger.changes.recording import LaneChanges, record_many
from rescind.ledger.progress import Change
from rescind.ledger.reading.predecessors import among, ids_given
from rescind.ledger.restored import GAP, RESTORED, doubted
from rescind.ledger.states import OPEN, State
from rescind.ledger.storage.cancellation_rows import SELECTED, progress_of
from rescind.ledger.storage.milliseconds import in_ms
from rescind.ledger.storage.restore_table import RESTORE
from rescind.ledger.storage.tables import CANCELLATION, LANE, LISTED, LOOKED_AT
from rescind.ledger.storage.upsert import insert_into
from rescind.provider.policy import Policy

C = CANCELLATION.c
BECOME_VERIFYING = {State.SCHEDULED, State.QUEUED, State.SENDING}
Lane = tuple[str, str]
MARKED = (*sorted({*OPEN} - BECOME_VERIFYING), *sorted(BECOME_VERIFYING))
"""The states whose rows are marked, in this order: a queued row becomes verifying, and
is not marked twice."""
AT_ONCE = 500
"""Rows in a transaction."""


def note_restore(connection: Connection, now: datetime) -> None:
    """Note that the ledger was restored: for each lane that it has or will have."""
    at = {"restored_at": in_ms(now)}
    new = insert_into(connection, RESTORE).values(at)
    connection.execute(new.on_conflict_do_nothing())
    connection.execute(update(LANE).values(at))


def mark(
    connection: Connection,
    lane: Lane,
    state: State,
    after: str,
    policy: Policy,
    now: datetime,
    *,
    by: str,
) -> tuple[int, str | None]:
    """Mark the lane's next rows in ``state``, those with an id behind ``after``.

    Returns how many, and the last id; ``None`` if there are no more rows. Rows that
    another process changes meanwhile are left to it.
    """
    values = {**_its(lane), "after": after, "most": AT_ONCE, "now": in_ms(now)}
    rows = connection.execute(_next(state), values).all()
    leave_out_versions(connection, [row.id for row in rows])
    changes = [_change(row, policy, now, by) for row in rows]
    stale = record_many(connection, [LaneChanges(lane, changes)], now).stale
    last = rows[-1].id if len(rows) == AT_ONCE else None
    return len(rows) - len(stale), last


def leave_out_versions(connection: Connection, ids: Sequence[str]) -> None:
    """Raise the versions of these rows, which are locked, by ``GAP``. A worker that has
    claimed a row before the restore cannot write to it afterwards."""
    if ids:
        given = {"gap": GAP, **ids_given(connection, ids)}
        connection.execute(_raise_versions(connection.dialect.name), given)


@cache
def _raise_versions(dialect: str) -> Update:
    its = among(dialect, C.id)
    return update(CANCELLATION).where(its).values(version=C.version + bindparam("gap"))


def number_to_mark(
    connection: Connection, lane: Lane, state: State, now: datetime
) -> int:
    """How many rows ``mark`` would mark in all."""
    values = {**_its(lane), "after": "", "now": in_ms(now)}
    return int(connection.execute(_number(state), values).scalar_one())


def _its(lane: Lane) -> dict[str, Any]:
    return {"its_provider": lane[0], "its_account": lane[1]}


def _change(row: Row[Any], policy: Policy, now: datetime, by: str) -> Change:
    was = progress_of(row)
    to = doubted(was, policy, now)
    return Change(
        ids=[row.id],
        version=row.version + GAP,
        from_state=was.state,
        to=to,
        evidence=RESTORED,
        attempted=was.state is State.SENDING,
        by=by,
    )


@cache
def _next(state: State) -> Select[Any]:
    chosen = select(C.id, C.version, *SELECTED).where(*_wanted(state))
    # Sorted: two transactions that lock the same rows must not deadlock.
    return chosen.order_by(C.id).limit(bindparam("most")).with_for_update()


@cache
def _number(state: State) -> Select[Any]:
    return select(func.count()).select_from(CANCELLATION).where(*_wanted(state))


def _wanted(state: State) -> Iterator[Any]:
    yield C.provider == bindparam("its_provider")
    yield C.account == bindparam("its_account")
    # Literals, so that both databases see that the partial index fits.
    yield text(f"state = '{state}'")
    yield text(LOOKED_AT if state is State.SENDING else LISTED)
    yield C.id > bindparam("after")
    yield readable()
    if state is State.SCHEDULED:
        # One whose time has not come was not sent, unless it waited for others.
        yield (C.waits_for > 0) | (C.due_at <= bindparam("now"))
