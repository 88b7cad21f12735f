"""Files that operators write: read again when they change, without a restart."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Generic, TypeVar

Content = TypeVar("Content")


@dataclass
class Watched(Generic[Content]):
    """What ``read`` makes of a file, the very same until the file is another."""

    path: Path
    read: Callable[[Path], Content]
    _kept: tuple[tuple[float, int], Content] | None = field(default=None, repr=False)

    def current(self) -> Content:
        seen, kept = self._stamp(), self._kept
        if kept is None or seen != kept[0]:
            # Together, or a thread could keep another one's content for its own.
            kept = self._kept = (seen, self.read(self.path))
        return kept[1]

    def _stamp(self) -> tuple[float, int]:
        try:
            found = self.path.stat()
        except OSError:
            return (0.0, 0)
        return (found.st_mtime, found.st_ino)
