"""Whether the ledger accepts writes."""

from __future__ import annotations

from sqlalchemy import Engine, delete

from rescind.ledger.storage.side_tables import LEASE
from rescind.ledger.storage.transactions import writing
from rescind.ledger.storage.upsert import insert_into

NAME = "write-check"
SIZE = 65_536
"""Characters to write. A file of SQLite may have room for a smaller row although the
disk is full."""


def check_writes(engine: Engine) -> None:
    """Raises ``LedgerUnreachableError`` unless the ledger commits a write.

    The row is a lease of a name that no process uses, and it has ended.
    """
    with writing(engine) as connection:
        its = {"holder": "0" * SIZE, "ends_at": 0}
        made = insert_into(connection, LEASE).values(name=NAME, **its)
        connection.execute(
            made.on_conflict_do_update(index_elements=["name"], set_=its)
        )
    with writing(engine) as connection:
        connection.execute(delete(LEASE).where(LEASE.c.name == NAME))
