"""Bells: how children of a worker tell the one that serves a provider of new work.

A bell is a pipe with a name. Who rings learns whether it is heard: what was rung
before it fell silent is given out at its end, and later there is nothing to ring.
"""

from __future__ import annotations

import json
import os
import select
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from typing import Protocol

LONGEST_RING = 512
"""Bytes of one wake-up passed on; so short, it is written whole or not at all."""
SILENCE_SECONDS = 0.5
"""How long an ending bell waits for one who has found it and has not yet rung."""

Work = tuple[str, str]
"""An account of the provider, and an operation."""


class HasFileno(Protocol):
    def fileno(self) -> int: ...


class Bell:
    """Where the child that serves a provider hears of wake-ups that others took.

    One at a time for each path.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        # Left behind by one that was killed.
        path.unlink(missing_ok=True)
        os.mkfifo(path, 0o600)
        self._ear = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        # Held open, the pipe does not end, whoever comes and goes.
        self._hand = os.open(path, os.O_WRONLY | os.O_NONBLOCK)
        self._poll = select.poll()
        self._poll.register(self._ear, select.POLLIN)
        self._rest = b""
        self._closed = False
        self._lock = threading.Lock()

    def ring(self) -> None:
        """End a ``wait`` of this process; from any of its threads."""
        # Full, it wakes its reader as it is.
        with self._lock, suppress(BlockingIOError):
            if not self._closed:
                os.write(self._hand, b"\n")

    def wait(self, seconds: float, door: HasFileno | None = None) -> list[Work]:
        """What was woken meanwhile; comes back early for it, or for who is at the
        ``door``."""
        also = nullcontext() if door is None else self._watching(door)
        with also:
            found = dict(self._poll.poll(1000 * seconds))
        if self._ear not in found:
            return []
        return self._heard(os.read(self._ear, 65_536))

    @contextmanager
    def _watching(self, door: HasFileno) -> Iterator[None]:
        self._poll.register(door, select.POLLIN)
        try:
            yield
        finally:
            self._poll.unregister(door)

    def close(self) -> list[Work]:
        """Fall silent; gives back what was rung and not yet heard."""
        with self._lock:
            if self._closed:
                return []
            self._closed = True
            self._path.unlink(missing_ok=True)
            os.close(self._hand)
        try:
            return self._last_words()
        finally:
            os.close(self._ear)

    def _last_words(self) -> list[Work]:
        """Whoever found it before may still ring: the pipe ends after the last one."""
        give_up = time.monotonic() + SILENCE_SECONDS
        heard: list[Work] = []
        while (left := give_up - time.monotonic()) > 0 and self._poll.poll(1000 * left):
            read = os.read(self._ear, 65_536)
            if not read:
                break
            heard += self._heard(read)
        return heard

    def _heard(self, read: bytes) -> list[Work]:
        *lines, self._rest = (self._rest + read).split(b"\n")
        return [(work[0], work[1]) for work in map(json.loads, filter(None, lines))]


def ring(path: Path, work: Work) -> bool:
    """Whether whoever has the bell at ``path``, if anybody, hears of ``work``."""
    line = json.dumps(work).encode() + b"\n"
    if len(line) > LONGEST_RING:
        return False
    try:
        pipe = os.open(path, os.O_WRONLY | os.O_NONBLOCK)
    except OSError:
        return False
    try:
        return os.write(pipe, line) == len(line)
    except OSError:
        return False
    finally:
        os.close(pipe)
