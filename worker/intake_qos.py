"""Tracks the intake messages that a worker holds, in the process and in Redis.

A message that a worker has taken is on the Redis list ``TAKING``. Most messages are
acknowledged within ``MOMENT_SECONDS`` and leave the list then. A message that is held
for longer is recorded in Redis as unacknowledged, so that other workers find it if its
worker is killed.

Acknowledgements are gathered, and ``settle`` sends all of them in one round trip. All
code here runs in the thread of Celery's event loop. The pool's threads hand their
acknowledgements to the loop with ``Hub.call_soon``, which ends the loop's wait.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from time import time
from typing import Any

import structlog
from kombu.transport import redis

from rescind.config.queues import INTAKE, TAKING
from worker import intake_scripts as scripts

log = structlog.get_logger("rescind.transport")

MOMENT_SECONDS = 0.5
"""How long a message may be held without a record in Redis: much less than the time
after which others take it for abandoned."""
WAITING_SECONDS = 580
"""How much longer a message with an ``eta`` may be held: with ``VISIBILITY_SECONDS``,
Celery's own ten minutes."""
GATHERED = 200
"""Messages of each priority that one pass moves to the intake queue."""
MOST_POSTPONED = 1000
"""Messages that may wait for their ``eta`` in a worker without using up its prefetch
count. One message may count several times: it is delivered again each ten minutes."""


@dataclass(slots=True)
class Held:
    """A message that this worker holds, in the bytes in which it came."""

    arrived: bytes
    at: float
    waits: float
    noted: bool = False


class IntakeQoS(redis.QoS):
    """Counts and acknowledges held messages, and requeues abandoned ones."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._held: dict[str, Held] = {}
        """Held messages by delivery tag, the oldest first."""
        self._postponed: set[str] = set()
        """The tags of messages that wait for their ``eta``."""
        self._done: deque[tuple[str, Held, bool]] = deque()
        """Messages to be acknowledged or, if the flag is true, to be requeued."""
        self._seen: frozenset[bytes] = frozenset()
        self._over = False

    @property
    def postponed(self) -> int:
        """How many messages wait for their ``eta``, and so need no thread now."""
        return min(len(self._postponed), MOST_POSTPONED)

    def can_consume(self) -> bool:
        held = len(self._held) - self.postponed
        return not self.prefetch_count or held < self.prefetch_count

    def append(self, message: Any, delivery_tag: str) -> None:
        held = Held(self.channel.arrived, time(), _waits(message))
        self._held[delivery_tag] = held
        if held.waits:
            self._postponed.add(delivery_tag)

    def ack(self, delivery_tag: str) -> None:
        self._end(delivery_tag, requeue=False)

    def reject(self, delivery_tag: str, requeue: bool = False) -> None:
        self._end(delivery_tag, requeue=requeue)

    def _drop(self, tag: str) -> Held | None:
        self._postponed.discard(tag)
        return self._held.pop(tag, None)

    def _end(self, tag: str, *, requeue: bool) -> None:
        held = self._drop(tag)
        if held is None:
            # It was held for too long, and has been delivered to other workers.
            return
        self._done.append((tag, held, requeue))
        if not self.channel.connection.cycle.is_in_loop:
            self.settle()

    def settle(self) -> None:
        """Send all gathered acknowledgements and rejections in one round trip."""
        if not self._done:
            return
        done = [self._done.popleft() for _ in range(len(self._done))]
        with (
            self.channel.conn_or_acquire() as client,
            client.pipeline(transaction=False) as pipe,
        ):
            for tag, held, requeue in done:
                if requeue:
                    self._give_back(pipe, tag, held)
                elif not held.noted:
                    pipe.lrem(TAKING, 1, held.arrived)
            if noted := [tag for tag, held, back in done if held.noted and not back]:
                # In this order: an entry that is only in the index is removed later.
                pipe.hdel(self.unacked_key, *noted)
                pipe.zrem(self.unacked_index_key, *noted)
            pipe.execute()

    def _give_back(self, pipe: Any, tag: str, held: Held) -> None:
        # Kombu would route it by the producer's exchange and routing key, which may
        # lead to no queue, or to several.
        if held.noted:
            scripts.restore(pipe, self._keys, tag)
        else:
            scripts.give_back(pipe, held.arrived)

    @property
    def _keys(self) -> tuple[str, str]:
        return self.unacked_key, self.unacked_index_key

    def note(self, moment: float = MOMENT_SECONDS) -> None:
        """Record in Redis the messages held for longer than ``moment`` seconds."""
        until = time() - moment
        unrecorded = [
            (tag, held)
            for tag, held in list(self._held.items())
            if held.at <= until and not held.noted
        ]
        if not unrecorded:
            return
        with self.channel.conn_or_acquire() as client, client.pipeline(False) as pipe:
            for tag, held in unrecorded:
                since = held.at + held.waits
                scripts.note(pipe, self._keys, tag, since, held.arrived)
            pipe.execute()
        for _, held in unrecorded:
            held.noted = True

    def restore_unacked_once(self, stderr: Any = None) -> None:
        """Requeue all held messages, once, when the channel is closed."""
        del stderr
        self._on_collect.cancel()
        if self._over or not self.channel.do_restore:
            return
        self._over = True
        for tag in list(self._held):
            if held := self._drop(tag):
                self._done.append((tag, held, True))
        self.settle()

    def restore_visible(self, *args: Any, **kwargs: Any) -> None:
        """Requeue messages that were held for too long or abandoned in ``TAKING``.

        Kombu does this under a lock, which stays locked if its worker is killed. Here
        two workers may do it at once: each step is one script, and duplicates are
        harmless.
        """
        del args, kwargs
        until = time() - self.channel.visibility_timeout
        with self.channel.conn_or_acquire() as client:
            overdue = client.zrange(self.unacked_index_key, 0, until, byscore=True)
            for tag in overdue:
                self.restore_by_tag(tag, client)
            self._put_back(client)
            self._gather(client)
        for tag, held in list(self._held.items()):
            if held.at + held.waits <= until:
                # Other workers have it. It no longer counts as prefetched here.
                self._drop(tag)

    def restore_by_tag(
        self, tag: Any, client: Any = None, leftmost: bool = False
    ) -> None:
        """Put a recorded message back at the end of its queue, unchanged."""
        del leftmost
        with self.channel.conn_or_acquire(client) as connection:
            scripts.restore(connection, self._keys, tag)

    def _put_back(self, client: Any) -> None:
        """Requeue messages that were in ``TAKING`` at the last check, too, 5 s ago."""
        taking = frozenset(client.lrange(TAKING, 0, -1))
        for left_behind in taking & self._seen:
            if scripts.put_back(client, left_behind):
                log.warning("a submission was abandoned by its worker: queued again")
        self._seen = taking

    def _gather(self, client: Any) -> None:
        """Move messages with a priority, which Kombu keeps in lists of their own."""
        for step in self.channel.priority_steps[1:]:
            other = self.channel._q_for_pri(INTAKE, step)
            for _ in range(GATHERED):
                if not scripts.move(client, other, INTAKE):
                    break


def _waits(message: Any) -> float:
    """Extra seconds for a message with an ``eta``, which a worker holds on purpose."""
    return WAITING_SECONDS if (message.headers or {}).get("eta") else 0.0
