"""Operators' files, which are read again when they change, without a restart."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Generic, TypeVar

Content = TypeVar("Content")
Stamp = tuple[int, ...]

YOUNG_SECONDS = 2.0
"""A file that changed within this time may change again and keep its stamp, because a
file system's clock ticks in milliseconds, and on some systems in seconds."""
AGAIN_SECONDS = 10.0
"""The time after which a doubtful content is read again."""


@dataclass(frozen=True, slots=True)
class _Reading(Generic[Content]):
    stamp: Stamp
    content: Content
    again_at: float | None
    """When to read again, by the monotonic clock; None: when the stamp changes."""


@dataclass
class Watched(Generic[Content]):
    """The result of ``read(path)``; the same object until the file's content changes.

    ``faulty`` says whether a content has a fault that may end although the file stays
    the same: a lack of file descriptors, or a fault of another file that it names.
    """

    path: Path
    read: Callable[[Path], Content]
    faulty: Callable[[Content], bool] = lambda _: False
    clock: Callable[[], float] = time.monotonic
    _kept: _Reading[Content] | None = field(default=None, repr=False)

    def current(self) -> Content:
        stamp, kept = self._stamp(), self._kept
        if kept is None or stamp != kept.stamp or self._is_old(kept):
            # One assignment, so that a thread never pairs its stamp with the content
            # that another thread read.
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
        # A program can set the time of the content's change, but not the inode's.
        return (found.st_mtime_ns, found.st_ctime_ns, found.st_size, found.st_ino)
