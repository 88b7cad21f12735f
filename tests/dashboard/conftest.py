"""A desk over a ledger, and somebody who looks at it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from tests.dashboard.stage import (
    OPERATOR,
    READER,
    Served,
    Visitor,
    served,
    settings_over,
)


@pytest.fixture(scope="session")
def one_door(
    sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Served]:
    """One server for all: to start and to end one takes longer than a test."""
    home = tmp_path_factory.mktemp("desk")
    with served(settings_over(f"sqlite:///{sqlite_template}", home)) as found:
        yield found


@pytest.fixture
def door(one_door: Served, sqlite_ledger_url: str) -> Iterator[Served]:
    """The desk over an empty ledger, as if it had just been started."""
    one_door.begin_anew(sqlite_ledger_url)
    yield one_door
    one_door.engine.dispose()


@pytest.fixture
def ledger(door: Served) -> Engine:
    return door.engine


@pytest.fixture
def stranger(door: Served) -> Visitor:
    """Somebody who is not signed in."""
    return door.visitor()


@pytest.fixture
def operator(door: Served) -> Visitor:
    return door.visitor(OPERATOR)


@pytest.fixture
def reader(door: Served) -> Visitor:
    """Somebody who may look and not act."""
    return door.visitor(READER)
