"""Compiled SQL statements that all engines of a test process share.

Each test opens an engine of its own, and an engine compiles each statement again. That
took a quarter of the processor time of the tests that use a ledger.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

from sqlalchemy import Engine
from sqlalchemy.engine import Dialect
from sqlalchemy.util import LRUCache

MOST = 1000
"""The statements that are kept: those that were used last."""


class SharedCache:
    """A cache of compiled statements for the engines of one process.

    SQLAlchemy's keys begin with the engine's dialect object. Here two dialects are the
    same if they speak to the same kind and version of database with the same driver.
    """

    def __init__(self) -> None:
        self._kept: LRUCache[Any, Any] = LRUCache(MOST)

    def get(self, key: tuple[Any, ...]) -> Any:
        return self._kept.get(_shared(key))

    def __setitem__(self, key: tuple[Any, ...], compiled: Any) -> None:
        self._kept[_shared(key)] = compiled

    def __bool__(self) -> bool:
        return True

    def clear(self) -> None:
        """Forget all statements."""
        self._kept.clear()


def _shared(key: tuple[Any, ...]) -> tuple[Any, ...]:
    dialect: Dialect = key[0]
    version = dialect.server_version_info
    return (dialect.name, dialect.driver, version, *key[1:])


@contextmanager
def shared_statements() -> Iterator[None]:
    """Until the end, all engines share one cache of compiled statements."""
    cache = SharedCache()
    # The constructor's assignment of a cache of its own has no effect.
    shared = property(lambda _engine: cache, lambda _engine, _own: None)
    with patch.object(Engine, "_compiled_cache", shared, create=True):
        yield
