"""The base of both Redis channels: survives malformed messages and lost connections."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from queue import Empty
from time import monotonic
from typing import Any

import structlog
from kombu.transport import redis
from redis import Connection as RedisConnection
from redis.exceptions import ResponseError

from rescind.config.redis_client import Connection, SSLConnection
from rescind.config.sentinel_client import (
    SentinelConnection,
    SentinelSSLConnection,
    master_pool,
)
from rescind.errors.redis_refusals import is_full
from worker import celery_internals

celery_internals.check(celery_internals.TRANSPORT)

log = structlog.get_logger("rescind.transport")

MALFORMED_ERRORS = (
    TypeError,
    ValueError,
    LookupError,
    AttributeError,
    ArithmeticError,
    RecursionError,
)
"""The errors that Kombu and Celery raise for a malformed message."""
OVERDUE_SECONDS = 60
"""A notification unacknowledged for so long no longer counts as prefetched."""


class LocalQoS(redis.QoS):
    """Counts the unacknowledged notifications, in this process only.

    Kombu keeps each in Redis until it is acknowledged, with eight commands a message.
    The sweep replaces a lost notification, so Redis need not keep it.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._since: dict[str, float] = {}
        """When each message came, by its tag. Any thread may remove one."""

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
        """Stop counting notifications whose tasks ended without an acknowledgement.

        Celery 5.7 does not acknowledge a task in its thread pool that raises a
        ``MemoryError``, for example. Without this it would count as prefetched for
        ever.
        """
        del args, kwargs
        before = monotonic() - OVERDUE_SECONDS
        for tag, since in list(self._since.items()):
            if since < before:
                self._since.pop(tag, None)
                log.warning(
                    "a notification was not acknowledged", seconds=OVERDUE_SECONDS
                )

    def restore_unacked_once(self, stderr: Any = None) -> None:
        del stderr
        self._on_collect.cancel()
        self._since.clear()


class RedisChannel(redis.Channel):
    """Drops malformed messages, and closes at once even if its connection is lost."""

    QoS = LocalQoS
    connection_class: type[RedisConnection] = Connection
    connection_class_ssl: type[RedisConnection] = SSLConnection
    keyprefix_fanout: str
    _in_poll: Any = None
    from_transport_options = (
        *redis.Channel.from_transport_options,
        *("master_name", "sentinels", "sentinel_kwargs"),
    )
    master_name: str | None = None
    """The name that the Sentinels give the master; ``None`` without Sentinels."""
    sentinels: Sequence[tuple[str, int]] = ()
    sentinel_kwargs: Mapping[str, Any] = {}

    def _get_pool(self, asynchronous: bool = False) -> Any:
        if self.master_name is None:
            return super()._get_pool(asynchronous)
        self.connection_class = SentinelConnection
        self.connection_class_ssl = SentinelSSLConnection
        params = self._connparams(asynchronous)
        for name in ("host", "port"):
            params.pop(name, None)
        self.keyprefix_fanout = self.keyprefix_fanout.format(db=params["db"])
        known = (self.sentinels, self.master_name, self.sentinel_kwargs)
        return master_pool(*known, **params)

    def _queue_bind(self, *args: Any, **kwargs: Any) -> None:
        try:
            super()._queue_bind(*args, **kwargs)
        except ResponseError as error:
            # Producers make their own bindings, and a worker's bindings route nothing.
            # If a worker needed them, it could not start while Redis is full.
            if not is_full(error):
                raise
            log.debug("no queue was bound: Redis is full")

    def _brpop_read(self, **options: Any) -> bool:
        try:
            return self._take(**options)
        except MALFORMED_ERRORS as error:
            kind = type(error).__name__
            # Without the error's text, which may quote the message.
            log.error("a malformed message was dropped", kind=kind)  # noqa: TRY400
            raise Empty from None

    def _take(self, **options: Any) -> bool:
        return bool(super()._brpop_read(**options))

    def stop_acknowledging(self) -> None:
        """From now on, neither acknowledge nor requeue through this channel."""
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
            # A message that this request still brings would be lost or late.
            self.stop_asking()
        return cancelled

    def stop_asking(self) -> None:
        """Close the connection on which a request waits for a message.

        Redis then forgets the request. Kombu would wait for its answer. A lost
        notification does no harm, and a submission is on the list ``TAKING``, where
        other workers find it.
        """
        if self._in_poll:
            self._in_poll.disconnect()
            self._in_poll = None

    def close(self) -> None:
        self.stop_asking()
        try:
            # Kombu does this only after it has closed the connections.
            self.qos.restore_unacked_once()
        except self.connection_errors as error:
            # The messages go to other workers after their visibility timeout.
            log.debug("messages not requeued", kind=type(error).__name__)
        try:
            super().close()
        except self.connection_errors as error:
            log.debug("channel not closed cleanly", kind=type(error).__name__)
            # Closing deletes only these queues in Redis, and they expire by themselves.
            self._fanout_queues.clear()
            super().close()
