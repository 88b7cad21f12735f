"""A TCP proxy that can go half-open: connections stay, but every byte is dropped."""

from __future__ import annotations

import asyncio
import threading
from contextlib import suppress
from typing import Self

CHUNK = 65536


class Proxy:
    """Forwards one loopback port to another, in a separate thread."""

    def __init__(self, target: int) -> None:
        self._target = target
        self.port = 0
        self.is_open = True
        self.era = 0
        """How often the proxy has begun or ended to drop bytes."""
        self._loop: asyncio.AbstractEventLoop
        self._over: asyncio.Event
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        self._ready.wait(10)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._over.set)
        self._thread.join(10)

    def swallow(self) -> None:
        """Drop every byte from now on, without closing a connection."""
        self.is_open = False
        self.era += 1

    def heal(self) -> None:
        """Forward new connections again.

        Earlier connections stay dead: part of their bytes is lost.
        """
        self.is_open = True
        self.era += 1

    def lead_to(self, target: int) -> None:
        """Forward new connections to another port. Earlier ones stay where they are."""
        self._target = target

    def cut(self) -> None:
        """Make every existing connection dead, and forward new ones."""
        self.swallow()
        self.heal()

    def _run(self) -> None:
        asyncio.run(self._forward())

    async def _forward(self) -> None:
        self._loop, self._over = asyncio.get_running_loop(), asyncio.Event()
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        # Connections that are open at the end are cancelled with the loop.
        await self._over.wait()
        server.close()

    async def _serve(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        wire = _Wire(self)
        try:
            there = await asyncio.open_connection("127.0.0.1", self._target)
        except OSError:
            writer.close()
            return
        with suppress(asyncio.CancelledError):
            await asyncio.gather(
                wire.pump(reader, there[1]), wire.pump(there[0], writer)
            )


class _Wire:
    """One connection through the proxy, in both directions."""

    def __init__(self, proxy: Proxy) -> None:
        self._proxy = proxy
        self._era = proxy.era

    @property
    def _alive(self) -> bool:
        return self._proxy.is_open and self._era == self._proxy.era

    async def pump(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        try:
            while data := await reader.read(CHUNK):
                if self._alive:
                    writer.write(data)
                    await writer.drain()
        except OSError:
            pass
        finally:
            writer.close()
