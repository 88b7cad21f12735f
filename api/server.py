"""The server: where the door listens, how long it waits, and how it ends."""

from __future__ import annotations

import asyncio
import signal
import socket
from types import FrameType
from typing import Any

import structlog
import uvicorn
from fastapi import FastAPI
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from api.front import Front
from worker.settings import Settings, SettingsError

log = structlog.get_logger("rescind.api")
REQUEST_SECONDS = 30.0
"""A request that has not arrived whole by then is given up."""
IDLE_SECONDS = 15
"""A connection that nothing more comes on is closed."""
GRACE_SECONDS = 10
"""What is under way when the door is told to close has so long to end."""
MOST_CONNECTIONS = 1000
BACKLOG = 1024


def listen(chosen: Settings) -> socket.socket:
    """The socket that the door listens on; raises ``SettingsError``."""
    host, port = chosen.api_host, chosen.api_port
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # Named, or asyncio does not switch Nagle's delay off: 40 ms for each answer.
    door = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    door.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        door.bind((host, port))
        # Who comes before the first answer can be given waits for it.
        door.listen(BACKLOG)
    except OSError as error:
        door.close()
        raise SettingsError(
            f"the HTTP door cannot listen on {host}, port {port}:"
            f" {error.strerror or error}; set RESCIND_API_HOST and RESCIND_API_PORT"
        ) from None
    return door


def serve(app: FastAPI, front: Front, door: socket.socket) -> None:
    """Answer requests until SIGTERM or SIGINT; those under way end first."""
    signal.signal(signal.SIGTERM, _end)
    signal.signal(signal.SIGINT, _end)
    make_server(app, front).run(sockets=[door])


def make_server(app: FastAPI, front: Front) -> Server:
    config = uvicorn.Config(
        app,
        http=Patient,
        ws="none",
        lifespan="on",
        log_config=None,
        log_level="warning",
        # Addresses hold orders.
        access_log=False,
        server_header=False,
        backlog=BACKLOG,
        limit_concurrency=MOST_CONNECTIONS,
        timeout_keep_alive=IDLE_SECONDS,
        timeout_graceful_shutdown=GRACE_SECONDS,
    )
    return Server(config, front)


def _end(_number: int, _frame: FrameType | None) -> None:
    # uvicorn gives the signal on once it has ended.
    raise SystemExit(0)


class Server(uvicorn.Server):
    """Lets streams know that they are to end."""

    def __init__(self, config: uvicorn.Config, front: Front) -> None:
        super().__init__(config)
        self._front = front

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        self._front.stopping.set()
        super().handle_exit(sig, frame)


class Patient(HttpToolsProtocol):
    """Waits for a request for so long, and not for ever, however slowly it comes."""

    _deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        self._came()
        super().connection_lost(exc)

    def on_message_begin(self) -> None:
        self._wait()
        super().on_message_begin()

    def on_message_complete(self) -> None:
        self._came()
        super().on_message_complete()

    def _wait(self) -> None:
        self._came()
        self._deadline = self.loop.call_later(REQUEST_SECONDS, self._give_up)

    def _came(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _give_up(self) -> None:
        if not self.transport.is_closing():
            self.transport.abort()
