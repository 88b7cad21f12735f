"""Whether this worker is shutting down: no new work begins from then on."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import NoReturn

SAY_SECONDS = 2.0

before_exit: list[Callable[[], None]] = []
"""Functions that ``end`` calls, in this order: each must return at once."""

_stopping = threading.Event()


def stop() -> None:
    """Begin no new work from now on. Safe in a signal handler."""
    _stopping.set()


def stopping() -> bool:
    return _stopping.is_set()


def pause(seconds: float) -> None:
    """Wait for ``seconds``, or until the shutdown begins."""
    _stopping.wait(seconds)


def end(status: int, say: Callable[[], None]) -> NoReturn:
    """End this process now, whatever its threads do; ``say`` logs why."""
    # Logging itself may hang, so it gets a thread and a timeout.
    said = threading.Thread(target=say, daemon=True)
    with suppress(RuntimeError):
        said.start()
        said.join(SAY_SECONDS)
    for at_end in before_exit:
        at_end()
    os._exit(status)
