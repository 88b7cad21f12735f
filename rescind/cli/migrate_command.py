"""``rescind migrate``: expands the ledger's tables, and contracts them at the end."""

from __future__ import annotations

from redis import RedisError
from sqlalchemy import Engine

from rescind.cli import output
from rescind.cli.connections import need_redis
from rescind.config.ledger_url import open_engine
from rescind.config.redis_client import redis_client
from rescind.config.settings import settings
from rescind.config.times import utc_now
from rescind.errors.exit_statuses import UNREACHABLE
from rescind.errors.reported import CommandError
from rescind.ledger.storage.migrate import Objection, upgrade
from rescind.ledger.storage.unreachable import shown
from rescind.telemetry.former_processes import objection


def migrate(*, finish: bool) -> None:
    engine = open_engine(settings())
    left = upgrade(engine, _former_processes if finish else None)
    output.emit(_sentence(engine, left))


def _former_processes(revision: str) -> str | None:
    """Why this migration may not be applied now. Redis is needed for nothing else."""
    chosen = settings()
    if chosen.embedded_redis and chosen.embedded_database and not _is_up():
        return None  # no process of another machine can use such a ledger
    need_redis()
    try:
        said: Objection = objection(redis_client(chosen.redis), utc_now)
        return said(revision)
    except RedisError as error:
        says = f"Redis does not say which processes run: {error}"
        raise CommandError(says, UNREACHABLE, problem="redis-unreachable") from None


def _is_up() -> bool:
    """Whether `rescind up` runs here."""
    from rescind.config.home import running

    return running(settings().home) is not None


def _sentence(engine: Engine, left: list[str]) -> str:
    if not left:
        return f"the ledger {shown(engine)} is up to date"
    return (
        f"the ledger {shown(engine)} serves this version and the one before. Left for"
        " `rescind migrate --finish`, when no process of an older version runs:"
        f" {', '.join(left)}"
    )
