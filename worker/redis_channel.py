"""Kombu's Redis channel, made safe: what both of our channels have in common."""

from __future__ import annotations

from queue import Empty
from time import monotonic
from typing import Any

import structlog
from kombu.transport import redis
from redis.exceptions import ResponseError

from rescind.config.redis_client import Connection, SSLConnection
from rescind.errors.redis_refusals import is_full
from worker import celery_internals

celery_internals.check(celery_internals.TRANSPORT)

log = structlog.get_logger("rescind.transport")

ODD = (
    TypeError,
    ValueError,
    LookupError,
    AttributeError,
    ArithmeticError,
    RecursionError,
)
"""What Kombu and Celery raise for a message of a shape that they did not expect."""
OVERDUE_SECONDS = 60
"""A wake-up that was not acknowledged for so long no longer counts as prefetched."""


class LocalQoS(redis.QoS):
    """Counts the wake-ups that are not acknowledged, in this process alone.

    Kombu keeps each in Redis until it is acknowledged: eight commands a message. The
    sweep sends another wake-up for one that is lost, so nothing is kept here.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._since: dict[str, float] = {}
        """When each came, by its tag. Any thread may take one out."""

    def can_consume(self) -> bool:
        return not self.prefetch_count or len(self._since) < self.prefetch_count

    def append(self, message: Any, delivery_tag: str) -> None:
        del message
        self._since[delivery_tag] = monotonic()

    def ack(self, delivery_tag: str) -> None:
        self._since.pop(delivery_tag, None)

    def reject(self, delivery_tag: str, requeue: bool = False) -> None:
        del requeue
        self._since.pop(delivery_tag, None)

    def restore_visible(self, *args: Any, **kwargs: Any) -> None:
        """Give up the places of wake-ups whose tasks ended without a word.

        Celery 5.7 does not acknowledge a task in its thread pool that raises a
        ``MemoryError``, for example. Without this its place would be taken for ever.
        """
        del args, kwargs
        before = monotonic() - OVERDUE_SECONDS
        for tag, since in list(self._since.items()):
            if since < before:
                self._since.pop(tag, None)
                log.warning("a wake-up was not acknowledged", seconds=OVERDUE_SECONDS)

    def restore_unacked_once(self, stderr: Any = None) -> None:
        del stderr
        self._on_collect.cancel()
        self._since.clear()


class RedisChannel(redis.Channel):
    """Closes at once, however its connection is; what is no message stops nobody."""

    QoS = LocalQoS
    connection_class = Connection
    connection_class_ssl = SSLConnection
    _in_poll: Any = None

    def _queue_bind(self, *args: Any, **kwargs: Any) -> None:
        try:
            super()._queue_bind(*args, **kwargs)
        except ResponseError as error:
            # Nothing is routed by a worker's own bindings: producers make theirs. A
            # worker that needed them could not start while Redis is full.
            if not is_full(error):
                raise
            log.debug("no queue was bound: Redis is full")

    def _brpop_read(self, **options: Any) -> bool:
        try:
            return self._take(**options)
        except ODD as error:
            kind = type(error).__name__
            # Without the error itself, whose text may be what must not show.
            log.error("no message, so it was dropped", kind=kind)  # noqa: TRY400
            raise Empty from None

    def _take(self, **options: Any) -> bool:
        return bool(super()._brpop_read(**options))

    def let_go(self) -> None:
        """Acknowledge nothing and give nothing back through this channel any more."""
        self.do_restore = False

    def basic_ack(self, delivery_tag: str, multiple: bool = False) -> None:
        if self.do_restore:
            super().basic_ack(delivery_tag, multiple)

    def basic_reject(self, delivery_tag: str, requeue: bool = False) -> None:
        if self.do_restore:
            super().basic_reject(delivery_tag, requeue)

    def basic_cancel(self, consumer_tag: str) -> Any:
        cancelled = super().basic_cancel(consumer_tag)
        if self.do_restore and not self.active_queues:
            # What it still brings would be lost, or late.
            self.stop_asking()
        return cancelled

    def stop_asking(self) -> None:
        """Drop the connection that waits for a message.

        Redis forgets the request. Kombu would wait for what it brings. A wake-up more
        or less is nothing, and a submission is on its list, where others find it.
        """
        if self._in_poll:
            self._in_poll.disconnect()
            self._in_poll = None

    def close(self) -> None:
        self.stop_asking()
        try:
            # Kombu does this when the connections are closed already.
            self.qos.restore_unacked_once()
        except self.connection_errors as error:
            # What it could not give back goes to others when its time is over.
            log.debug("nothing given back", kind=type(error).__name__)
        try:
            super().close()
        except self.connection_errors as error:
            log.debug("not closed in order", kind=type(error).__name__)
            # These alone are deleted in Redis. They expire.
            self._fanout_queues.clear()
            super().close()
