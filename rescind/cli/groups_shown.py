"""The code of ``rescind groups``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from rescind.cli import connections, output
from rescind.errors.reported import CommandError
from rescind.ledger.deliveries.group_receivers import told_of
from rescind.ledger.reading.group_summary import summary_of
from rescind.ledger.reading.groups import COUNTED, Standing, groups_from
from rescind.ledger.states import FINAL
from rescind.ledger.storage.transactions import reading
from rescind.provider.text import storable

MOST = 10_000
COLUMNS = ("group", "total", "ended", "percent", "states")


def list_groups(limit: int, *, as_json: bool) -> None:
    """Of each state up to ``COUNTED`` are counted: more are said so."""
    with reading(connections.need_ledger()) as connection:
        found = groups_from(connection, "", min(limit, MOST) + 1)
    documents = [_document(one) for one in found]
    output.emit_list(
        documents, COLUMNS, _line, as_json=as_json, limit=min(limit, MOST), more="first"
    )


def _document(one: Standing) -> dict[str, Any]:
    counts = {str(state): min(number, COUNTED) for state, number in one.counts.items()}
    total, ended = sum(counts.values()), sum(counts.get(state, 0) for state in FINAL)
    exact = max(one.counts.values(), default=0) <= COUNTED
    percent = 100 * ended // total if exact and total else None
    known = {"group": one.name, "total": total, "ended": ended, "percent": percent}
    return {**known, "exact": exact, "states": counts}


def _line(one: dict[str, Any]) -> tuple[object, ...]:
    more = "" if one["exact"] else "+"
    percent = "" if one["percent"] is None else f"{one['percent']}%"
    counts = f"{one['total']}{more}", f"{one['ended']}{more}", percent
    return (one["group"], *counts, _counted(one["states"]))


def _counted(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{number} {word}" for word, number in counts.items() if number)


def show_group(name: str, *, as_json: bool) -> None:
    """Everything is counted. Raises ``CommandError`` if there is no such group."""
    with reading(connections.need_ledger()) as connection:
        found = summary_of(connection, storable(name))
        document = {**found.document(), "told": told_of(connection, found.name)}
    if not found.total:
        raise CommandError(f"{name}: there is no such group", problem="no-such-group")
    if as_json:
        output.emit_json(document)
        return
    for line in _lines(document):
        output.emit(line)


def _lines(one: Mapping[str, Any]) -> Iterator[str]:
    yield f"group     {one['group']}"
    yield f"ended     {one['ended']} of {one['total']} ({one['percent']}%)"
    yield f"states    {_counted(one['states'])}"
    for state, reasons in one["reasons"].items():
        yield f"reasons   {state}: {_counted(reasons)}"
    yield f"began     {one['created_at']}"
    yield f"last end  {one['finished_at'] or 'none yet'}"
    for told in one["told"]:
        yield f"told      {told['target']}, {_when(told)}"


def _when(told: Mapping[str, Any]) -> str:
    if told["told_at"] is None:
        return "when the last one has ended"
    return f"at {told['told_at']}"
