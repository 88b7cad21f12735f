"""Shows how many worlds have run: one line on a terminal, else a line per 1,000."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TextIO

EACH = 1000
"""Without a terminal, the number of worlds from one line to the next."""
CLEAR = "\r\033[K"


class Progress:
    """Counts worlds, and writes how far the run is."""

    def __init__(
        self,
        total: int,
        stream: TextIO,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._total, self._stream, self._clock = total, stream, clock
        self._began = clock()
        self._done = 0

    def add(self, worlds: int, failed: int) -> None:
        """Count ``worlds`` more; ``failed`` have failed so far."""
        before, self._done = self._done, self._done + worlds
        if self._stream.isatty():
            self._write(f"{CLEAR}{self._line(failed)}")
        elif before // EACH < self._done // EACH:
            self._write(f"{self._line(failed)}\n")

    def clear(self) -> None:
        """Remove the line from the terminal, before other output."""
        if self._stream.isatty():
            self._write(CLEAR)

    def _line(self, failed: int) -> str:
        took = self._clock() - self._began
        rest = took / self._done * (self._total - self._done)
        return (
            f"{self._done:,} of {self._total:,} worlds in {took:.0f} s,"
            f" {failed} failed, about {rest:.0f} s left"
        )

    def _write(self, text: str) -> None:
        self._stream.write(text)
        self._stream.flush()
