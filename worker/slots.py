"""Slots: how much of one worker a provider may keep busy.

A provider that hangs keeps a child waiting. With so many slots for each provider and
kind of work, it can never keep all of them, and the others' lanes go on. Slots are
file locks: a child that is killed gives its own back.
"""

from __future__ import annotations

import fcntl
import os
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from providers.registry import PROVIDERS

KINDS = ("cancel", "read")
OTHERS = 2
"""Children left for intake and the sweep."""


def slots_for(concurrency: int) -> int:
    """Slots of each provider and kind in a worker of so many children."""
    return max(1, (concurrency - OTHERS) // (len(PROVIDERS) * len(KINDS)))


@contextmanager
def held(provider: str, account: str, operation: str, slots: int) -> Iterator[bool]:
    """Whether this process may work on the lane now; if so, until the end."""
    kind = "cancel" if operation == "cancel" else "read"
    with ExitStack() as stack:
        lane = f"{provider}-{account}-{operation}"
        names = [f"{provider}-{kind}-{number}" for number in range(slots)]
        mine = _try(stack, lane) and any(_try(stack, name) for name in names)
        yield mine


def _try(stack: ExitStack, name: str) -> bool:
    descriptor = os.open(_folder() / f"{name}.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return False
    stack.callback(os.close, descriptor)
    return True


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
    for file in folder.glob("*.lock"):
        file.unlink(missing_ok=True)
    folder.rmdir()
