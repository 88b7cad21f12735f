"""The way ``pgbouncer``: every process reaches PostgreSQL through a pooler."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from chaos.databases import Database, Postgres
from chaos.fault_schedule import PlannedFault
from chaos.pgbouncer import PgBouncer
from chaos.scales import Scale
from chaos.way import Means, Way

SESSIONS = 6
"""Fewer than the connections of two workers, so that they take turns."""
KILL, HANG = "kill pooler", "pooler hangs"


class PooledPostgres(Database):
    """A PostgreSQL behind PgBouncer in transaction mode."""

    def __init__(self) -> None:
        self._behind = Postgres()
        try:
            self.pooler = PgBouncer(self._behind.url, SESSIONS)
        except BaseException:
            self._behind.close()
            raise
        self.url = self.pooler.url

    def go_away(self, seconds: float) -> None:
        self._behind.go_away(seconds)

    def restart(self) -> None:
        self._behind.restart()

    def refuse_writes(self, seconds: float) -> None:
        self._behind.refuse_writes(seconds)

    def fail_over(self, seconds: float) -> None:
        self._behind.fail_over(seconds)

    def close(self) -> None:
        self.pooler.close()
        self._behind.close()


class PgBouncerWay(Way):
    """PgBouncer dies and hangs, beside all faults of the usual way."""

    databases = ("postgresql",)
    waited_for = frozenset({HANG})

    def database(self, kind: str, home: Path) -> Database:
        del kind, home
        return PooledPostgres()

    def faults(self, scale: Scale) -> list[PlannedFault]:
        at = scale.seconds
        kills = [PlannedFault(part * at, KILL) for part in (0.1, 0.38, 0.7, 0.9)]
        return [*kills, PlannedFault(0.25 * at, HANG, scale.refused)]

    def deals(self, means: Means) -> Mapping[str, Callable[[PlannedFault], None]]:
        def kill(_: PlannedFault) -> None:
            with means.outages.noted("pooler restarted"):
                _pooler(means).restart()

        def hang(fault: PlannedFault) -> None:
            with means.outages.noted("pooler hung"):
                _pooler(means).hang(fault.seconds)

        return {KILL: kill, HANG: hang}


def _pooler(means: Means) -> PgBouncer:
    database = means.system.database
    assert isinstance(database, PooledPostgres)  # noqa: S101  (this way's own)
    return database.pooler
