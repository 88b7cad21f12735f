"""Redis scripts that move intake messages between lists, also in a full Redis.

Each script removes a message before it adds it elsewhere. Redis at ``maxmemory``
refuses every command that adds data, but lets a script continue after its first write.
So these scripts can drain a full Redis.
"""

from __future__ import annotations

from typing import Any

from rescind.config.queues import INTAKE, TAKING

MOVE = """
local found = redis.call('RPOP', KEYS[1])
if found then redis.call('LPUSH', KEYS[2], found) end
return found
"""
"""Moves the oldest message of one list to the newest end of the other."""

NOTE = """
redis.call('LREM', KEYS[1], 1, ARGV[3])
redis.call('HSET', KEYS[2], ARGV[1], ARGV[3])
redis.call('ZADD', KEYS[3], ARGV[2], ARGV[1])
"""
"""Moves a message from ``TAKING`` to the unacknowledged ones, under its tag."""

RESTORE = """
local found = redis.call('HGET', KEYS[1], ARGV[1])
redis.call('HDEL', KEYS[1], ARGV[1])
redis.call('ZREM', KEYS[2], ARGV[1])
if found then redis.call('LPUSH', KEYS[3], found) end
"""
"""Moves an unacknowledged message back to the end of its queue."""

PUT_BACK = """
local left = redis.call('LREM', KEYS[1], 1, ARGV[1])
if left > 0 then redis.call('RPUSH', KEYS[2], ARGV[1]) end
return left
"""
"""Moves an abandoned message from ``TAKING`` to the front of its queue."""

GIVE_BACK = """
redis.call('LREM', KEYS[1], 1, ARGV[1])
redis.call('LPUSH', KEYS[2], ARGV[1])
"""
"""Moves a rejected message from ``TAKING`` back to the end of its queue."""


def move(client: Any, source: str, target: str) -> Any:
    """Move one message; gives back the message, or nothing if the list is empty."""
    return client.eval(MOVE, 2, source, target)


def note(client: Any, keys: tuple[str, str], tag: str, since: float, item: Any) -> None:
    """Record a held message; ``keys`` are the unacknowledged hash and its index."""
    client.eval(NOTE, 3, TAKING, *keys, tag, since, item)


def restore(client: Any, keys: tuple[str, str], tag: Any) -> None:
    client.eval(RESTORE, 3, *keys, INTAKE, tag)


def put_back(client: Any, item: Any) -> bool:
    """Requeue an abandoned message; whether it was still in ``TAKING``."""
    return bool(client.eval(PUT_BACK, 2, TAKING, INTAKE, item))


def give_back(client: Any, item: Any) -> None:
    client.eval(GIVE_BACK, 2, TAKING, INTAKE, item)
