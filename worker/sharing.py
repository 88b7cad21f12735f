"""What a worker's children share: the memory that is filled before they are forked.

A child that loads a library, or whose garbage collector marks what its parent made,
has a copy of its own from then on.
"""

from __future__ import annotations

import ctypes
import gc
import sys
from contextlib import suppress

from celery import platforms

from ledger import migrate
from providers import connection
from worker import runtime, tracing


def prepare() -> None:
    """Load in the parent what each child would load at its first task.

    Nothing is opened: neither the ledger nor Redis.
    """
    with suppress(Exception):
        # What is wrong with a setting is said where it is used.
        runtime.prepare()
    migrate.prepare()
    connection.prepare()
    tracing.load()
    if sys.platform == "linux":
        # Celery's own parses a declaration in C first, in every child.
        platforms._set_pdeathsig = _end_with_parent  # noqa: SLF001


_LIBC = ctypes.CDLL(None)
_PR_SET_PDEATHSIG = 1


def _end_with_parent(number: int) -> None:
    """Have this process sent the signal when its parent ends; raises ``OSError``."""
    if _LIBC.prctl(_PR_SET_PDEATHSIG, number, 0, 0, 0):
        raise OSError("an error occurred while setting pdeathsig")


def keep() -> None:
    """Have the garbage collectors of those forked from now on leave all of it alone."""
    gc.collect()
    gc.freeze()
