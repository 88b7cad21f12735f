"""Ctrl-C for the processes that tests start."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def interruptible() -> Iterator[None]:
    """Processes that start in the block do not ignore SIGINT.

    A shell without job control ignores SIGINT in what it starts in the background.
    Children inherit that, and Python then installs no handler of its own.
    """
    former = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, former)
