"""A server that accepts every call and never answers."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress


class Silence:
    """Accepts connections, reads requests, and never answers."""

    def __init__(self) -> None:
        self._listening = socket.create_server(("127.0.0.1", 0), backlog=1024)
        self.url = f"http://127.0.0.1:{self._listening.getsockname()[1]}"
        self._taken: list[socket.socket] = []
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    @property
    def calls(self) -> int:
        """The number of connections so far, each with one call."""
        return len(self._taken)

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                self._taken.append(self._listening.accept()[0])

    def end(self) -> None:
        """Close all connections, and stop listening."""
        with suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        self._thread.join(5)
        for connection in self._taken:
            connection.close()


@contextmanager
def silence() -> Iterator[Silence]:
    server = Silence()
    try:
        yield server
    finally:
        server.end()
