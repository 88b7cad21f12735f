"""The HTTP server: where it listens, how long it waits, and how it stops."""

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

from rescind.api.api_context import ApiContext
from rescind.api.raw_problems import crowded, malformed
from rescind.config.settings import Settings, SettingsError

log = structlog.get_logger("rescind.api")
REQUEST_SECONDS = 30.0
"""A request that has not arrived whole by then is aborted."""
READER_SECONDS = 30.0
"""A client that reads nothing of its answer for so long is disconnected."""
LARGEST_HEAD = 65_536
"""Bytes of a request's line and headers, about; the body is bounded elsewhere."""
IDLE_SECONDS = 15
"""An idle connection is closed after so long."""
GRACE_SECONDS = 10
"""Requests under way at shutdown have so long to end."""
MOST_CONNECTIONS = 1000
BACKLOG = 1024


def listen(chosen: Settings) -> socket.socket:
    """The socket that the HTTP API listens on; raises ``SettingsError``."""
    host, port = chosen.api_host, chosen.api_port
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # Without IPPROTO_TCP, asyncio leaves Nagle's delay on: 40 ms for each answer.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        # A client that connects before the server runs waits in this backlog.
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        raise SettingsError(
            f"the HTTP API cannot listen on {host}, port {port}:"
            f" {error.strerror or error}; set RESCIND_API_HOST and RESCIND_API_PORT"
        ) from None
    return listener


def serve(app: FastAPI, context: ApiContext, listener: socket.socket) -> None:
    """Answer requests until SIGTERM or SIGINT; requests under way end first."""
    signal.signal(signal.SIGTERM, _end)
    signal.signal(signal.SIGINT, _end)
    make_server(app, context).run(sockets=[listener])


def make_server(app: FastAPI, context: ApiContext) -> Server:
    config = uvicorn.Config(
        app,
        http=BoundedProtocol,
        ws="none",
        lifespan="on",
        log_config=None,
        log_level="warning",
        # An access log would show orders, which are part of addresses.
        access_log=False,
        server_header=False,
        backlog=BACKLOG,
        timeout_keep_alive=IDLE_SECONDS,
        timeout_graceful_shutdown=GRACE_SECONDS,
    )
    return Server(config, context)


def _end(_number: int, _frame: FrameType | None) -> None:
    # uvicorn raises the signal again after it has stopped.
    raise SystemExit(0)


class Server(uvicorn.Server):
    """A uvicorn server that tells event streams to end at shutdown."""

    def __init__(self, config: uvicorn.Config, context: ApiContext) -> None:
        super().__init__(config)
        self._context = context

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        self._context.stopping.set()
        super().handle_exit(sig, frame)


class BoundedProtocol(HttpToolsProtocol):
    """Bounds how long a client may take to send a request and to read its answer."""

    _deadline: asyncio.TimerHandle | None = None
    _unread: asyncio.TimerHandle | None = None
    _head_bytes = 0
    """Bytes that came since the last headers, body part or end of a request."""

    # --- bounds for the request -------------------------------------------------------

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_waiting()
        self._stop_waiting_for_reader()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        self._head_bytes += len(data)
        super().data_received(data)
        if self._head_bytes > LARGEST_HEAD:
            self._refuse_head()
        elif self._deadline is None and self._is_idle():
            # Empty lines, or the rest of an answered request, begin no request but
            # stop uvicorn's own idle timer.
            self._wait()

    def on_message_begin(self) -> None:
        self._wait()
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._head_bytes = 0
        self.app = self._app_for_now()
        super().on_headers_complete()

    def _app_for_now(self) -> Any:
        # uvicorn's own limit answers in plain text, without Retry-After.
        busy = max(len(self.connections), len(self.tasks)) >= MOST_CONNECTIONS
        return crowded if busy else self.config.loaded_app

    def send_400_response(self, msg: str) -> None:
        self.transport.write(malformed(msg))
        self.transport.close()

    def on_body(self, body: bytes) -> None:
        self._head_bytes = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._head_bytes = 0
        self._stop_waiting()
        super().on_message_complete()

    def _is_idle(self) -> bool:
        return self.cycle is None or self.cycle.response_complete

    def _refuse_head(self) -> None:
        if not self._is_idle():
            # A second answer cannot begin in the middle of one.
            self.transport.abort()
        elif not self.transport.is_closing():
            self.send_400_response(f"A head has {LARGEST_HEAD} bytes at most.")

    def _wait(self) -> None:
        self._stop_waiting()
        self._deadline = self.loop.call_later(REQUEST_SECONDS, self.transport.abort)

    def _stop_waiting(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    # --- bounds for the reader of the answer ------------------------------------------

    def pause_writing(self) -> None:
        super().pause_writing()
        self._wait_for_reader()

    def resume_writing(self) -> None:
        self._stop_waiting_for_reader()
        super().resume_writing()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._bound_closing()

    def timeout_keep_alive_handler(self) -> None:
        super().timeout_keep_alive_handler()
        self._bound_closing()

    def _bound_closing(self) -> None:
        # A closing transport stays a connection until the client has read all of it.
        if self.transport.is_closing():
            self._wait_for_reader()

    def _wait_for_reader(self) -> None:
        self._stop_waiting_for_reader()
        self._unread = self.loop.call_later(READER_SECONDS, self.transport.abort)

    def _stop_waiting_for_reader(self) -> None:
        if self._unread is not None:
            self._unread.cancel()
            self._unread = None
