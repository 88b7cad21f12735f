"""Hearing what workers say that they received."""

from __future__ import annotations

import threading
from typing import Any, Self

from celery import Celery

from tests.tasks.conftest import until


class Ears:
    """``with Ears(app) as ears:`` keeps every ``task-received`` event."""

    def __init__(self, app: Celery) -> None:
        self._app = app
        self._receiver: Any = None
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._all: list[dict[str, Any]] = []

    def received(self, name: str, args: str = "") -> int:
        """How many tasks whose name begins so, and whose arguments hold ``args``."""
        return sum(
            one["name"].startswith(name) and args in one["args"] for one in self._all
        )

    def sit_through(self, sweeps: int) -> None:
        """Until so many more sweeps have been received."""
        enough = self.received("rescind.sweep") + sweeps
        until(lambda: self.received("rescind.sweep") >= enough, f"{sweeps} sweeps")

    def __enter__(self) -> Self:
        self._thread.start()
        self.sit_through(1)
        return self

    def __exit__(self, *_: object) -> None:
        self._receiver.should_stop = True
        self._thread.join()

    def _listen(self) -> None:
        with self._app.connection() as connection:
            handlers = {"task-received": self._all.append}
            self._receiver = self._app.events.Receiver(connection, handlers=handlers)
            self._receiver.capture(limit=None, timeout=None, wakeup=False)
