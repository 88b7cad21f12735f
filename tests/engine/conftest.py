"""Worlds for the tests of the engine."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine
from structlog.testing import capture_logs

from tests.engine.ledgers import in_memory
from tests.engine.world import World, lane
from tests.ledger.build import policy


@pytest.fixture(autouse=True)
def logged() -> Iterator[list[Any]]:
    """The log lines. They are not written out: writing tracebacks is slow."""
    with capture_logs() as lines:
        yield lines


@pytest.fixture
def memory(sqlite_template: Path) -> Iterator[Engine]:
    """A ledger in memory, for one thread."""
    ledger = in_memory(sqlite_template)
    yield ledger
    ledger.dispose()


@pytest.fixture
def world(memory: Engine) -> World:
    """One lane, two calls at once, in a ledger in memory."""
    return World(memory, {lane(): policy(concurrency=2)})
