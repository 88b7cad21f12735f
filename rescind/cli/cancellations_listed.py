"""The code of ``rescind list``."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Row

from rescind.browse.browsing import Place, Sort, browse
from rescind.browse.wanted import Wanted
from rescind.cli import connections, output
from rescind.ledger.reading.queries import as_record
from rescind.ledger.storage.transactions import reading

COLUMNS = ("id", "lane", "order", "state", "reason", "attempts", "updated")


def list_many(wanted: Wanted, limit: int, *, as_json: bool) -> None:
    # One row more than is shown tells whether there are more. SQLite's limit is below
    # 2**63.
    rows = _newest(wanted, min(limit, 2**62) + 1)
    output.emit_list(
        [as_record(row) for row in rows],
        COLUMNS,
        _line,
        as_json=as_json,
        limit=limit,
        more="newest",
    )


def _newest(wanted: Wanted, most: int) -> list[Row[Any]]:
    """The newest ``most`` matches, however many rows are read for them."""
    rows: list[Row[Any]] = []
    engine = connections.need_ledger()
    after: Place | None = None
    while len(rows) < most:
        with reading(engine) as connection:
            page = browse(connection, wanted, Sort.NEWEST, most - len(rows), after)
        rows += page.rows
        if page.next is None:
            break
        after = page.next
    return rows


def _line(record: dict[str, Any]) -> tuple[object, ...]:
    lane = f"{record['provider']}/{record['account']}"
    names = ("order", "state", "reason", "attempts", "updated_at")
    return (record["id"], lane, *(record[name] for name in names))
