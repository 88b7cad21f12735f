"""Steps of migrations that hold no lock for long, however large the ledger is.

A lock that PostgreSQL holds, or waits for, stops every later statement on that table.
So each step has a transaction of its own, which waits at most ``LOCK_SECONDS`` for its
lock and then gives up; the whole migration is tried again later. Each step may
therefore be repeated: it does nothing if it was done before. What reads a whole table
(the build of an index, the check of a constraint, changes of many rows) runs under
locks that let others read and write.

SQLite, and a new ledger without rows, take the same steps in one transaction.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from alembic import context, op

LOCK_SECONDS = 1
"""How long a step waits for a lock, and the longest that others wait behind it."""
AT_ONCE = 2_000
"""Rows that one transaction of ``update_in_batches`` reads."""


class NotOnlineError(ValueError):
    """A step would rewrite or lock a whole table."""


def is_online() -> bool:
    """Whether others may use the ledger meanwhile, and each step is to be committed."""
    return bool(context.config.attributes.get("online"))


def on_postgresql() -> bool:
    return op.get_bind().dialect.name == "postgresql"


def create_table(name: str, *parts: Any, **options: Any) -> None:
    """Create a new table."""
    op.create_table(name, *parts, if_not_exists=True, **options)
    _commit()


def add_row(table: str, row: Mapping[str, str]) -> None:
    """Add a row to a new table, unless it is there."""
    names, values = ", ".join(row), ", ".join(f":{name}" for name in row)
    added = f"INSERT INTO {table} ({names}) VALUES ({values}) ON CONFLICT DO NOTHING"  # noqa: S608  (names of ours)
    op.get_bind().execute(sa.text(added), dict(row))
    _commit()


def add_column(table: str, column: sa.Column[Any]) -> None:
    """Add a column that may be NULL, or has a constant default.

    PostgreSQL writes such a column into no row. Raises ``NotOnlineError`` for another.
    """
    default = column.server_default
    constant = isinstance(default, sa.DefaultClause) and isinstance(default.arg, str)
    if not (constant or (default is None and column.nullable)):
        raise NotOnlineError(
            f"{table}.{column.name}: let it be NULL, or give it a constant default"
        )
    op.add_column(table, column, if_not_exists=on_postgresql() or None)
    _commit()


def drop_column(table: str, column: str) -> None:
    """Drop a column; on PostgreSQL its values stay on the disk until rows change."""
    if on_postgresql():
        op.execute(f"ALTER TABLE {table} DROP COLUMN IF EXISTS {column}")
    else:
        op.drop_column(table, column)
    _commit()


def create_index(
    name: str, table: str, columns: Sequence[Any], *, where: str | None = None
) -> None:
    """Create an index, while others read and write the table."""
    only = None if where is None else sa.text(where)
    partial: dict[str, Any] = {"sqlite_where": only, "postgresql_where": only}
    if not is_online():
        op.create_index(name, table, columns, **partial)
        return
    with op.get_context().autocommit_block():
        _drop_unfinished(name)
        op.create_index(
            name,
            table,
            columns,
            if_not_exists=True,
            postgresql_concurrently=True,
            **partial,
        )


def drop_index(name: str, table: str) -> None:
    """Drop an index, while others read and write the table."""
    if not is_online():
        op.drop_index(name, table)
        return
    with op.get_context().autocommit_block():
        op.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {name}")


def replace_checks(table: str, checks: Mapping[str, str], *, scan: bool = True) -> None:
    """Replace or add CHECKs by name, on PostgreSQL.

    New rows are checked at once, the others afterwards, while others write. Without
    ``scan`` they are not: for checks that every former row passes anyhow.
    """
    changes = (
        f"DROP CONSTRAINT IF EXISTS {name}, ADD CONSTRAINT {name} CHECK ({text})"
        " NOT VALID"
        for name, text in checks.items()
    )
    op.execute(f"ALTER TABLE {table} {', '.join(changes)}")
    _commit()
    for name in checks if scan else ():
        op.execute(f"ALTER TABLE {table} VALIDATE CONSTRAINT {name}")
        _commit()


def replace_primary_key(table: str, columns: Sequence[str]) -> None:
    """Give a table another primary key, on PostgreSQL."""
    key, new = f"{table}_pkey", f"{table}_pkey_new"
    found = sa.inspect(op.get_bind()).get_pk_constraint(table)
    if found["constrained_columns"] == list(columns):
        return
    listed = ", ".join(columns)
    if is_online():
        with op.get_context().autocommit_block():
            _drop_unfinished(new)
            op.execute(
                f"CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS {new}"
                f" ON {table} ({listed})"
            )
    else:
        op.execute(f"CREATE UNIQUE INDEX {new} ON {table} ({listed})")
    op.execute(
        f"ALTER TABLE {table} DROP CONSTRAINT {key},"
        f" ADD CONSTRAINT {key} PRIMARY KEY USING INDEX {new}"
    )
    _commit()


def update_in_batches(table: str, change: str, key: str = "id") -> None:
    """Run ``UPDATE table SET change`` over all rows, some at a time.

    The order is that of ``key``, a column of text with a unique index. ``change`` must
    do no harm to a row that it meets twice.
    """
    page = (
        f"SELECT max({key}) FROM (SELECT {key} FROM {table} WHERE {key} > :after"  # noqa: S608  (names of ours)
        f" ORDER BY {key} LIMIT {AT_ONCE}) AS page"
    )
    update = f"UPDATE {table} SET {change} WHERE {key} > :after AND {key} <= :last"  # noqa: S608
    after = ""
    while True:
        last = op.get_bind().execute(sa.text(page), {"after": after}).scalar()
        if last is None:
            return
        op.get_bind().execute(sa.text(update), {"after": after, "last": last})
        _commit()
        after = last


def _commit() -> None:
    """End this step's transaction, and with it its locks."""
    if is_online():
        with op.get_context().autocommit_block():
            pass


def _drop_unfinished(index: str) -> None:
    """Drop an index whose build was interrupted: it holds not all rows."""
    unfinished = (
        "SELECT count(*) FROM pg_index WHERE indexrelid = to_regclass(:name)"
        " AND NOT indisvalid"
    )
    if op.get_bind().execute(sa.text(unfinished), {"name": index}).scalar():
        op.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {index}")
