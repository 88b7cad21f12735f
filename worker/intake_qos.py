"""What a worker holds of the intake queue, and what Redis knows of it.

A message that was taken is on a list in Redis, ``TAKING``. Most are acknowledged a
moment later and leave the list by it. One that is held for longer is noted as
unacknowledged: its worker may be killed, and whoever looks later finds it there.

Acknowledgements cost no round trip each: they are gathered, and ``settle`` sends all
of them at once. Everything here runs in the thread of Celery's event loop. The pool's
threads hand their acknowledgements to that loop (``Hub.call_soon``), which wakes it.
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
"""So long a message may be held without being noted: much less than it takes to be
found left behind."""
WAITING_SECONDS = 580
"""So much longer where its producer asked for a delay: Celery's own ten minutes."""
GATHERED = 200
"""Messages of each priority that one look brings to the intake queue."""
MOST_POSTPONED = 1000
"""Messages that wait for their ``eta`` in a worker and keep no other one out. A single
one may come to many: it is delivered anew each ten minutes."""


@dataclass(slots=True)
class Held:
    """A message that this worker has, as it came."""

    arrived: bytes
    at: float
    waits: float
    noted: bool = False


class IntakeQoS(redis.QoS):
    """Counts what is held, acknowledges it, and finds what others left behind."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._held: dict[str, Held] = {}
        """By tags, the oldest first."""
        self._postponed: set[str] = set()
        """The tags of those that wait for their ``eta``."""
        self._done: deque[tuple[str, Held, bool]] = deque()
        """What was acknowledged or, if true, is to be given back."""
        self._seen: frozenset[bytes] = frozenset()
        self._over = False

    @property
    def postponed(self) -> int:
        """How many wait for their ``eta``: no thread is at them."""
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
            # It was given to others, since it took too long.
            return
        self._done.append((tag, held, requeue))
        if not self.channel.connection.cycle.is_in_loop:
            self.settle()

    def settle(self) -> None:
        """Tell Redis all that has ended since the last time, in one round trip."""
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
                # In this order: what is in the index alone is cleared away later.
                pipe.hdel(self.unacked_key, *noted)
                pipe.zrem(self.unacked_index_key, *noted)
            pipe.execute()

    def _give_back(self, pipe: Any, tag: str, held: Held) -> None:
        # Kombu would send it where its producer's exchange and routing key point,
        # which need be nowhere, or everywhere.
        if held.noted:
            scripts.restore(pipe, self._keys, tag)
        else:
            scripts.give_back(pipe, held.arrived)

    @property
    def _keys(self) -> tuple[str, str]:
        return self.unacked_key, self.unacked_index_key

    def note(self, moment: float = MOMENT_SECONDS) -> None:
        """Write down what has been held for longer than a moment."""
        until = time() - moment
        those = [
            (tag, held)
            for tag, held in list(self._held.items())
            if held.at <= until and not held.noted
        ]
        if not those:
            return
        with self.channel.conn_or_acquire() as client, client.pipeline(False) as pipe:
            for tag, held in those:
                since = held.at + held.waits
                scripts.note(pipe, self._keys, tag, since, held.arrived)
            pipe.execute()
        for _, held in those:
            held.noted = True

    def restore_unacked_once(self, stderr: Any = None) -> None:
        """Give back what is held when the channel is closed."""
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
        """Give to others what was held for too long, or left behind on its way.

        Kombu does this under a lock, which a worker that is killed leaves behind. Two
        at once are harmless here: each step is one script, and duplicates are no
        matter.
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
                # Others have it. It takes no place of this worker's any more.
                self._drop(tag)

    def restore_by_tag(
        self, tag: Any, client: Any = None, leftmost: bool = False
    ) -> None:
        """Put a message that is noted back to the end of its queue, as it came."""
        del leftmost
        with self.channel.conn_or_acquire(client) as connection:
            scripts.restore(connection, self._keys, tag)

    def _put_back(self, client: Any) -> None:
        """What has been on its way since we last looked, some seconds ago."""
        taking = frozenset(client.lrange(TAKING, 0, -1))
        for left_behind in taking & self._seen:
            if scripts.put_back(client, left_behind):
                log.warning("a submission was left behind on its way: queued again")
        self._seen = taking

    def _gather(self, client: Any) -> None:
        """A message that was sent with a priority lies in a list of its own."""
        for step in self.channel.priority_steps[1:]:
            other = self.channel._q_for_pri(INTAKE, step)
            for _ in range(GATHERED):
                if not scripts.move(client, other, INTAKE):
                    break


def _waits(message: Any) -> float:
    """One with an ``eta`` is kept by a worker on purpose, and not for all to keep."""
    return WAITING_SECONDS if (message.headers or {}).get("eta") else 0.0
