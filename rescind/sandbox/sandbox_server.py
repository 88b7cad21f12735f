"""The sandbox's process: its listening socket, start and shutdown."""

from __future__ import annotations

import argparse
import asyncio
import signal
import socket
import sys
from collections.abc import Callable, Sequence
from functools import partial

from rescind import port_use
from rescind.port_use import PortTakenError
from rescind.sandbox import live_page, local_only
from rescind.sandbox.control import ROOT, Control
from rescind.sandbox.faults import known_kinds, known_rate
from rescind.sandbox.guide import ACCOUNTS_PATH, accounts_file, guide
from rescind.sandbox.raw_http import Connection, Reply, Request
from rescind.sandbox.sandbox_options import PORT, parser, settings_of
from rescind.sandbox.scenario_file import load_scenario
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
        own = self._own(request)
        if own is None:
            self.world.exchange.handle(request, connection)
        else:
            connection.answer(local_only.refusal(request) or own())

    def _own(self, request: Request) -> Callable[[], Reply] | None:
        """How the sandbox itself answers; ``None`` for a call to a provider."""
        path = request.path
        if path.startswith(ROOT):
            return partial(self._control.handle, request)
        if path == "/" and live_page.wants_page(request):
            return live_page.page
        if path in ("/", "/guide"):
            return lambda: _text(guide(self.url))
        if path == ACCOUNTS_PATH:
            return lambda: _text(self.accounts())
        return partial(live_page.part, path) if path in live_page.FILES else None

    def accounts(self) -> str:
        """The accounts file, with the accounts that the scenario names."""
        return accounts_file(self.url, self.world.scenario.accounts())


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
    if options.scenario:
        scenario = load_scenario(options.scenario, listener.world.simulations)
        listener.world.play(scenario)
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    listener.open()
    # All of standard output is one accounts file, which can be redirected as it is.
    print(f"# sandbox listening on {listener.url}", flush=True)
    print(listener.accounts(), flush=True)
    await stopped.wait()
    listener.close()


def _print_accounts(options: argparse.Namespace) -> int:
    port, more = PORT if options.port is None else options.port, []
    if options.scenario:
        simulations = World(settings_of(options)).simulations
        more = load_scenario(options.scenario, simulations).accounts()
    print(accounts_file(_url(options.host, port), more), end="")
    return 0


def _url(host: str, port: int) -> str:
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def main(argv: Sequence[str] | None = None) -> int:
    """Serve until SIGTERM or SIGINT; returns the exit status.

    Raises ``PortTakenError`` if another process has the port that was asked for.
    """
    made = parser()
    options = made.parse_args(argv)
    try:
        if options.accounts:
            return _print_accounts(options)
        asyncio.run(_serve(options))
    except (OSError, OverflowError, ValueError) as error:
        made.exit(2, f"rescind sandbox: {error}\n")
    return 0
