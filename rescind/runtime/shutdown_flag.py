"""Whether this worker was told to stop: no new work begins from then on."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import NoReturn

SAY_SECONDS = 2.0

before_exit: list[Callable[[], None]] = []
"""Called by ``end``, in their order: each must return at once."""

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
    for at_end in before_exit:
        at_end()
    os._exit(status)
