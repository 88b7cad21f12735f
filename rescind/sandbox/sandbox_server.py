"""The sandbox's process: its listening socket, start and shutdown."""

from __future__ import annotations

import argparse
import asyncio
import signal
import socket
import sys
from collections.abc import Sequence

from rescind import port_use
from rescind.port_use import PortTakenError
from rescind.sandbox.control import ROOT, Control
from rescind.sandbox.faults import known_kinds, known_rate
from rescind.sandbox.guide import ACCOUNTS_PATH, accounts_file, guide
from rescind.sandbox.raw_http import Connection, Reply, Request
from rescind.sandbox.sandbox_options import PORT, parser, settings_of
from rescind.sandbox.world import World

BACKLOG = 4096


class Listener:
    """The listening socket, which can refuse connections for a while."""

    def __init__(self, host: str, port: int) -> None:
        self._host = host
        # A socket that is bound but does not listen keeps the port reserved.
        self._reserve = _bound(host, port)
        self.port: int = self._reserve.getsockname()[1]
        self.url = _url(host, self.port)
        self._listening: socket.socket | None = None
        self._arriving: set[asyncio.Task[object]] = set()
        self._opening: asyncio.Task[None] | None = None
        self._until = 0.0
        self.world: World
        self._control: Control

    def serve(self, world: World) -> None:
        self.world, self._control = world, Control(world)

    def open(self) -> None:
        sock = self._listening = _bound(self._host, self.port)
        sock.setblocking(False)
        sock.listen(BACKLOG)
        asyncio.get_running_loop().add_reader(sock, self._accept, sock)

    def close(self) -> None:
        if self._listening is not None:
            asyncio.get_running_loop().remove_reader(self._listening)
            self._listening.close()
            self._listening = None

    def _accept(self, sock: socket.socket) -> None:
        """Accept connections without asyncio's Server: in Python 3.11, closing that
        leaves connections open and unanswered that it has accepted but not begun."""
        loop = asyncio.get_running_loop()
        for _ in range(BACKLOG):
            try:
                client, _ = sock.accept()
            except OSError:
                return
            client.setblocking(False)
            begin = loop.connect_accepted_socket(
                lambda: Connection(self._handle), client
            )
            task: asyncio.Task[object] = loop.create_task(begin)
            self._arriving.add(task)
            task.add_done_callback(self._arriving.discard)

    def refuse(self, seconds: float) -> None:
        """Refuse new connections for so many seconds; open ones continue."""
        loop = asyncio.get_running_loop()
        self._until = max(self._until, loop.time() + seconds)
        self.close()
        if self._opening is None or self._opening.done():
            self._opening = loop.create_task(self._reopen())

    async def _reopen(self) -> None:
        loop = asyncio.get_running_loop()
        while (left := self._until - loop.time()) > 0:
            await asyncio.sleep(left)
        self.open()

    def _handle(self, request: Request, connection: Connection) -> None:
        if request.path.startswith(ROOT):
            connection.answer(self._control.handle(request))
        elif request.path == "/":
            connection.answer(_text(guide(self.url)))
        elif request.path == ACCOUNTS_PATH:
            connection.answer(_text(accounts_file(self.url)))
        else:
            self.world.exchange.handle(request, connection)


def _bound(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    sock.bind((host, port))
    return sock


def _text(content: str) -> Reply:
    return Reply(200, content.encode(), kind="text/plain; charset=utf-8")


def chosen_port(host: str, asked: int | None) -> int:
    """The port to listen on; 0 for any. Raises ``PortTakenError``.

    If no port was asked for and the usual one is taken, this is said, and another is
    used.
    """
    port = PORT if asked is None else asked
    if not port or port_use.is_free(host, port):
        return port
    if asked is not None:
        raise PortTakenError(f"{port_use.taken(host, port)}: give another --port")
    free = port_use.unused(host)
    says = f"{port_use.taken(host, port)}: port {free} is used instead"
    print(f"rescind: {says}", file=sys.stderr)
    return free


async def _serve(options: argparse.Namespace) -> None:
    listener = Listener(options.host, chosen_port(options.host, options.port))
    kinds = known_kinds(kind for kind in options.kinds.split(",") if kind)
    rate = known_rate(options.faults)
    listener.serve(World(settings_of(options), rate, kinds, listener.refuse))
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    listener.open()
    # All of standard output is one accounts file, which can be redirected as it is.
    print(f"# sandbox listening on {listener.url}", flush=True)
    print(accounts_file(listener.url), flush=True)
    await stopped.wait()
    listener.close()


def _url(host: str, port: int) -> str:
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def main(argv: Sequence[str] | None = None) -> int:
    """Serve until SIGTERM or SIGINT; returns the exit status.

    Raises ``PortTakenError`` if another process has the port that was asked for.
    """
    made = parser()
    options = made.parse_args(argv)
    if options.accounts:
        port = PORT if options.port is None else options.port
        print(accounts_file(_url(options.host, port)), end="")
        return 0
    try:
        asyncio.run(_serve(options))
    except (OSError, OverflowError, ValueError) as error:
        made.exit(2, f"rescind sandbox: {error}\n")
    return 0
