"""A proxy to PostgreSQL that can stop forwarding without any error."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from pathlib import Path
from typing import Self

CHUNK = 65_536


class Stalling:
    """Listens in ``folder`` as a server does, and forwards to the real one."""

    def __init__(self, folder: Path, real: Path) -> None:
        self.folder = folder
        self._real = real
        self._listener = socket.socket(socket.AF_UNIX)
        self._wires: list[_Wire] = []

    def __enter__(self) -> Self:
        self._listener.bind(str(self.folder / self._real.name))
        self._listener.listen()
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        _close(self._listener)
        for wire in self._wires:
            wire.end()

    def stall(self) -> None:
        """Read every byte of the open connections, and forward none."""
        for wire in self._wires:
            wire.passes.clear()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                here, _ = self._listener.accept()
                there = socket.socket(socket.AF_UNIX)
                there.connect(str(self._real))
                self._wires.append(_Wire(here, there))


class _Wire:
    """One connection through the proxy."""

    def __init__(self, *ends: socket.socket) -> None:
        self.passes = threading.Event()
        self.passes.set()
        self._ends = ends
        for ways in (ends, ends[::-1]):
            threading.Thread(target=self._pump, args=ways, daemon=True).start()

    def end(self) -> None:
        self.passes.set()
        for one in self._ends:
            _close(one)

    def _pump(self, source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(CHUNK):
                self.passes.wait()
                target.sendall(data)
        with suppress(OSError):
            target.shutdown(socket.SHUT_RDWR)


def _close(one: socket.socket) -> None:
    with suppress(OSError):
        one.shutdown(socket.SHUT_RDWR)
    one.close()
