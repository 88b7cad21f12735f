"""Taking submissions off Redis so that none can get lost on the way.

Celery's Redis transport pops a message first and notes that it has it afterwards: a
worker that is killed between the two, or a reply that never arrives (a half-open
connection), loses it (github.com/celery/kombu/issues/305). For wake-ups that does no
harm. A submission is nowhere else until it is in the ledger. So the intake queue has a
channel of its own here, which moves each message in one step to a list of those being
taken. Most are acknowledged a moment later, and leave that list by it. One that is
held for longer is noted as unacknowledged, and leaves the list in the same step.
Whoever finds one left behind there puts it back. Duplicates are harmless: intake is
idempotent.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from queue import Empty
from time import monotonic, time
from typing import Any

import structlog
from kombu.transport import redis
from kombu.utils.encoding import bytes_to_str
from kombu.utils.json import loads

from worker.broker import INTAKE, TAKING
from worker.redis_channel import ODD, RedisChannel

log = structlog.get_logger("rescind.transport")

MOMENT_SECONDS = 0.5
"""So long a message may be held without being noted, which Celery would have to wait
for before it hands it on: much less than it takes to be found left behind."""
VISIBILITY_SECONDS = 20
"""After so long a submission that a worker holds goes to another one, too."""
GATHERED = 200
"""Messages of each priority that one look brings to the intake queue."""
WAITING_SECONDS = 580
"""So much longer where its producer asked for a delay: Celery's own ten minutes."""
MOST_POSTPONED = 1000
"""Messages that wait for their ``eta`` in a worker and keep no other one out. A single
one may come to many: it is delivered anew each ten minutes."""


@dataclass(frozen=True, slots=True)
class _Fresh:
    """A message that was taken just now, as it came."""

    arrived: bytes
    at: float
    waits: float


class IntakeQoS(redis.QoS):
    """Notes what is unacknowledged, and finds what was left behind."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._seen: frozenset[bytes] = frozenset()
        self._fresh: dict[str, _Fresh] = {}
        """Messages by their tags, the oldest first, that are not noted yet."""
        self._postponed: set[str] = set()

    @property
    def postponed(self) -> int:
        """How many wait for their ``eta``: no child is at them."""
        return min(len(self._postponed), MOST_POSTPONED)

    def can_consume(self) -> bool:
        held = len(self._delivered) - len(self._dirty) - self.postponed
        return not self.prefetch_count or held < self.prefetch_count

    def append(self, message: Any, delivery_tag: str) -> None:
        fresh = _Fresh(self.channel.arrived, time(), _waits(message))
        self._fresh[delivery_tag] = fresh
        if fresh.waits:
            self._postponed.add(delivery_tag)
        # What the Redis QoS adds to it is for later; the rest is in its own parent.
        super(redis.QoS, self).append(message, delivery_tag)

    def note(self) -> None:
        """Write down what has been held for longer than a moment."""
        until = time() - MOMENT_SECONDS
        held = {tag: one for tag, one in self._fresh.items() if one.at <= until}
        if not held:
            return
        with self.pipe_or_acquire() as pipe:
            for tag, one in held.items():
                pipe.zadd(self.unacked_index_key, {tag: one.at + one.waits})
                pipe.hset(self.unacked_key, tag, one.arrived)
                pipe.lrem(TAKING, 1, one.arrived)
            pipe.execute()
        for tag in held:
            del self._fresh[tag]

    def ack(self, delivery_tag: str) -> None:
        super().ack(delivery_tag)
        self._forget(delivery_tag)

    def reject(self, delivery_tag: str, requeue: bool = False) -> None:
        super().reject(delivery_tag, requeue)
        self._forget(delivery_tag)

    def _forget(self, delivery_tag: str) -> None:
        self._fresh.pop(delivery_tag, None)
        self._postponed.discard(delivery_tag)

    def _remove_from_indices(self, delivery_tag: str, pipe: Any = None) -> Any:
        fresh = self._fresh.get(delivery_tag)
        if fresh is None:
            return super()._remove_from_indices(delivery_tag, pipe)
        with self.pipe_or_acquire(pipe) as taken:
            return taken.lrem(TAKING, 1, fresh.arrived)

    def restore_visible(self, *args: Any, **kwargs: Any) -> None:
        """Give to others what was held for too long, or left behind on its way.

        Kombu does this under a lock, which a worker that is killed leaves behind. Two
        at once are harmless here: each step is a transaction, and duplicates are no
        matter.
        """
        del args, kwargs
        with self.channel.conn_or_acquire() as client:
            until = time() - self.channel.visibility_timeout
            held = client.zrange(self.unacked_index_key, 0, until, byscore=True)
            for tag in held:
                self.restore_by_tag(tag, client)
            self._put_back(client)
            self._gather(client)

    def restore_by_tag(
        self, tag: str, client: Any = None, leftmost: bool = False
    ) -> None:
        """Back to the end of its queue, as it came.

        Kombu would send it where its producer's exchange and routing key point, which
        need be nowhere, or everywhere.
        """
        del leftmost

        fresh = self._fresh.get(tag)

        def restore(pipe: Any) -> None:
            arrived = fresh.arrived if fresh else pipe.hget(self.unacked_key, tag)
            pipe.multi()
            self._remove_from_indices(tag, pipe)
            if arrived:
                pipe.lpush(INTAKE, arrived)

        with self.channel.conn_or_acquire(client) as connection:
            connection.transaction(restore, self.unacked_key)

    def _put_back(self, client: Any) -> None:
        """What has been on its way since we last looked, some seconds ago."""
        taking = frozenset(client.lrange(TAKING, 0, -1))
        for left_behind in taking & self._seen:
            pipe = client.pipeline()
            pipe.rpush(INTAKE, left_behind)
            pipe.lrem(TAKING, 1, left_behind)
            pipe.execute()
            log.warning("a submission was left behind on its way: queued again")
        self._seen = taking

    def _gather(self, client: Any) -> None:
        """A message that was sent with a priority lies in a list of its own."""
        for step in self.channel.priority_steps[1:]:
            other = self.channel._q_for_pri(INTAKE, step)
            for _ in range(GATHERED):
                if not client.lmove(other, INTAKE, "RIGHT", "LEFT"):
                    break


def _waits(message: Any) -> float:
    """One with an ``eta`` is kept by a worker on purpose, and not for all to keep."""
    return WAITING_SECONDS if (message.headers or {}).get("eta") else 0.0


class IntakeChannel(RedisChannel):
    """Consumes the intake queue, and nothing else."""

    QoS = IntakeQoS

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.visibility_timeout = VISIBILITY_SECONDS
        self.unacked_key = "rescind:unacked"
        self.unacked_index_key = "rescind:unacked_index"
        self.arrived = b""

    def _brpop_start(self, timeout: float | None = None) -> None:
        self._in_poll = self.client.connection
        self._brpop_sent_at = monotonic()
        seconds = self.brpop_timeout if timeout is None else timeout
        self._in_poll.send_command("BLMOVE", INTAKE, TAKING, "RIGHT", "LEFT", seconds)

    def _take(self, **options: Any) -> bool:
        connection = self.client.connection
        try:
            item = self.client.parse_response(connection, "BLMOVE", **options)
        except self.connection_errors:
            connection.disconnect()
            raise
        finally:
            self._in_poll = None
        if not item:
            raise Empty
        self.arrived = item
        try:
            message = loads(bytes_to_str(item))
            # Not the producer's own: two of one tag would stand for each other.
            message["properties"]["delivery_tag"] = str(uuid.uuid4())
            self.connection._deliver(message, INTAKE)
        except ODD:
            with self.conn_or_acquire() as client:
                client.lrem(TAKING, 1, item)
            raise
        return True
