"""Knowing, in every child of a worker, that the worker was told to stop.

Celery's warm shutdown waits for running tasks without telling them. Ours go on while
there is work, so they look here before each claim. One shared byte, made before the
fork, written by the parent: nothing that a killed child could leave locked.
"""

from __future__ import annotations

import mmap
import time

_FLAG = mmap.mmap(-1, 1)


def stop() -> None:
    """No new claims from now on, in this process and in all forked from it."""
    _FLAG[0] = 1


def stopping() -> bool:
    return _FLAG[0] == 1


def pause(seconds: float) -> None:
    """Wait, though not when told to stop meanwhile."""
    until = time.monotonic() + seconds
    while not stopping() and (left := until - time.monotonic()) > 0:
        time.sleep(min(left, 0.1))
