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
    _seen: tuple[float, int] | None = None
    _content: Content | None = field(default=None, repr=False)

    def current(self) -> Content:
        seen = self._stamp()
        if self._content is None or seen != self._seen:
            self._content = self.read(self.path)
            self._seen = seen
        return self._content

    def _stamp(self) -> tuple[float, int]:
        try:
            found = self.path.stat()
        except OSError:
            return (0.0, 0)
        return (found.st_mtime, found.st_ino)
