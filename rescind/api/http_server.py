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

from rescind.api.api_context import Front
from rescind.config.settings import Settings, SettingsError

log = structlog.get_logger("rescind.api")
REQUEST_SECONDS = 30.0
"""A request that has not arrived whole by then is given up."""
READER_SECONDS = 30.0
"""Who reads nothing of an answer for so long has it no more."""
LARGEST_HEAD = 65_536
"""Bytes of a request's line and headers, about: what follows them is counted apart."""
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
    """Waits for a request, and for who reads the answer, for so long and no longer."""

    _deadline: asyncio.TimerHandle | None = None
    _unread: asyncio.TimerHandle | None = None
    _idly = 0
    """Bytes since the last that were of use."""

    # --- for a request, however slowly it comes ---------------------------------------

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        self._came()
        self._was_read()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        self._idly += len(data)
        super().data_received(data)
        if self._idly > LARGEST_HEAD:
            self._refuse_head()
        elif self._deadline is None and self._is_idle():
            # Empty lines, or the rest of what is answered: neither begins a request,
            # and either ends uvicorn's own waiting.
            self._wait()

    def on_message_begin(self) -> None:
        self._wait()
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._idly = 0
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        self._idly = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._idly = 0
        self._came()
        super().on_message_complete()

    def _is_idle(self) -> bool:
        return self.cycle is None or self.cycle.response_complete

    def _refuse_head(self) -> None:
        if not self._is_idle():
            # In the middle of an answer there is no room for another.
            self.transport.abort()
        elif not self.transport.is_closing():
            self.send_400_response(f"A head has {LARGEST_HEAD} bytes at most.")

    def _wait(self) -> None:
        self._came()
        self._deadline = self.loop.call_later(REQUEST_SECONDS, self.transport.abort)

    def _came(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    # --- for whoever reads the answer -------------------------------------------------

    def pause_writing(self) -> None:
        super().pause_writing()
        self._wait_for_reader()

    def resume_writing(self) -> None:
        self._was_read()
        super().resume_writing()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._see_closed()

    def timeout_keep_alive_handler(self) -> None:
        super().timeout_keep_alive_handler()
        self._see_closed()

    def _see_closed(self) -> None:
        # It closes once all is read, and counts as a connection until then.
        if self.transport.is_closing():
            self._wait_for_reader()

    def _wait_for_reader(self) -> None:
        self._was_read()
        self._unread = self.loop.call_later(READER_SECONDS, self.transport.abort)

    def _was_read(self) -> None:
        if self._unread is not None:
            self._unread.cancel()
            self._unread = None
