"""``INSERT … ON CONFLICT``, which each database has in its own dialect."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Table
from sqlalchemy.dialects import postgresql, sqlite


def insert_into(connection: Connection, table: Table) -> Any:
    """An ``INSERT`` that takes an ``ON CONFLICT`` clause."""
    return inserting(connection.dialect.name, table)


def inserting(dialect: str, table: Table) -> Any:
    """``insert_into`` for a dialect's name, where there is no connection."""
    kind: Any = sqlite if dialect == "sqlite" else postgresql
    return kind.insert(table)
