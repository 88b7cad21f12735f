"""Sets of rows as parameters: a statement over a thousand rows costs as one.

In what all rows of a set are alike, and that is most of it, goes once, as a value.
The rest goes as one JSON document (SQLite) or as arrays (PostgreSQL). Measured on
SQLite: a thousand rows so inserted take a fifth of the time that JSON objects take.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from sqlalchemy import (
    JSON,
    ColumnElement,
    FromClause,
    Text,
    bindparam,
    cast,
    column,
    func,
    select,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.types import TypeEngine

ROWS = "rows"
Columns = Mapping[str, type[TypeEngine[Any]]]


class Rows:
    """A set of rows: each has all of ``columns``, and no two are alike in all."""

    def __init__(
        self,
        rows: Sequence[Mapping[str, Any]],
        columns: Columns,
        apart: Collection[str] = (),
    ) -> None:
        # JSON as text from here on: to Python, true and 1 are alike.
        self._values = {
            name: [_dump(row[name]) for row in rows]
            if kind is JSON
            else [row[name] for row in rows]
            for name, kind in columns.items()
        }
        self.differing = tuple(
            n for n, v in self._values.items() if n in apart or _differ(v)
        )
        """The columns in which the rows differ, or that are to be kept ``apart`` though
        they may not; see ``incoming``."""

    @property
    def alike(self) -> dict[str, Any]:
        """The other columns, with the value that all rows have; JSON as text."""
        return {n: v[0] for n, v in self._values.items() if n not in self.differing}

    @property
    def apart(self) -> list[tuple[Any, ...]]:
        """For each row its values of the ``differing`` columns; JSON as text."""
        return list(zip(*(self._values[name] for name in self.differing), strict=True))

    def parameters(self, dialect: str) -> dict[str, Any]:
        """What ``incoming`` of the same dialect and columns needs."""
        return parameters(dialect, self.alike, self.differing, self.apart)


def parameters(
    dialect: str,
    alike: Mapping[str, Any],
    differing: Sequence[str],
    rows: Sequence[Sequence[Any]],
) -> dict[str, Any]:
    """What ``incoming`` needs for ``rows``, each the values of its ``differing``
    columns; JSON goes as text."""
    given = {_given(name): _plain(value) for name, value in alike.items()}
    if dialect == "sqlite":
        return {**given, ROWS: _dump(rows)} if differing else given
    columns = zip(differing, zip(*rows, strict=True), strict=True)
    return given | {_given(name): [*map(_plain, values)] for name, values in columns}


def _given(name: str) -> str:
    # SQLAlchemy keeps the names of columns to itself.
    return f"given_{name}"


def _plain(value: Any) -> Any:
    """A word of an enumeration as the text that it is."""
    return str(value) if isinstance(value, str) else value


def _differ(values: list[Any]) -> bool:
    return values.count(values[0]) != len(values)


_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


def _dump(value: object) -> str:
    return "{}" if value == {} else _encode(value)


def incoming(dialect: str, columns: Columns, differing: tuple[str, ...]) -> FromClause:
    """``Rows`` that differ in these columns, as something to select from."""
    each = _each_of_sqlite if dialect == "sqlite" else _each_of_postgresql
    fields = each(columns, differing)
    fields |= {
        name: _value(dialect, name, kind)
        for name, kind in columns.items()
        if name not in differing
    }
    return select(*(fields[name].label(name) for name in columns)).subquery("incoming")


def _value(dialect: str, name: str, kind: type[TypeEngine[Any]]) -> ColumnElement[Any]:
    given = bindparam(_given(name), type_=_carried(kind))
    # PostgreSQL wants to be told; a cast to JSON would make a number of it in SQLite.
    return given if dialect == "sqlite" else cast(given, kind())


def _carried(kind: type[TypeEngine[Any]]) -> TypeEngine[Any]:
    return Text() if kind is JSON else kind()


def _each_of_sqlite(
    columns: Columns, differing: tuple[str, ...]
) -> dict[str, ColumnElement[Any]]:
    if not differing:
        return {}
    each = func.json_each(bindparam(ROWS, type_=Text)).table_valued("value")
    return {
        name: func.json_extract(
            each.c.value, f"$[{place}]", type_=_carried(columns[name])
        )
        for place, name in enumerate(differing)
    }


def _each_of_postgresql(
    columns: Columns, differing: tuple[str, ...]
) -> dict[str, ColumnElement[Any]]:
    if not differing:
        return {}
    kinds = {name: _carried(columns[name]) for name in differing}
    arrays = [
        cast(bindparam(_given(n), type_=ARRAY(k)), ARRAY(k)) for n, k in kinds.items()
    ]
    each = (
        func.unnest(*arrays)
        .table_valued(*(column(n, k) for n, k in kinds.items()), name="each")
        .render_derived(name="each")
    )
    return {name: cast(each.c[name], columns[name]()) for name in differing}
