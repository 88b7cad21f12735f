"""Sets of rows as one JSON parameter: a statement over a thousand costs as one.

Measured before a line of this was written: set-wise statements are some five times
as fast as the ORM's row objects, on both databases.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import (
    FromClause,
    Text,
    bindparam,
    cast,
    column,
    func,
    select,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.types import TypeEngine

ROWS = "rows"
Columns = Mapping[str, type[TypeEngine[Any]]]


def incoming(dialect: str, columns: Columns) -> FromClause:
    """The parameter ``rows`` (see ``pack``) as something to select from."""
    if dialect == "sqlite":
        return _sqlite(columns)
    return _postgresql(columns)


def pack(rows: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """The value of the parameter ``rows``: JSON objects by column name."""
    return {ROWS: json.dumps(rows, ensure_ascii=False, separators=(",", ":"))}


def _sqlite(columns: Columns) -> FromClause:
    each = func.json_each(bindparam(ROWS, type_=Text)).table_valued("value")
    fields = [
        func.json_extract(each.c.value, f"$.{name}", type_=kind()).label(name)
        for name, kind in columns.items()
    ]
    return select(*fields).subquery("incoming")


def _postgresql(columns: Columns) -> FromClause:
    wanted = [column(name, kind()) for name, kind in columns.items()]
    document = cast(bindparam(ROWS, type_=Text), JSONB)
    return (
        func.jsonb_to_recordset(document)
        .table_valued(*wanted, name="incoming")
        .render_derived(name="incoming", with_types=True)
    )
