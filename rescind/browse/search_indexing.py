"""Fills the search index some seconds after acceptance, outside the hot path.

Ids sort by time, so a pass walks along them and remembers how far it has come. A
transaction may commit an id late: while the ledger was away, even hours late. So three
passes walk, each at its own distance from now, and a later pass adds what an earlier
one could not see yet.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, Engine, select

from rescind.browse.search_words import words_of
from rescind.ledger.id_times import first_id
from rescind.ledger.storage.milliseconds import in_ms
from rescind.ledger.storage.search_tables import (
    FULL_TEXT,
    SEARCH_ENTRY,
    SEARCH_PROGRESS,
)
from rescind.ledger.storage.tables import CANCELLATION
from rescind.ledger.storage.transactions import reading, writing
from rescind.ledger.storage.upsert import insert_into

C, S, P = CANCELLATION.c, SEARCH_ENTRY.c, SEARCH_PROGRESS.c
PASSES = (timedelta(seconds=5), timedelta(minutes=15), timedelta(hours=25))
AT_ONCE = 500
"""Rows of one step: in SQLite, other writers wait for about 20 ms."""


@dataclass(frozen=True, slots=True)
class Batch:
    """What one step read: the words that no entry has yet, by id."""

    words: dict[str, str]
    last: str
    more: bool
    """Whether this pass has more to read at once."""


def index_some(engine: Engine, lag: timedelta, now: datetime) -> bool:
    """One step of the pass with this lag; whether it has more to do."""
    seconds = round(lag.total_seconds())
    with reading(engine) as connection:
        batch = _read(connection, seconds, first_id(in_ms(now - lag)))
    if batch is None:
        return False
    with writing(engine, queue="search") as connection:
        _insert(connection, batch.words)
        _remember(connection, seconds, batch.last)
    return batch.more


def _read(connection: Connection, lag_seconds: int, end: str) -> Batch | None:
    last = select(P.last_id).where(P.lag_seconds == lag_seconds)
    after = connection.execute(last).scalar() or ""
    words = (C.order_id, C.key, C.group_name, C.meta)
    chosen = select(C.id, *words).where(C.id > after, C.id < end)
    rows = connection.execute(chosen.order_by(C.id).limit(AT_ONCE)).all()
    if not rows:
        return None
    named = S.cancellation_id.in_([row.id for row in rows])
    known = set(connection.execute(select(S.cancellation_id).where(named)).scalars())
    new = {row.id: words_of(row) for row in rows if row.id not in known}
    return Batch(new, rows[-1].id, len(rows) == AT_ONCE)


def _insert(connection: Connection, words: dict[str, str]) -> None:
    there = _still_there(connection, list(words))
    if not there:
        return
    rows = [{"cancellation_id": one, "words": words[one]} for one in there]
    made = connection.execute(
        insert_into(connection, SEARCH_ENTRY)
        .values(rows)
        .on_conflict_do_nothing()
        .returning(S.position, S.words)
    ).all()
    if connection.dialect.name == "sqlite" and made:
        full = f"INSERT INTO {FULL_TEXT} (rowid, words) VALUES (?, ?)"  # noqa: S608
        connection.exec_driver_sql(full, [tuple(row) for row in made])


def _still_there(connection: Connection, ids: Sequence[str]) -> Sequence[str]:
    """Those that retention has not deleted, nor can delete in this transaction."""
    if not ids:
        return []
    chosen = select(C.id).where(C.id.in_(ids)).order_by(C.id)
    held = chosen.with_for_update(read=True, key_share=True)
    return connection.execute(held).scalars().all()


def _remember(connection: Connection, lag_seconds: int, last: str) -> None:
    row = {"lag_seconds": lag_seconds, "last_id": last}
    connection.execute(
        insert_into(connection, SEARCH_PROGRESS)
        .values(row)
        .on_conflict_do_update(
            index_elements=["lag_seconds"],
            set_={"last_id": last},
            where=P.last_id < last,
        )
    )


def anything_to_index(connection: Connection, now: datetime) -> bool:
    """Whether some pass has a row to read. Two short statements, if there is none."""
    newest = select(C.id).order_by(C.id.desc()).limit(1)
    id_ = connection.execute(newest).scalar() or ""
    found = select(P.lag_seconds, P.last_id)
    last: dict[int, str] = {row[0]: row[1] for row in connection.execute(found)}
    behind = {lag: last.get(round(lag.total_seconds()), "") for lag in PASSES}
    return any(
        _has_row(connection, after, first_id(in_ms(now - lag)))
        for lag, after in behind.items()
        if after < id_
    )


def _has_row(connection: Connection, after: str, end: str) -> bool:
    one = select(C.id).where(C.id > after, C.id < end).order_by(C.id).limit(1)
    return connection.execute(one).first() is not None
