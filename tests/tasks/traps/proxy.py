"""A TCP proxy whose connections can go dead without anybody being told.

So does a firewall that forgets them, or a machine that loses its power: neither end
is closed, and nothing ever comes through again.
"""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from typing import Self


class Proxy:
    """``with Proxy(port) as proxy:`` forwards ``proxy.port`` to ``port``, here."""

    def __init__(self, port: int) -> None:
        self._to = port
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._server.getsockname()[1]
        self._links: list[_Link] = []

    def cut(self) -> None:
        """Every connection there is goes dead, for ever; new ones come through."""
        for link in list(self._links):
            link.dead = True

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(OSError):
            self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        for link in self._links:
            link.close()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._server.accept()
            except OSError:
                return
            with suppress(OSError):
                far = socket.create_connection(("127.0.0.1", self._to))
                self._links.append(_Link(near, far))


class _Link:
    def __init__(self, near: socket.socket, far: socket.socket) -> None:
        self._ends = (near, far)
        self.dead = False
        for source, sink in ((near, far), (far, near)):
            carrier = threading.Thread(
                target=self._carry, args=(source, sink), daemon=True
            )
            carrier.start()

    def _carry(self, source: socket.socket, sink: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                if not self.dead:
                    sink.sendall(data)
        if not self.dead:
            self.close()

    def close(self) -> None:
        for end in self._ends:
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()
