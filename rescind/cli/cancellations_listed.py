"""The code of ``rescind list``."""

from __future__ import annotations

from typing import Any

from rescind.browse.browsing import list_rows
from rescind.browse.wanted import Wanted
from rescind.cli import connections, output
from rescind.ledger.reading.queries import as_record
from rescind.ledger.storage.transactions import reading

COLUMNS = ("id", "lane", "order", "state", "reason", "attempts", "updated")


def list_many(wanted: Wanted, limit: int, *, as_json: bool) -> None:
    # One row more than is shown tells whether there are more.
    with reading(connections.need_ledger()) as connection:
        rows = list_rows(connection, wanted, limit + 1)
    output.emit_list(
        [as_record(row) for row in rows],
        COLUMNS,
        _line,
        as_json=as_json,
        limit=limit,
        more="newest",
    )


def _line(record: dict[str, Any]) -> tuple[object, ...]:
    lane = f"{record['provider']}/{record['account']}"
    names = ("order", "state", "reason", "attempts", "updated_at")
    return (record["id"], lane, *(record[name] for name in names))
