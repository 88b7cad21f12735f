"""The code of ``rescind actions``."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Row

from rescind.browse.action_listing import WantedActions, as_action, find_actions
from rescind.cli import connections, output
from rescind.cli.filters_read import actors_of, period_of
from rescind.ledger.storage.transactions import reading

COLUMNS = ("at", "by", "action", "lane", "number", "about")


def wanted_actions(
    by: str | None, action: str | None, since: str | None, until: str | None
) -> WantedActions:
    """The filter of these options; raises ``CommandError``."""
    begin, end = period_of(since, until)
    return WantedActions(by=actors_of(by), action=action, since=begin, until=end)


def list_actions(wanted: WantedActions, limit: int, *, as_json: bool) -> None:
    # One row more than is shown tells whether there are more. SQLite's limit is below
    # 2**63.
    rows = _newest(wanted, min(limit, 2**62) + 1)
    output.emit_list(
        [as_action(row) for row in rows],
        COLUMNS,
        _line,
        as_json=as_json,
        limit=limit,
        more="newest",
    )


def _newest(wanted: WantedActions, most: int) -> list[Row[Any]]:
    """The newest ``most`` matches, however many actions are read for them."""
    rows: list[Row[Any]] = []
    engine, before = connections.need_ledger(), None
    while len(rows) < most:
        with reading(engine) as connection:
            page = find_actions(connection, wanted, most - len(rows), before)
        rows += page.rows
        if page.next is None:
            break
        before = page.next
    return rows


def _line(one: dict[str, Any]) -> tuple[object, ...]:
    about = one["target"] or one["detail"]
    known = {**one, "about": about}
    return tuple("-" if known[n] is None else known[n] for n in COLUMNS)
