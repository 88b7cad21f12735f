"""The code of ``rescind actions``."""

from __future__ import annotations

from typing import Any

from rescind.browse.action_listing import actions_before, as_action
from rescind.cli import connections, output
from rescind.ledger.storage.transactions import reading

COLUMNS = ("at", "by", "action", "lane", "number", "about")


def list_actions(limit: int, *, as_json: bool) -> None:
    with reading(connections.need_ledger()) as connection:
        # One row more than is shown tells whether there are more. SQLite's limit is
        # below 2**63.
        rows = actions_before(connection, min(limit, 2**62) + 1)
    output.emit_list(
        [as_action(row) for row in rows],
        COLUMNS,
        _line,
        as_json=as_json,
        limit=limit,
        more="newest",
    )


def _line(one: dict[str, Any]) -> tuple[object, ...]:
    about = one["target"] or one["detail"]
    known = {**one, "about": about}
    return tuple("-" if known[n] is None else known[n] for n in COLUMNS)
