"""Places: how much of one worker a provider may keep busy.

Of the children of a worker, so many serve a provider at a time, and as many more bring
home what they had under way when their turn was over. So a provider that hangs can
never keep all children, and the others' lanes go on. Places are file locks: a child
that is killed gives its own back.
"""

from __future__ import annotations

import fcntl
import json
import os
import select
import tempfile
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

from providers.registry import PROVIDERS

OTHERS = 2
"""Children left for intake and the sweep."""
LONGEST_RING = 512
"""Bytes of one wake-up passed on; so short, it is written whole or not at all."""

Work = tuple[str, str]
"""An account of the provider, and an operation."""


def places_for(concurrency: int) -> tuple[int, int]:
    """Children that serve one provider, and that bring home, of so many in all."""
    each = max(1, (concurrency - OTHERS) // len(PROVIDERS))
    return each - each // 2, each // 2


class Bell:
    """Where the child that serves a provider hears of wake-ups that others took."""

    def __init__(self, path: Path) -> None:
        with suppress(FileExistsError):
            os.mkfifo(path, 0o600)
        # Open for writing too: it never ends, whoever comes and goes.
        self._pipe = os.open(path, os.O_RDWR | os.O_NONBLOCK)
        self._rest = b""
        self._closed = False
        self._lock = threading.Lock()

    def ring(self) -> None:
        """End a ``wait`` of this process; from any of its threads."""
        with self._lock:
            if not self._closed:
                _write(self._pipe, b"\n")

    def wait(self, seconds: float) -> list[Work]:
        """What was woken meanwhile; comes back early for it."""
        ready, _, _ = select.select([self._pipe], [], [], seconds)
        if not ready:
            return []
        *lines, self._rest = (self._rest + os.read(self._pipe, 65_536)).split(b"\n")
        return [(work[0], work[1]) for work in map(json.loads, filter(None, lines))]

    def close(self) -> None:
        with self._lock:
            self._closed = True
            os.close(self._pipe)


@dataclass
class Place:
    """This process's place among those that serve a provider."""

    provider: str
    leaving: int
    bell: Bell
    _serving: ExitStack = field(repr=False)
    _gone: ExitStack = field(default_factory=ExitStack, repr=False)

    def leave(self) -> bool:
        """Let another child serve, and keep a place to bring calls home from.

        False, and nothing is changed, while others that left have not ended.
        """
        names = (f"{self.provider}-leaving-{n}" for n in range(self.leaving))
        if not any(_try(self._gone, name) for name in names):
            return False
        self._serving.close()
        return True

    def close(self) -> None:
        self._serving.close()
        self._gone.close()


@contextmanager
def serving(provider: str, places: tuple[int, int]) -> Iterator[Place | None]:
    """A place among those that serve ``provider``, until the end; None if all are
    taken. ``places`` is what ``places_for`` gives."""
    serve, leave = places
    with ExitStack() as stack:
        for number in range(serve):
            if _try(stack, f"{provider}-serving-{number}"):
                bell = Bell(_bell(provider, number))
                # Silent first: whoever comes next hears from then on.
                stack.callback(bell.close)
                place = Place(provider, leave, bell, stack.pop_all())
                try:
                    yield place
                finally:
                    place.close()
                return
        yield None


def ring(provider: str, places: tuple[int, int], work: Work) -> None:
    """Pass a wake-up on to the children that serve ``provider``.

    Where it does not arrive, the next sweep's does.
    """
    line = json.dumps(work).encode() + b"\n"
    if len(line) > LONGEST_RING:
        return
    for number in range(places[0]):
        with suppress(OSError):
            pipe = os.open(_bell(provider, number), os.O_WRONLY | os.O_NONBLOCK)
            try:
                _write(pipe, line)
            finally:
                os.close(pipe)


@contextmanager
def lane(provider: str, account: str, operation: str) -> Iterator[bool]:
    """Whether this operation of the lane is for the caller alone, until the end."""
    with ExitStack() as stack:
        yield _try(stack, f"{provider}-{quote(account, safe='')}-{operation}")


def _write(pipe: int, line: bytes) -> None:
    # Full, it wakes its reader as it is.
    with suppress(BlockingIOError):
        os.write(pipe, line)


def _try(stack: ExitStack, name: str) -> bool:
    descriptor = os.open(_folder() / f"{name}.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return False
    stack.callback(os.close, descriptor)
    return True


def _bell(provider: str, number: int) -> Path:
    return _folder() / f"{provider}-{number}.bell"


def _folder() -> Path:
    """One folder for each worker: its children have the same parent."""
    base = Path(tempfile.gettempdir()) / f"rescind-{os.getuid()}"
    base.mkdir(mode=0o700, exist_ok=True)
    folder = base / str(_worker)
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder


_worker = os.getpid()


def adopt() -> None:
    """Called once in a worker's parent, before it forks."""
    global _worker  # noqa: PLW0603  (forked children inherit it)
    _worker = os.getpid()


def clear() -> None:
    """Remove this worker's folder, at its end."""
    folder = _folder()
    for file in folder.iterdir():
        file.unlink(missing_ok=True)
    folder.rmdir()
