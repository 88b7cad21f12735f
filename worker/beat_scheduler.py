"""Beat's scheduler, which sleeps until an entry is due."""

from __future__ import annotations

from typing import Any

import structlog
from celery.beat import PersistentScheduler
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError, ResponseError

from rescind.errors.redis_refusals import refusal

log = structlog.get_logger("rescind.beat")


class Scheduler(PersistentScheduler):
    """Celery's own, without its unrest before each message, and with plain logs.

    That one wakes 10 ms too early, and then looks at its entries again and again until
    one is due: 50 times for each message, and most of the processor time of a beat.
    """

    _why = ""
    """Why the last message could not be sent; empty if it was."""

    def adjust(self, n: float | None, drift: float = 0.0) -> float | None:
        """The seconds to sleep, if an entry is due in ``n``."""
        return n if n is None else n + drift

    def send_task(self, *args: Any, **kwargs: Any) -> Any:
        """Send a message; if Redis does not take it, log why, once.

        Celery's own logs two tracebacks for each message that it cannot send, so each
        second while Redis is full. A tick that is lost does no harm: the next one does
        the same.
        """
        try:
            sent = super().send_task(*args, **kwargs)
        except (OperationalError, RedisError, OSError) as error:
            self._note(_reason(error))
            return None
        self._note("")
        return sent

    def _note(self, why: str) -> None:
        if why and why != self._why:
            log.warning("beat cannot send its messages", why=why)
        elif self._why and not why:
            log.info("beat sends its messages again")
        self._why = why


def _reason(error: Exception) -> str:
    if isinstance(error, ResponseError):
        # Redis' own text can begin with the command.
        return refusal(error)
    return f"{type(error).__name__}: {error}"
