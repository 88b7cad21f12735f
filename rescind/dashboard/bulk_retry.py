"""Many new rounds at once: some rows in a transaction, and each with its own answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Engine, Row

from rescind.ledger.changes.retries import retry
from rescind.ledger.reading.queries import rows_of
from rescind.ledger.storage.transactions import writing
from rescind.provider.outcomes import InvalidRequestError

AT_ONCE = 100
"""Rows in a transaction: workers wait for no more than these."""


@dataclass(frozen=True, slots=True)
class Opened:
    """What became of them."""

    rows: list[Row[Any]] = field(default_factory=list)
    """As they are now."""
    refused: list[str] = field(default_factory=list)


def open_rounds(
    engine: Engine, ids: Sequence[str], now: datetime, before: datetime | None
) -> Opened:
    """A new round for each; one that cannot have it stops none of the others."""
    done = Opened()
    for start in range(0, len(ids), AT_ONCE):
        _open_some(engine, ids[start : start + AT_ONCE], now, before, done)
    return done


def _open_some(
    engine: Engine,
    ids: Sequence[str],
    now: datetime,
    before: datetime | None,
    done: Opened,
) -> None:
    opened, refused = [], []
    with writing(engine) as connection:
        for row in rows_of(connection, ids):
            try:
                if retry(connection, row, now, before):
                    opened.append(row.id)
                else:
                    refused.append(f"{row.id}: somebody else has just changed it")
            except InvalidRequestError as error:
                refused.append(str(error))
        rows = rows_of(connection, opened)
    done.rows.extend(rows)
    done.refused.extend(refused)
