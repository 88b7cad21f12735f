"""Whether this worker was told to stop: no new work begins from then on."""

from __future__ import annotations

import os
import threading
from typing import NoReturn

from billiard import active_children

_told = threading.Event()


def stop() -> None:
    """Begin nothing new from now on. Fit for a signal handler."""
    _told.set()


def stopping() -> bool:
    return _told.is_set()


def pause(seconds: float) -> None:
    """Wait, unless the worker is told to stop."""
    _told.wait(seconds)


def end(status: int) -> NoReturn:
    """End this process now, whatever its threads do. An embedded beat (``celery worker
    --beat``) is a child of it, which would go on for ever."""
    for child in active_children():
        child.terminate()
    os._exit(status)
