"""Gathers the content of Redis, the ledger and all files."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import redis
from sqlalchemy import Engine, inspect, text

from rescind.ledger.storage.transactions import open_ledger
from tests.canary.world import World

ON_PURPOSE = {
    "accounts.toml",
    "cancellations.jsonl",
    "password",
    "refunds.jsonl",
    "running.json",
    "schedules.toml",
    "seal.key",
    "secret",
    "valkey.conf",
}
"""Files that must hold secrets, and that only their owner may read."""


def from_redis(world: World) -> None:
    """Gather every value, and a newly written dump and append-only file."""
    with redis.Redis.from_url(world.system.redis_url) as client:
        # The search cannot read compressed texts.
        client.config_set("rdbcompression", "no")
        keys = client.keys("*")
        world.seen["redis, key by key"] = b"\n".join(
            part for key in keys for part in (key, client.dump(key) or b"")
        )
        client.bgrewriteaof()
        world.until(lambda: not _busy(client), "the log")
        client.bgsave()
        world.until(lambda: not _busy(client), "the dump")
    for path in (world.home / "valkey").rglob("*"):
        if path.is_file() and path.name not in ON_PURPOSE:
            world.seen[f"redis {path.name}"] = path.read_bytes()


def _busy(client: redis.Redis) -> bool:
    info: Mapping[str, Any] = client.info("persistence")
    names = (
        "aof_rewrite_in_progress",
        "aof_rewrite_scheduled",
        "rdb_bgsave_in_progress",
    )
    return any(int(info[name]) for name in names)


def from_ledger(world: World) -> None:
    """Gather every row, and the files of the open database."""
    engine = open_ledger(world.system.settings.database)
    world.seen["ledger, row by row"] = _rows(engine)
    engine.dispose()
    for path in world.home.glob("ledger.db*"):
        world.seen[f"{path.name} at work"] = path.read_bytes()


def _rows(engine: Engine) -> bytes:
    parts = []
    with engine.connect() as connection:
        for table in inspect(connection).get_table_names():
            found = connection.execute(text(f'SELECT * FROM "{table}"'))
            parts += [repr(tuple(row)) for row in found]
    return "\n".join(parts).encode("utf-8", "backslashreplace")


def from_files(world: World) -> None:
    """Gather the files after the system has ended."""
    for path in world.home.rglob("*"):
        if path.is_file() and path.name not in ON_PURPOSE:
            name = f"file {path.relative_to(world.home)}"
            world.seen.setdefault(name, path.read_bytes())
