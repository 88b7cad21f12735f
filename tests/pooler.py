"""A PgBouncer in transaction mode in front of the tests' PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from chaos.pgbouncer import PgBouncer, program

SESSIONS = 2
"""Number of PostgreSQL sessions that all clients share."""


@contextmanager
def pooler(url: str) -> Iterator[PgBouncer]:
    """A PgBouncer before the database; skips if it is not installed."""
    if program() is None:
        pytest.skip("PgBouncer is not installed (the package pgbouncer)")
    found = PgBouncer(url, SESSIONS)
    try:
        yield found
    finally:
        found.close()


@contextmanager
def pooled(url: str) -> Iterator[str]:
    """The URL of the same database through PgBouncer; skips if there is none."""
    with pooler(url) as found:
        yield found.url
