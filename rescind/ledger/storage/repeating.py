"""Repeats a transaction that the database has undone.

A worker locks what it ends, and then the successors of that; or it locks what it
claims, and then inserts what is new. An operator's transaction locks rows by id. On
PostgreSQL two of these may deadlock: the database then undoes one.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

from rescind.ledger.storage.unreachable import TransactionUndoneError

TIMES = 5
"""How often a transaction is tried."""
P = ParamSpec("P")
T = TypeVar("T")


def repeated(do: Callable[P, T]) -> Callable[P, T]:
    """``do``, which makes one transaction and nothing before that has an effect, made
    again if the database undid it. The last error is raised."""

    @wraps(do)
    def repeating(*args: P.args, **named: P.kwargs) -> T:
        for _ in range(TIMES - 1):
            try:
                return do(*args, **named)
            except TransactionUndoneError:
                continue
        return do(*args, **named)

    return repeating
