"""A channel that closes at once, and that no odd message stops."""

from __future__ import annotations

from queue import Empty
from typing import Any

import structlog
from kombu.transport import redis

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


class RedisChannel(redis.Channel):
    """Closes at once, however its connection is; what is no message stops nobody."""

    _in_poll: Any = None

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
        """Nothing is acknowledged or given back through this channel any more."""
        self.do_restore = False
        self.qos.ack = self.qos.reject = _nothing

    def close(self) -> None:
        if self._in_poll:
            # Kombu would wait for what this brings. A wake-up more or less is nothing,
            # and a submission is on its list, where others find it.
            self._in_poll.disconnect()
            self._in_poll = None
        try:
            super().close()
        except self.connection_errors as error:
            # What it could not give back goes to others when its time is over.
            log.debug("nothing given back", kind=type(error).__name__)


def _nothing(_tag: str, requeue: bool = False) -> None:
    del requeue
