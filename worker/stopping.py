"""Whether this worker was told to stop: no new work begins from then on."""

from __future__ import annotations

import threading

_told = threading.Event()


def stop() -> None:
    """Begin nothing new from now on. Fit for a signal handler."""
    _told.set()


def stopping() -> bool:
    return _told.is_set()


def pause(seconds: float) -> None:
    """Wait, unless the worker is told to stop."""
    _told.wait(seconds)
