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
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import structlog

from ledger.arrivals import Arrivals, from_text

PATIENCE_SECONDS = 4.0
"""How long an offer waits for its answer. It may be kept even so: see above."""
READ_SECONDS = 0.5
"""How long one that has begun may take to make its offer."""
REST_SECONDS = 10.0
"""So long nothing is offered to one that has not answered in time."""

log = structlog.get_logger("rescind.handoff")


def offer(path: Path, new: Arrivals) -> frozenset[str] | None:
    """Offer ``new`` to whoever has an ``Inbox`` at ``path``.

    Gives back the ids of those that were not kept; None if there was no answer.
    Whoever has not answered in time is left alone for a while: it would keep each
    offer waiting.
    """
    if time.monotonic() < _resting.get(path, 0.0):
        return None
    give_up = time.monotonic() + PATIENCE_SECONDS
    with socket.socket(socket.AF_UNIX) as pipe:
        try:
            pipe.settimeout(PATIENCE_SECONDS)
            pipe.connect(str(path))
            pipe.sendall(new.as_text().encode())
            pipe.shutdown(socket.SHUT_WR)
            return frozenset(json.loads(_read(pipe, give_up)))
        except TimeoutError:
            _resting[path] = time.monotonic() + REST_SECONDS
            log.warning("an offer was not answered", inbox=path.name)
            return None
        except (OSError, ValueError):
            return None


_resting: dict[Path, float] = {}
"""Until when nothing is offered there, by this process."""


def _read(pipe: socket.socket, give_up: float) -> bytes:
    """All that comes until the other side has ended. Raises ``TimeoutError``."""
    read = []
    while (left := give_up - time.monotonic()) > 0:
        pipe.settimeout(left)
        read.append(pipe.recv(262_144))
        if not read[-1]:
            return b"".join(read)
    raise TimeoutError


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
            self.pipe.settimeout(READ_SECONDS)
            self.pipe.sendall(json.dumps(not_kept).encode())


class Inbox:
    """Where the child that serves a provider is offered new orders.

    Raises ``OSError``, such as for a path that is longer than a socket's may be.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._closed = False
        # Left behind by one that was killed.
        path.unlink(missing_ok=True)
        self._door = socket.socket(socket.AF_UNIX)
        try:
            self._door.bind(str(path))
            self._door.listen(64)
        except OSError:
            self._door.close()
            raise
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
            read = _read(pipe, time.monotonic() + READ_SECONDS)
            return Offer(from_text(read.decode()), pipe)
        except (OSError, ValueError) as error:
            log.warning("an offer that is not one", error=type(error).__name__)
            pipe.close()
            return None

    def close(self) -> None:
        """Nobody is heard any more; whoever waits at the door is told so."""
        if not self._closed:
            # Once: later the path may be that of whoever serves next.
            self._closed = True
            self._path.unlink(missing_ok=True)
            self._door.close()
