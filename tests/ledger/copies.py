"""Copies of a ledger that are put back later, as a backup is. No tests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Engine, Table, delete, insert, select
from sqlmodel import SQLModel

from rescind.ledger.storage.transactions import reading, writing

Copy = Mapping[Table, Sequence[dict[str, Any]]]


def copy_of(engine: Engine) -> Copy:
    """All rows of the ledger."""
    with reading(engine) as connection:
        return {
            one: [dict(row) for row in connection.execute(select(one)).mappings()]
            for one in SQLModel.metadata.sorted_tables
        }


def put_back(engine: Engine, copy: Copy) -> None:
    """Make the ledger what it was when ``copy`` was made."""
    with writing(engine) as connection:
        for one in reversed(SQLModel.metadata.sorted_tables):
            connection.execute(delete(one))
        for one, rows in copy.items():
            if rows:
                connection.execute(insert(one), rows)
