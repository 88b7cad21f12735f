"""Events for Flower, sent by the worker's loop alone and never waited for."""

from __future__ import annotations

from typing import Any

from celery.events.dispatcher import EventDispatcher

BUFFERED = 500
"""So many task events are gathered before a thread sends them itself. The loop sends
them each ``consumer.EVENTS_SECONDS``, so no thread of the pool ever waits for Redis."""


class Dispatcher(EventDispatcher):
    """``Events.dispatcher_cls`` says that it is used."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **{"buffer_limit": BUFFERED, **kwargs})

    def send(self, *args: Any, **kwargs: Any) -> Any:
        """Send it now or later, and once.

        Celery sends a heartbeat again until it arrives. While Redis does not answer
        that would keep the loop, and with it the end of the worker.
        """
        return super().send(*args, **{**kwargs, "retry": False})
