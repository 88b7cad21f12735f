"""``INSERT … ON CONFLICT``, which each database has in a dialect of its own."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Table
from sqlalchemy.dialects import postgresql, sqlite


def insert_into(connection: Connection, table: Table) -> Any:
    """An ``INSERT`` that can say what it does about a row that is there."""
    return inserting(connection.dialect.name, table)


def inserting(dialect: str, table: Table) -> Any:
    """The same where no connection is at hand."""
    kind: Any = sqlite if dialect == "sqlite" else postgresql
    return kind.insert(table)
