"""One port for all: listening, refusing for a while, and stopping."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import socket
import sys
from collections.abc import Callable

from sandbox.control import Control
from sandbox.faults import Faults
from sandbox.http import Connection, Request
from sandbox.options import BadRequestError, arguments, from_arguments
from sandbox.provider import not_found
from sandbox.simulation import Simulation

BACKLOG = 1024


class Listener:
    """A port that can refuse connections for a while, and does not lose its number.

    One socket is bound to it and never listens, so that nobody else, the system's
    choice of ephemeral ports included, can take it while the other one is closed.
    """

    def __init__(self, host: str, port: int) -> None:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._family, self.host = family, host
        self._keeper = socket.socket(family)
        self._keeper.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._keeper.bind((host, port))
        # Only now: whoever holds the port already makes the bind above fail.
        self._keeper.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        self.port: int = self._keeper.getsockname()[1]
        self._server: asyncio.Server | None = None

    async def open(self, factory: Callable[[], Connection]) -> None:
        sock = socket.socket(self._family)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        sock.bind((self.host, self.port))
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(factory, sock=sock, backlog=BACKLOG)

    @property
    def is_open(self) -> bool:
        return self._server is not None

    def shut(self) -> None:
        """Refuse new connections; the open ones stay."""
        if self._server is not None:
            self._server.close()
            self._server = None

    def close(self) -> None:
        self.shut()
        self._keeper.close()


class Server:
    """Leads each request to a provider or to the control API."""

    def __init__(self, simulation: Simulation, listener: Listener) -> None:
        self._simulation = simulation
        self._control = Control(simulation)
        self._listener = listener
        self._reopening: asyncio.Task[None] | None = None
        simulation.refuse = self._refuse

    def connection(self) -> Connection:
        return Connection(self._handle)

    async def run(self, stop: asyncio.Event) -> None:
        await self._listener.open(self.connection)
        gc.freeze()
        # Orders and calls live for ever: looking through them often is in vain.
        gc.set_threshold(50_000, 50, 100)
        await stop.wait()
        if self._reopening is not None:
            self._reopening.cancel()
        self._listener.close()

    def _handle(self, request: Request, connection: Connection) -> None:
        _, name, rest = (*request.path.split("/", 2), "", "")[:3]
        if name == "_sandbox":
            connection.answer(self._control.answer(rest, request))
        elif not request.path.startswith("/"):
            connection.answer(not_found())
        else:
            inner = request._replace(path="/" + rest)
            self._simulation.handle(name, inner, connection)

    def _refuse(self) -> None:
        if self._listener.is_open:
            self._listener.shut()
            self._reopening = asyncio.create_task(self._reopen())

    async def _reopen(self) -> None:
        await asyncio.sleep(self._simulation.settings.refuse_seconds)
        await self._listener.open(self.connection)


def main(argv: list[str] | None = None) -> int:
    """Run the sandbox until a signal ends it. The command line is ``argv``."""
    given = arguments(argv)
    settings = from_arguments(given)
    kinds = [kind for kind in given.kinds.split(",") if kind]
    try:
        faults = Faults(settings.seed, given.faults, kinds)
        listener = Listener(given.host, given.port)
    except (BadRequestError, OSError) as wrong:
        print(f"sandbox: {wrong}", file=sys.stderr)
        return 2
    simulation = Simulation(settings, faults, given.latency_ms)
    asyncio.run(_run(Server(simulation, listener), listener, given.until_stdin_closes))
    return 0


async def _run(server: Server, listener: Listener, watch_stdin: bool) -> None:  # noqa: FBT001
    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    if watch_stdin:
        loop.add_reader(0, _watch, stop)
    running = asyncio.ensure_future(server.run(stop))
    await asyncio.sleep(0)
    host = f"[{listener.host}]" if ":" in listener.host else listener.host
    print(f"sandbox listening on http://{host}:{listener.port}", flush=True)
    await running


def _watch(stop: asyncio.Event) -> None:
    if not os.read(0, 4096):
        asyncio.get_running_loop().remove_reader(0)
        stop.set()
