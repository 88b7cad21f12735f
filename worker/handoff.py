"""Handing over: new orders go straight to the child that serves their provider.

Whoever takes a submission in makes its orders ready and offers them; the child that
calls the provider keeps them, in the very transaction in which it records what came
home. So an order is committed once before its call, not twice, and only one process
writes. What was not kept, or not answered for, is kept by whoever offered it as if it
had never been offered; and kept twice is kept once, by its key.
"""

from __future__ import annotations

import json
import socket
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import structlog

from ledger.arrivals import Arrivals, from_text

PATIENCE_SECONDS = 4.0
"""How long an offer waits for its answer. It may be kept even so: see above."""
READ_SECONDS = 0.5
"""How long one that has begun may take to make its offer."""

log = structlog.get_logger("rescind.handoff")


def offer(path: Path, new: Arrivals) -> frozenset[str] | None:
    """Offer ``new`` to whoever has an ``Inbox`` at ``path``.

    Gives back the ids of those that were not kept; None if there was no answer.
    """
    with socket.socket(socket.AF_UNIX) as pipe:
        try:
            pipe.settimeout(PATIENCE_SECONDS)
            pipe.connect(str(path))
            pipe.sendall(new.as_text().encode())
            pipe.shutdown(socket.SHUT_WR)
            return frozenset(json.loads(_read(pipe)))
        except (OSError, ValueError):
            return None


def _read(pipe: socket.socket) -> bytes:
    """All that comes until the other side has ended."""
    return b"".join(iter(lambda: pipe.recv(262_144), b""))


@dataclass(eq=False)
class Offer:
    """Orders that were offered, and whoever waits to hear of them."""

    new: Arrivals
    pipe: socket.socket = field(repr=False)
    kept: int = 0
    """How many of them, from the first on, are in the ledger, but for ``left_out``."""
    left_out: list[str] = field(default_factory=list)
    """The ids of those whose keys stood there already."""

    @property
    def waiting(self) -> int:
        return len(self.new.rows) - self.kept

    def answer(self) -> None:
        """It is over: what was not kept by now will not be."""
        not_kept = self.left_out + self.new.ids[self.kept :]
        with suppress(OSError), self.pipe:
            self.pipe.sendall(json.dumps(not_kept).encode())


class Inbox:
    """Where the child that serves a provider is offered new orders."""

    def __init__(self, path: Path) -> None:
        self._path = path
        # Left behind by one that was killed.
        path.unlink(missing_ok=True)
        self._door = socket.socket(socket.AF_UNIX)
        self._door.bind(str(path))
        self._door.listen(64)
        self._door.setblocking(False)

    def fileno(self) -> int:
        return self._door.fileno()

    def accept(self) -> Offer | None:
        """The next offer, if anybody is there who makes one."""
        try:
            pipe, _ = self._door.accept()
        except OSError:
            return None
        try:
            pipe.settimeout(READ_SECONDS)
            return Offer(from_text(_read(pipe).decode()), pipe)
        except (OSError, ValueError) as error:
            log.warning("an offer that is not one", error=type(error).__name__)
            pipe.close()
            return None

    def close(self) -> None:
        """Nobody is heard any more; whoever waits at the door is told so."""
        self._path.unlink(missing_ok=True)
        self._door.close()
