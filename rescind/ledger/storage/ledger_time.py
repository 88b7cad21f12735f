"""The time by the ledger's own clock."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import TypeVar

from sqlalchemy import Engine, func, select

from rescind.ledger.storage.transactions import reading

NOW = select(func.clock_timestamp())
SECONDS = 5.0
"""Longest wait for the time."""

Looked = TypeVar("Looked")


def has_clock(engine: Engine) -> bool:
    """Whether the ledger has a clock of its own. SQLite goes by its host's clock."""
    return engine.dialect.name == "postgresql"


def ledger_time(
    engine: Engine, look: Callable[[], Looked]
) -> tuple[Looked, datetime, Looked]:
    """The ledger's time, with what ``look`` returned just before and just after.

    ``engine`` must have a clock. Raises ``LedgerUnreachableError``.
    """
    with reading(engine, SECONDS) as connection:
        before = look()
        now: datetime = connection.execute(NOW).scalar_one()
        return before, now, look()
