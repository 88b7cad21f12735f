"""Moving messages between the lists of the intake queue, whatever Redis has room for.

Each script takes a message out before it puts it in elsewhere. Redis at ``maxmemory``
refuses every command that adds; but a script that has begun to write may go on. So a
full Redis can be drained.
"""

from __future__ import annotations

from typing import Any

from rescind.config.queues import INTAKE, TAKING

MOVE = """
local found = redis.call('RPOP', KEYS[1])
if found then redis.call('LPUSH', KEYS[2], found) end
return found
"""
"""The oldest of one list becomes the newest of the other."""

NOTE = """
redis.call('LREM', KEYS[1], 1, ARGV[3])
redis.call('HSET', KEYS[2], ARGV[1], ARGV[3])
redis.call('ZADD', KEYS[3], ARGV[2], ARGV[1])
"""
"""One that was on its way is noted by its tag."""

RESTORE = """
local found = redis.call('HGET', KEYS[1], ARGV[1])
redis.call('HDEL', KEYS[1], ARGV[1])
redis.call('ZREM', KEYS[2], ARGV[1])
if found then redis.call('LPUSH', KEYS[3], found) end
"""
"""One that is noted goes back to the end of its queue."""

PUT_BACK = """
local left = redis.call('LREM', KEYS[1], 1, ARGV[1])
if left > 0 then redis.call('RPUSH', KEYS[2], ARGV[1]) end
return left
"""
"""One that was left on its way is the next of its queue."""

GIVE_BACK = """
redis.call('LREM', KEYS[1], 1, ARGV[1])
redis.call('LPUSH', KEYS[2], ARGV[1])
"""
"""One that its worker does not want goes back to the end of its queue."""


def move(client: Any, source: str, target: str) -> Any:
    """What was moved, or nothing."""
    return client.eval(MOVE, 2, source, target)


def note(client: Any, keys: tuple[str, str], tag: str, since: float, item: Any) -> None:
    """``keys`` are those of what is noted and of its index by time."""
    client.eval(NOTE, 3, TAKING, *keys, tag, since, item)


def restore(client: Any, keys: tuple[str, str], tag: Any) -> None:
    client.eval(RESTORE, 3, *keys, INTAKE, tag)


def put_back(client: Any, item: Any) -> bool:
    """Whether it was still there."""
    return bool(client.eval(PUT_BACK, 2, TAKING, INTAKE, item))


def give_back(client: Any, item: Any) -> None:
    client.eval(GIVE_BACK, 2, TAKING, INTAKE, item)
