"""Operators' files, which are read again when they change, without a restart."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Generic, TypeVar

Content = TypeVar("Content")


@dataclass
class Watched(Generic[Content]):
    """The result of ``read(path)``; the same object until the file changes."""

    path: Path
    read: Callable[[Path], Content]
    _kept: tuple[tuple[float, int], Content] | None = field(default=None, repr=False)

    def current(self) -> Content:
        seen, kept = self._stamp(), self._kept
        if kept is None or seen != kept[0]:
            # One assignment, so that a thread never pairs its stamp with the content
            # that another thread read.
            kept = self._kept = (seen, self.read(self.path))
        return kept[1]

    def _stamp(self) -> tuple[float, int]:
        try:
            found = self.path.stat()
        except OSError:
            return (0.0, 0)
        return (found.st_mtime, found.st_ino)
