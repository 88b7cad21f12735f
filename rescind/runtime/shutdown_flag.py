"""Whether this worker was told to stop: no new work begins from then on."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import NoReturn

from billiard import active_children

SAY_SECONDS = 2.0

_told = threading.Event()


def stop() -> None:
    """Begin nothing new from now on. Fit for a signal handler."""
    _told.set()


def stopping() -> bool:
    return _told.is_set()


def pause(seconds: float) -> None:
    """Wait, unless the worker is told to stop."""
    _told.wait(seconds)


def end(status: int, say: Callable[[], None]) -> NoReturn:
    """End this process now, whatever its threads do; ``say`` logs why."""
    # What hangs may be the log itself.
    said = threading.Thread(target=say, daemon=True)
    with suppress(RuntimeError):
        said.start()
        said.join(SAY_SECONDS)
    # An embedded beat (``celery worker --beat``) is a child, and would go on for ever.
    for child in active_children():
        child.terminate()
    os._exit(status)
