"""The plans that a database reports for its statements."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, Engine, event

CANCELLATIONS = ("FROM cancellation", "UPDATE cancellation")


@contextmanager
def statements(on: Connection | Engine) -> Iterator[list[str]]:
    """The statements executed in this block, without BEGIN and COMMIT."""
    seen: list[str] = []

    def note(_: object, __: object, statement: str, *___: object) -> None:
        if not statement.startswith("BEGIN"):
            seen.append(statement)

    event.listen(on, "before_cursor_execute", note)
    yield seen
    event.remove(on, "before_cursor_execute", note)


@contextmanager
def plans(
    connection: Connection, of: tuple[str, ...] = CANCELLATIONS
) -> Iterator[list[str]]:
    """The plan of each statement in this block that holds one of these texts; of those
    over cancellations, unless others are given."""
    sqlite = connection.dialect.name == "sqlite"
    found: list[str] = []

    def explain(_: object, __: object, statement: str, values: Any, *___: Any) -> None:
        if any(one in statement for one in of):
            cursor = connection.connection.cursor()
            cursor.execute(f"EXPLAIN {'QUERY PLAN ' * sqlite}{statement}", values)
            found.append("\n".join(str(line) for line in cursor.fetchall()))

    event.listen(connection, "before_cursor_execute", explain)
    yield found
    event.remove(connection, "before_cursor_execute", explain)


def assert_by_index(found: list[str], *names: str) -> None:
    """Assert that no table of cancellations is scanned, and these indexes are used."""
    assert found
    for plan in found:
        assert "Seq Scan on cancellation" not in plan
        assert "SCAN cancellation" not in plan
    for name in names:
        assert any(name in plan for plan in found), (name, found)
