"""The services that all contenders use: one Valkey, two databases, a provider.

They run on loopback, for this run only.
"""

from __future__ import annotations

import shutil
import sqlite3
import sys
import tempfile
from contextlib import ExitStack, closing
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any, Self

import requests
from redis import Redis
from sqlalchemy import create_engine, make_url, text

from bench.processes import Talking
from chaos.databases import Postgres
from rescind.system.embedded_redis import EmbeddedRedis

DATABASES = ("sqlite", "postgresql")


class Provider:
    """A client of ``bench.stub_provider``, which it starts."""

    def __init__(self) -> None:
        command = (sys.executable, "-u", "-m", "bench.stub_provider")
        self._process = Talking(command, {})
        self.url = self._process.first
        self._session = requests.Session()
        self._session.trust_env = False

    def reset(self, latency: float = 0.0, settle: float = 0.0) -> None:
        self._ask("reset", latency=latency, settle=settle)

    def orders(self) -> int:
        """The number of different orders in its cancel calls."""
        return int(self._ask("seen")["orders"])

    def counts(self) -> dict[str, int]:
        """Calls by ``provider.operation``."""
        return dict(self._ask("seen")["calls"])

    def calls(self) -> list[tuple[str, str, float, list[str]]]:
        """Each call: provider, operation, arrival (Unix time), and the orders in it."""
        return [tuple(one) for one in self._ask("calls")]

    def came(self, order: str) -> float:
        """Wait for the order's cancel call. Returns its arrival, as Unix time."""
        return float(self._ask("wait", order=order)["at"])

    def close(self) -> None:
        self._session.close()
        self._process.end()

    def _ask(self, what: str, **query: Any) -> Any:
        reply = self._session.get(f"{self.url}/_bench/{what}", params=query, timeout=60)
        return reply.json()


@dataclass(frozen=True, slots=True)
class Stage:
    """An empty database, an empty broker, and a provider with its counts at zero."""

    home: Path
    kind: str
    redis_url: str
    database_url: str
    provider: Provider
    server: Postgres | None = None
    """The server of the database. ``None`` if the database is a file."""

    def redis(self) -> Redis:
        return Redis.from_url(self.redis_url)

    @property
    def log(self) -> Path | None:
        """PostgreSQL's log. It holds statements after ``log_statements``."""
        return self.server.log if self.server else None

    def log_statements(self) -> None:
        """Make PostgreSQL log each statement of connections that open from now on."""
        run(self.database_url, f"ALTER DATABASE {self._name} SET log_statement = 'all'")

    def connections(self) -> int:
        """The number of connections of the database now; 0 for SQLite."""
        if self.server is None:
            return 0
        its = f"SELECT count(*) FROM pg_stat_activity WHERE datname = '{self._name}'"
        # A query from another database does not count itself.
        [(found,)] = run(self.server.url, its)
        return int(found)

    @property
    def _name(self) -> str:
        return str(make_url(self.database_url).database)


class Services:
    """The services that start once for a run."""

    def __init__(self) -> None:
        self._cleanup = ExitStack()
        self._numbers = count(1)
        self._postgres: Postgres | None = None

    provider: Provider

    def __enter__(self) -> Self:
        self.home = Path(tempfile.mkdtemp(prefix="rescind-bench-"))
        self._cleanup.callback(shutil.rmtree, self.home, ignore_errors=True)
        self._redis = self._cleanup.enter_context(EmbeddedRedis(self.home))
        self.provider = Provider()
        self._cleanup.callback(self.provider.close)
        return self

    def __exit__(self, *_: object) -> None:
        self._cleanup.close()

    def stage(
        self, kind: str, *, latency: float = 0.0, settle: float = 0.0, redis: int = 0
    ) -> Stage:
        """An empty stage. ``redis``: the number of the broker's database."""
        self.provider.reset(latency, settle)
        number = next(self._numbers)
        home = self.home / f"stage-{number}"
        home.mkdir()
        url = self._redis.url.removesuffix("/0") + f"/{redis}"
        with Redis.from_url(url) as client:
            client.flushdb()
        database = self._database(kind, home, f"bench_{number}")
        server = self._postgres if kind == "postgresql" else None
        return Stage(home, kind, url, database, self.provider, server)

    def _database(self, kind: str, home: Path, name: str) -> str:
        if kind == "sqlite":
            path = home / "bench.db"
            with closing(sqlite3.connect(path)) as made:
                made.execute("PRAGMA journal_mode=WAL")
            return f"sqlite:///{path}"
        server = self._server().url
        run(server, f"CREATE DATABASE {name}")
        found = make_url(server).set(database=name)
        return found.render_as_string(hide_password=False)

    def _server(self) -> Postgres:
        if self._postgres is None:
            self._postgres = Postgres()
            self._cleanup.callback(self._postgres.close)
        return self._postgres


def run(url: str, *statements: str) -> list[Any]:
    """Run statements, each in its own transaction. Returns the rows of the last one."""
    engine = create_engine(url, isolation_level="AUTOCOMMIT")
    rows: list[Any] = []
    try:
        with engine.connect() as connection:
            for statement in statements:
                result = connection.execute(text(statement))
                rows = list(result) if result.returns_rows else []
    finally:
        engine.dispose()
    return rows
