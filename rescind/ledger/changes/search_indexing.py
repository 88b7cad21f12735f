"""Fills the search index some seconds after acceptance, outside the hot path.

Ids sort by time, so a pass walks along them and remembers how far it has come. A
transaction may commit an id late: while the ledger was away, even hours late. So three
passes walk, each at its own distance from now, and a later pass adds what an earlier
one could not see yet.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Engine, delete, select, text

from rescind.ledger.reading.browse_ranges import first_id
from rescind.ledger.reading.search_words import words_of
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


def forget_words(connection: Connection, ids: Collection[str]) -> None:
    """Delete the entries of cancellations that this transaction deletes."""
    if not ids:
        return
    its = S.cancellation_id.in_(ids)
    if connection.dialect.name == "sqlite":
        rows = connection.execute(select(S.position, S.words).where(its)).all()
        if rows:
            # FTS5 does not store the words: it must be told which to remove.
            gone = f"INSERT INTO {FULL_TEXT} ({FULL_TEXT}, rowid, words) VALUES ('delete', ?, ?)"  # noqa: E501, S608
            connection.exec_driver_sql(gone, [tuple(row) for row in rows])
    connection.execute(delete(SEARCH_ENTRY).where(its))


def anything_to_index(connection: Connection, now: datetime) -> bool:
    """Whether some pass has a row to read."""
    found = select(P.lag_seconds, P.last_id)
    last: dict[int, Any] = {row[0]: row[1] for row in connection.execute(found)}
    for lag in PASSES:
        after = last.get(round(lag.total_seconds()), "")
        end = first_id(in_ms(now - lag))
        one = select(text("1")).where(C.id > after, C.id < end).limit(1)
        if connection.execute(one.select_from(CANCELLATION)).first():
            return True
    return False
