"""Files that operators write: read again when they change, without a restart."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Generic, TypeVar

Content = TypeVar("Content")
Stamp = tuple[int, ...]

YOUNG_SECONDS = 2.0
"""A file that has changed within this time may change again without another stamp: the
clock of a file system ticks in milliseconds, on some in seconds."""
AGAIN_SECONDS = 10.0
"""Until what may not be the last word is read again."""


@dataclass(frozen=True, slots=True)
class _Reading(Generic[Content]):
    stamp: Stamp
    content: Content
    again_at: float | None
    """By the monotonic clock; None where only another stamp says something new."""


@dataclass
class Watched(Generic[Content]):
    """What ``read`` makes of a file, the very same until the file says something else.

    ``faulty`` says whether content has a fault that may end while the file stays as it
    is: a moment without file descriptors, or another file that this one names.
    """

    path: Path
    read: Callable[[Path], Content]
    faulty: Callable[[Content], bool] = lambda _: False
    clock: Callable[[], float] = time.monotonic
    _kept: _Reading[Content] | None = field(default=None, repr=False)

    def current(self) -> Content:
        stamp, kept = self._stamp(), self._kept
        if kept is None or stamp != kept.stamp or self._is_old(kept):
            # Together, or a thread could keep another one's content for its own.
            kept = self._kept = self._again(stamp, kept)
        return kept.content

    def _is_old(self, kept: _Reading[Content]) -> bool:
        return kept.again_at is not None and self.clock() >= kept.again_at

    def _again(self, stamp: Stamp, kept: _Reading[Content] | None) -> _Reading[Content]:
        young = time.time() - self._changed_at() < YOUNG_SECONDS
        content = self.read(self.path)
        doubtful = young or self.faulty(content)
        if kept is not None and content == kept.content:
            content = kept.content
        return _Reading(
            stamp, content, self.clock() + AGAIN_SECONDS if doubtful else None
        )

    def _changed_at(self) -> float:
        try:
            return self.path.stat().st_ctime
        except OSError:
            return 0.0

    def _stamp(self) -> Stamp:
        try:
            found = self.path.stat()
        except OSError:
            return ()
        # The time of the inode's change cannot be set, as that of the content can be.
        return (found.st_mtime_ns, found.st_ctime_ns, found.st_size, found.st_ino)
