"""The dispatcher of task events for Flower: only the worker's loop sends them."""

from __future__ import annotations

from typing import Any

from celery.events.dispatcher import EventDispatcher

BUFFERED = 500
"""Task events that are gathered before a thread would send them itself. The loop sends
them each ``consumer.EVENTS_SECONDS``, so no thread of the pool waits for Redis."""


class Dispatcher(EventDispatcher):
    """Celery uses this class because the consumer sets ``Events.dispatcher_cls``."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **{"buffer_limit": BUFFERED, **kwargs})

    def send(self, *args: Any, **kwargs: Any) -> Any:
        """Send an event now or later, without a retry.

        Celery retries a heartbeat until it arrives. While Redis does not answer, that
        would block the loop, and with it the worker's shutdown.
        """
        return super().send(*args, **{**kwargs, "retry": False})
