"""The HTTP server: where it listens, how long it waits, and how it stops."""

from __future__ import annotations

import errno
import signal
import socket
from types import FrameType

import structlog
import uvicorn
from fastapi import FastAPI

from rescind import port_use
from rescind.api.api_context import ApiContext
from rescind.api.bounded_protocol import BoundedProtocol
from rescind.config.settings import Settings, SettingsError

log = structlog.get_logger("rescind.api")
IDLE_SECONDS = 15
"""An idle connection is closed after so long."""
GRACE_SECONDS = 10
"""Requests under way at shutdown have so long to end."""
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
        raise _cannot_listen(error, host, port) from None
    return listener


def _cannot_listen(error: OSError, host: str, port: int) -> SettingsError:
    why, problem = error.strerror or str(error), "setting-wrong"
    if error.errno == errno.EADDRINUSE:
        why, problem = port_use.taken(host, port), "port-taken"
    return SettingsError(
        f"the HTTP API cannot listen on {host}, port {port}: {why}; set"
        " RESCIND_API_HOST and RESCIND_API_PORT",
        problem,
    )


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
