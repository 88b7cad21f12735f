"""The sandbox's process: command line, listening socket and shutdown."""

from __future__ import annotations

import argparse
import asyncio
import signal
import socket
from collections.abc import Sequence
from contextlib import suppress
from ipaddress import ip_address

from rescind.sandbox.control import ROOT, Control
from rescind.sandbox.faults import KINDS, known_kinds, known_rate
from rescind.sandbox.raw_http import Connection, Request
from rescind.sandbox.sandbox_settings import PLAIN, PROVIDERS, Settings
from rescind.sandbox.world import World

BACKLOG = 4096
NUMBERS = tuple(name for name, kind in PLAIN.items() if kind is not bool)


class Listener:
    """The listening socket, which can refuse connections for a while."""

    def __init__(self, host: str, port: int) -> None:
        self._host = host
        # A socket that is bound but does not listen keeps the port reserved.
        self._reserve = _bound(host, _free_to_listen(host, port))
        self.port: int = self._reserve.getsockname()[1]
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
        else:
            self.world.exchange.handle(request, connection)


def _bound(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    sock.bind((host, port))
    return sock


def _free_to_listen(host: str, port: int) -> int:
    """The port; raises ``OSError`` if it is in use, which SO_REUSEPORT would hide."""
    if port:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        with socket.socket(family, socket.SOCK_STREAM) as sock:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            sock.bind((host, port))
    return port


def _loopback(host: str) -> str:
    """The host if it is a loopback address: the control API needs no password."""
    with suppress(ValueError):
        if ip_address(host).is_loopback:
            return host
    raise argparse.ArgumentTypeError("must be a loopback address: 127.0.0.1 or ::1")


def parser() -> argparse.ArgumentParser:
    """The command line; every setting that is a number is an option."""
    made = argparse.ArgumentParser(
        prog="python -m rescind.sandbox", description="The five providers, simulated."
    )
    defaults = Settings()
    made.add_argument("--host", type=_loopback, default="127.0.0.1")
    made.add_argument("--port", type=int, default=8900, help="0 for any free port")
    made.add_argument("--seed", type=int, default=defaults.seed)
    made.add_argument("--faults", type=float, default=0.0, help="rate, 0 to 1")
    made.add_argument("--kinds", default=",".join(KINDS), help="separated by commas")
    made.add_argument("--latency-ms", type=float, default=0.0)
    made.add_argument("--no-auto", action="store_true", help="only seeded orders exist")
    for name in NUMBERS:
        option = f"--{name.replace('_', '-')}"
        made.add_argument(option, type=PLAIN[name], default=getattr(defaults, name))
    return made


def _settings(options: argparse.Namespace) -> Settings:
    settings = Settings(seed=options.seed)
    settings.change({name: getattr(options, name) for name in NUMBERS})
    settings.change({"auto": not options.no_auto})
    settings.change({"latency_ms": dict.fromkeys(PROVIDERS, options.latency_ms)})
    return settings


async def _serve(options: argparse.Namespace) -> None:
    listener = Listener(options.host, options.port)
    kinds = known_kinds(kind for kind in options.kinds.split(",") if kind)
    rate = known_rate(options.faults)
    listener.serve(World(_settings(options), rate, kinds, listener.refuse))
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    listener.open()
    host = f"[{options.host}]" if ":" in options.host else options.host
    print(f"sandbox listening on http://{host}:{listener.port}", flush=True)
    await stopped.wait()
    listener.close()


def main(argv: Sequence[str] | None = None) -> int:
    """Serve until SIGTERM or SIGINT; gives back the exit status."""
    made = parser()
    options = made.parse_args(argv)
    try:
        asyncio.run(_serve(options))
    except (OSError, OverflowError, ValueError) as error:
        made.exit(2, f"sandbox: {error}\n")
    return 0
