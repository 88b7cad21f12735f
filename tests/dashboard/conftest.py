"""The dashboard over a ledger, and its visitors."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from rescind.config.redis_client import redis_client
from tests.dashboard.stage import (
    CLERK,
    OPERATOR,
    READER,
    Served,
    Visitor,
    served,
    settings_over,
)


@pytest.fixture(scope="session")
def shared_site(
    sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Served]:
    """One server for all tests: starting and stopping takes longer than a test."""
    home = tmp_path_factory.mktemp("desk")
    with served(settings_over(f"sqlite:///{sqlite_template}", home)) as found:
        yield found


@pytest.fixture
def site(shared_site: Served, sqlite_ledger_url: str) -> Iterator[Served]:
    """The dashboard over an empty ledger, as if it had just been started."""
    shared_site.reset(sqlite_ledger_url)
    yield shared_site
    shared_site.engine.dispose()


@pytest.fixture
def ledger(site: Served) -> Engine:
    return site.engine


@pytest.fixture
def stranger(site: Served) -> Visitor:
    """A visitor who is not signed in."""
    return site.visitor()


@pytest.fixture
def operator(site: Served) -> Visitor:
    return site.visitor(OPERATOR)


@pytest.fixture
def reader(site: Served) -> Visitor:
    """A visitor whose token can only read."""
    return site.visitor(READER)


@pytest.fixture
def clerk(site: Served, valkey_url: str) -> Visitor:
    """A visitor whose token can read and submit."""
    site.context.redis = redis_client(valkey_url)
    return site.visitor(CLERK)
