"""Deletes the words of deleted cancellations from the search index."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import Connection, delete, select

from rescind.ledger.storage.search_tables import FULL_TEXT, SEARCH_ENTRY

S = SEARCH_ENTRY.c
# FTS5 does not store the words: it must be told which to remove.
_REMOVE = (
    f"INSERT INTO {FULL_TEXT} ({FULL_TEXT}, rowid, words)"  # noqa: S608
    " VALUES ('delete', ?, ?)"
)


def forget_words(connection: Connection, ids: Collection[str]) -> None:
    """Delete the entries of cancellations that this transaction deletes."""
    its = S.cancellation_id.in_(ids)
    if connection.dialect.name == "sqlite":
        rows = connection.execute(select(S.position, S.words).where(its)).all()
        if rows:
            connection.exec_driver_sql(_REMOVE, [tuple(row) for row in rows])
    connection.execute(delete(SEARCH_ENTRY).where(its))
