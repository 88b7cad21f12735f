"""Fixtures for all tests: real databases, a real Valkey, a fixed time."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from sqlalchemy import Engine

from rescind.api.api_context import ApiContext
from rescind.engine import sweeper
from rescind.garbage import collect_rarely, leave_out_what_is_loaded
from rescind.ledger.storage import schema_versions
from rescind.ledger.storage.migrate import upgrade
from rescind.ledger.storage.transactions import open_ledger
from rescind.runtime import group_job, retention, search_job
from tests.browser import launched
from tests.cli.test_cli_support import Home, make_home
from tests.interrupts import interruptible
from tests.later_program import LaterProgram
from tests.ledger.build import NOW
from tests.own_logs import own_logs
from tests.postgres import Databases, postgres_server
from tests.statement_cache import shared_statements
from tests.valkey import free_port, valkey_server

__all__ = ["free_port"]

COMMON = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow]}
settings.register_profile("here", parent=settings(**COMMON))  # type: ignore[arg-type]
settings.register_profile(
    "ci",
    parent=settings(**COMMON, derandomize=True),  # type: ignore[arg-type]
)
settings.load_profile("ci" if os.environ.get("CI") else "here")

SHOW_LIFE = ApiContext.show_life
"""See ``_silent_servers``."""
SLOWEST = (
    "tests/system/test_up",
    "tests/deployment/test_services",
    "tests/tasks/test_stopping",
    "tests/tasks/traps/test_messages",
    "tests/demo/test_demo",
    "tests/canary/",
    "tests/tasks/test_kills",
    "tests/simulate/",
    "tests/dashboard/test_browser",
    "tests/tasks/",
    "tests/api/test_process",
    "tests/deployment/",
    "tests/test_",
    "tests/dashboard/",
    "tests/ledger/test_promise",
    "tests/engine/test_random_worlds",
    "tests/cli/test_init",
)
"""The slowest files first, as measured."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run the slowest files first, so that all processes end together."""
    items.sort(key=_turn)


def _turn(item: pytest.Item) -> int:
    found = (n for n, name in enumerate(SLOWEST) if item.nodeid.startswith(name))
    return next(found, len(SLOWEST))


def pytest_configure() -> None:
    """Let the garbage collector look less often: tests make few cycles."""
    collect_rarely()


def pytest_collection_finish() -> None:
    """What was imported and collected lives until the end, too."""
    leave_out_what_is_loaded()


@pytest.fixture(scope="session", autouse=True)
def _interruptible() -> Iterator[None]:
    """Processes that tests start react to Ctrl-C, even if the tests ignore it."""
    with interruptible():
        yield


@pytest.fixture(scope="session", autouse=True)
def _shared_statements() -> Iterator[None]:
    """The engines of all tests compile each statement once."""
    with shared_statements():
        yield


@pytest.fixture(scope="session", autouse=True)
def _silent_servers() -> Iterator[None]:
    """An API in the process of the tests would log into the logs of other tests."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(ApiContext, "show_life", lambda _: None)
        yield


@pytest.fixture(autouse=True)
def _unhurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """A job of the sweep finishes in one turn, however slow the machine is."""
    for job in (retention, search_job, group_job):
        monkeypatch.setattr(job, "BUDGET_SECONDS", 600.0)
    monkeypatch.setattr(sweeper, "MOVING_SECONDS", 600.0)


@pytest.fixture(autouse=True)
def _own_logs() -> Iterator[None]:
    with own_logs():
        yield


@pytest.fixture
def now() -> datetime:
    """A fixed time, in whole milliseconds like the ledger's times."""
    return NOW


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    """One browser for all tests of a module; skips with a reason without one.

    Playwright keeps an event loop running in the thread until the browser is closed:
    a later test of the same process could not call ``asyncio.run``.
    """
    with launched() as browser:
        yield browser


# --- PostgreSQL ---------------------------------------------------------------------


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """The URL of a PostgreSQL server for the tests; its database is empty."""
    with postgres_server() as url:
        yield url


@pytest.fixture(scope="session")
def databases(postgres_url: str) -> Iterator[Databases]:
    """The databases of that server."""
    lent = Databases(postgres_url)
    yield lent
    lent.close()


@pytest.fixture
def postgres_ledger_url(databases: Databases) -> Iterator[str]:
    """The URL of a migrated, empty ledger on PostgreSQL that tests reuse."""
    with databases.ledger() as url:
        yield url


@pytest.fixture
def postgres_new_ledger_url(databases: Databases) -> Iterator[str]:
    """The URL of a migrated ledger on PostgreSQL that was never written to."""
    with databases.untouched(migrated=True) as url:
        yield url


@pytest.fixture
def postgres_empty_url(databases: Databases) -> Iterator[str]:
    """The URL of a database on PostgreSQL that has no tables."""
    with databases.untouched(migrated=False) as url:
        yield url


# --- SQLite -------------------------------------------------------------------------


def _migrate(url: str) -> None:
    engine = open_ledger(url)
    try:
        upgrade(engine)
    finally:
        engine.dispose()


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite file with the ledger's tables, to be copied."""
    path = tmp_path_factory.mktemp("template") / "ledger.db"
    _migrate(f"sqlite:///{path}")
    return path


@pytest.fixture
def sqlite_ledger_url(sqlite_template: Path, tmp_path: Path) -> str:
    """The URL of a migrated, empty ledger on SQLite."""
    path = tmp_path / "ledger.db"
    shutil.copyfile(sqlite_template, path)
    return f"sqlite:///{path}"


# --- both databases -----------------------------------------------------------------


@pytest.fixture(params=["sqlite", "postgresql"])
def ledger_url(request: pytest.FixtureRequest) -> str:
    """A migrated, empty ledger's URL: each test runs on both databases."""
    name = {"sqlite": "sqlite_ledger_url", "postgresql": "postgres_ledger_url"}
    return str(request.getfixturevalue(name[request.param]))


@pytest.fixture
def engine(ledger_url: str) -> Iterator[Engine]:
    """A migrated, empty ledger: each test runs on both databases."""
    engine = open_ledger(ledger_url)
    yield engine
    engine.dispose()


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a database without any table, of both kinds."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'empty.db'}"
    return str(request.getfixturevalue("postgres_empty_url"))


# --- Valkey -------------------------------------------------------------------------


@pytest.fixture(scope="session")
def valkey_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a Valkey server for the tests, which writes nothing to disk."""
    with valkey_server(tmp_path_factory.mktemp("valkey")) as url:
        yield url


@pytest.fixture
def home(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    valkey_url: str,
    sqlite_template: Path,
) -> Home:
    """A folder with accounts and an empty ledger, and commands that are run in it."""
    made = make_home(tmp_path, monkeypatch, capsys, valkey_url)
    (tmp_path / ".rescind").mkdir(mode=0o700)
    shutil.copyfile(sqlite_template, tmp_path / ".rescind" / "ledger.db")
    return made


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[LaterProgram]:
    """Makes this program one that has migrations more."""
    yield LaterProgram(tmp_path, monkeypatch)
    monkeypatch.undo()
    schema_versions.known.cache_clear()
