"""Receives the workers' ``task-received`` events."""

from __future__ import annotations

import threading
from typing import Any, Self

from celery import Celery

from tests.tasks.conftest import until


class EventListener:
    """``with EventListener(app) as listener:`` keeps every ``task-received`` event."""

    def __init__(self, app: Celery) -> None:
        self._app = app
        self._receiver: Any = None
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._all: list[dict[str, Any]] = []

    def received(self, name: str, args: str = "") -> int:
        """The number of tasks with this prefix and with ``args`` in the arguments."""
        return sum(
            one["name"].startswith(name) and args in one["args"] for one in self._all
        )

    def wait_for_sweeps(self, sweeps: int) -> None:
        """Wait until workers have received so many more sweeps."""
        enough = self.received("rescind.sweep") + sweeps
        until(lambda: self.received("rescind.sweep") >= enough, f"{sweeps} sweeps")

    def __enter__(self) -> Self:
        self._thread.start()
        self.wait_for_sweeps(1)
        return self

    def __exit__(self, *_: object) -> None:
        self._receiver.should_stop = True
        self._thread.join()

    def _listen(self) -> None:
        with self._app.connection() as connection:
            handlers = {"task-received": self._all.append}
            self._receiver = self._app.events.Receiver(connection, handlers=handlers)
            self._receiver.capture(limit=None, timeout=None, wakeup=False)
