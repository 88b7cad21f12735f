"""Inserts cancellations by the thousand: one row for each key, however often sent."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import BigInteger, Connection, Row, Text, and_, select, true
from sqlalchemy.dialects import postgresql, sqlite

from rescind.ledger.changes.group_end_requests import request_ends
from rescind.ledger.changes.new_cancellation import OWN, NewCancellation, own_row
from rescind.ledger.changes.restored_lanes import with_doubts
from rescind.ledger.changes.transitions import write_history
from rescind.ledger.deliveries import store
from rescind.ledger.deliveries.store import Ended
from rescind.ledger.progress import Progress
from rescind.ledger.states import FINAL, State
from rescind.ledger.storage import counters
from rescind.ledger.storage.cancellation_rows import PROGRESS, progress_row
from rescind.ledger.storage.milliseconds import in_ms
from rescind.ledger.storage.row_sets import Columns, Rows, incoming
from rescind.ledger.storage.tables import CANCELLATION

C = CANCELLATION.c

_COLUMNS: Columns = {**OWN, **PROGRESS, "version": BigInteger}

_PATH: Columns = {"provider": Text, "account": Text, "key": Text}


def insert_new(
    connection: Connection,
    new: Sequence[NewCancellation],
    now: datetime,
) -> frozenset[str]:
    """Insert those whose ``(provider, account, key)`` is new; returns their ids."""
    if not new:
        return frozenset()
    new = with_doubts(connection, new, now)
    # Sorted: two transactions that insert the same rows must not deadlock.
    dialect, known = connection.dialect.name, dict[int, dict[str, Any]]()
    ordered = sorted(new, key=lambda one: one.path)
    at = in_ms(now)
    each = [_row(one, at, known) for one in ordered]
    rows = Rows(each, _COLUMNS)
    statement = _insert(dialect, rows.differing)
    inserted = connection.execute(statement, rows.parameters(dialect))
    ids = frozenset(inserted.scalars())
    kept = [one for one in new if one.id in ids]
    write_history(connection, _firsts(kept, at))
    store.create_deliveries(
        connection, (_ended(one) for one in kept if _wants_delivery(one))
    )
    request_ends(connection, kept, now)
    _count(connection, kept, now)
    return ids


def _count(
    connection: Connection, kept: Sequence[NewCancellation], now: datetime
) -> None:
    accepted = Counter(
        (one.provider, one.account)
        for one in kept
        if one.progress.state is not State.REJECTED
    )
    for lane, number in accepted.items():
        counters.count(connection, counters.ACCEPTED, lane, by=number, per_thread=True)
    for one in kept:
        if one.progress.state in FINAL:
            refused = one.progress.state is State.REJECTED
            lane = counters.NO_LANE if refused else (one.provider, one.account)
            ended = [(one.progress.state, one.progress.reason, 1)]
            counters.count_outcomes(connection, lane, ended, now, per_thread=True)


def _wants_delivery(one: NewCancellation) -> bool:
    """Whether it is final from the start, and its producer wants a notification."""
    asked = one.callback_url is not None or one.callback_task is not None
    return asked and one.progress.state in FINAL


def _ended(one: NewCancellation) -> Ended:
    return Ended(one.id, one.callback_url, one.callback_task)


@cache
def _insert(dialect: str, differing: tuple[str, ...]) -> Any:
    return insert_statement(dialect, differing).returning(C.id)


@cache
def insert_statement(dialect: str, differing: tuple[str, ...]) -> Any:
    """Inserts the rows with new keys; its parameters are ``rows.parameters``."""
    kind: Any = sqlite if dialect == "sqlite" else postgresql
    rows = incoming(dialect, _COLUMNS, differing)
    return (
        kind.insert(CANCELLATION)
        # Without a WHERE in the SELECT, SQLite reads ON CONFLICT as a join's ON.
        .from_select(list(_COLUMNS), select(rows).where(true()))
        .on_conflict_do_nothing()
    )


ROUNDS = 3
"""Retention may delete a row between two attempts to find it; hardly ever twice."""


def insert_or_find(
    connection: Connection, new: Sequence[NewCancellation], now: datetime
) -> tuple[frozenset[str], dict[tuple[str, str, str], Row[Any]]]:
    """The ids of the new ones, and the rows of those that existed already, by path."""
    inserted = insert_new(connection, new, now)
    rows: dict[tuple[str, str, str], Row[Any]] = {}
    missing = [one for one in new if one.id not in inserted]
    for _ in range(ROUNDS):
        if not missing:
            break
        rows |= standing(connection, [one.path for one in missing])
        # Retention deleted these rows in between: their keys are free again.
        gone = [one for one in missing if one.path not in rows]
        inserted |= insert_new(connection, gone, now)
        missing = [one for one in gone if one.id not in inserted]
    return inserted, rows


def standing(
    connection: Connection, paths: Sequence[tuple[str, str, str]]
) -> dict[tuple[str, str, str], Row[Any]]:
    """The existing rows with these ``(provider, account, key)``."""
    found = _standing_rows(connection, paths, _standing) if paths else ()
    return {(row.provider, row.account, row.key): row for row in found}


def standing_ids(
    connection: Connection, paths: Collection[tuple[str, str, str]]
) -> dict[tuple[str, str, str], str]:
    """The ids of the existing rows with these paths: it costs much less than rows."""
    found = _standing_rows(connection, paths, _standing_ids) if paths else ()
    return {(row.provider, row.account, row.key): row.id for row in found}


def _standing_rows(
    connection: Connection,
    paths: Collection[tuple[str, str, str]],
    statement: Callable[[str, tuple[str, ...]], Any],
) -> Iterator[Row[Any]]:
    dialect = connection.dialect.name
    # The lane is not given as one constant: with that, both databases were seen to read
    # the whole lane and to compare each row with all paths.
    rows = [dict(zip(_PATH, path, strict=True)) for path in paths]
    asked = Rows(rows, _PATH, apart=_PATH)
    chosen = statement(dialect, asked.differing)
    found = connection.execute(chosen, asked.parameters(dialect))
    return (row for row in found if row.id is not None)


@cache
def _standing(dialect: str, differing: tuple[str, ...]) -> Any:
    return _joined(dialect, differing, CANCELLATION)


@cache
def _standing_ids(dialect: str, differing: tuple[str, ...]) -> Any:
    return _joined(dialect, differing, C.id, C.provider, C.account, C.key)


def _joined(dialect: str, differing: tuple[str, ...], *columns: Any) -> Any:
    asked = incoming(dialect, _PATH, differing)
    match = and_(
        C.provider == asked.c.provider,
        C.account == asked.c.account,
        C.key == asked.c.key,
    )
    # The databases read an outer join in the written order.
    return select(*columns).select_from(asked.outerjoin(CANCELLATION, match))


def _row(
    one: NewCancellation, at: int, known: dict[int, dict[str, Any]]
) -> dict[str, Any]:
    # Most rows of a message share one progress object.
    progress = known.get(id(one.progress))
    if progress is None:
        progress = known[id(one.progress)] = progress_row(one.progress)
    return {**own_row(one, at), **progress, "updated_at": at, "version": 1}


def _firsts(kept: Sequence[NewCancellation], at: int) -> list[dict[str, Any]]:
    # Most rows of a message share one progress object.
    alike: dict[int, list[NewCancellation]] = {}
    for one in kept:
        alike.setdefault(id(one.progress), []).append(one)
    return [
        _first([o.id for o in some], some[0].progress, at) for some in alike.values()
    ]


def _first(ids: Sequence[str], progress: Progress, at: int) -> dict[str, Any]:
    return {
        "cancellation_id": ids,
        "seq": 1,
        "at": at,
        "from_state": None,
        "to_state": progress.state,
        "reason": progress.reason,
        "evidence": progress.provider_message,
        "call_id": None,
        # ``cancellation.submitted_by`` has it.
        "by": None,
    }
