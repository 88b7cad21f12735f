"""HTTP/1.1 on a bare transport: keep-alive, pipelining, and nothing else."""

from __future__ import annotations

import asyncio
import json
import socket
import struct
from collections import deque
from collections.abc import Callable
from http import HTTPStatus
from typing import Any, NamedTuple, cast

import httptools

REASONS = {status.value: status.phrase for status in HTTPStatus}
LARGEST = 16 * 1024 * 1024
"""Bytes of a request that are kept."""

JSON = "application/json"
HTML = "text/html; charset=utf-8"


class Request(NamedTuple):
    """One request, read whole. ``path`` is as sent, still percent-encoded."""

    method: str
    path: str
    query: str
    headers: dict[bytes, bytes]
    body: bytes
    keep_alive: bool

    def header(self, name: bytes) -> str:
        return self.headers.get(name, b"").decode("latin-1")

    def json(self) -> Any:
        """The body, or None where it is no JSON."""
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError):
            return None


class Reply(NamedTuple):
    """One answer. ``headers`` holds whole lines."""

    status: int
    body: bytes
    kind: str = JSON
    headers: str = ""

    def raw(self, *, keep_alive: bool) -> bytes:
        connection = "" if keep_alive else "Connection: close\r\n"
        head = (
            f"HTTP/1.1 {self.status} {REASONS.get(self.status, 'Unknown')}\r\n"
            f"Content-Type: {self.kind}\r\nContent-Length: {len(self.body)}\r\n"
            f"{self.headers}{connection}\r\n"
        )
        return head.encode("latin-1") + self.body


dumps = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


def reply(status: int, value: object, headers: str = "") -> Reply:
    """An answer in JSON."""
    body = dumps(value).encode("utf-8", "surrogatepass")
    return Reply(status, body, JSON, headers)


class Connection(asyncio.Protocol):
    """One client. Its requests are handled one after the other, in their order."""

    def __init__(self, handle: Callable[[Request, Connection], None]) -> None:
        self._handle = handle
        self._parser = httptools.HttpRequestParser(self)
        self._waiting: deque[Request] = deque()
        self._busy = False
        self._draining = False
        self._transport: asyncio.Transport | None = None
        self._request: Request | None = None
        self.on_close: Callable[[], None] | None = None
        """Called when the client goes away with a request unanswered."""
        self.on_message_begin()

    # What the transport says

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def connection_lost(self, exc: Exception | None) -> None:
        del exc
        self._transport = None
        self._waiting.clear()
        if self.on_close is not None:
            self.on_close()

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self._write(Reply(400, b"").raw(keep_alive=False), keep_alive=False)

    # What the parser says

    def on_message_begin(self) -> None:
        self._url = b""
        self._headers: dict[bytes, bytes] = {}
        self._body: list[bytes] = []
        self._size = 0

    def on_url(self, url: bytes) -> None:
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers[name.lower()] = value

    def on_body(self, body: bytes) -> None:
        self._size += len(body)
        if self._size > LARGEST:
            raise ValueError("the request is too large")
        self._body.append(body)

    def on_message_complete(self) -> None:
        if not self.is_open:
            return
        path, _, query = self._url.decode("latin-1").partition("?")
        request = Request(
            self._parser.get_method().decode("latin-1"),
            path,
            query,
            self._headers,
            b"".join(self._body),
            self._parser.should_keep_alive(),
        )
        if self._busy:
            self._waiting.append(request)
        else:
            self._begin(request)

    # What the simulation does

    @property
    def is_open(self) -> bool:
        return self._transport is not None and not self._transport.is_closing()

    def answer(self, answer: Reply) -> bool:
        """Write the answer, and go on to the next request. True if it went out."""
        keep_alive = self._request is None or self._request.keep_alive
        sent = self._write(answer.raw(keep_alive=keep_alive), keep_alive=keep_alive)
        self._end()
        return sent

    def cut(self, part: bytes = b"", *, reset: bool = False) -> None:
        """Close without a whole answer, politely or with a reset."""
        if self._transport is None:
            return
        if part:
            self._transport.write(part)
            self._transport.close()
            return
        if reset:
            sock: socket.socket = self._transport.get_extra_info("socket")
            linger = struct.pack("ii", 1, 0)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self._transport.abort()

    def _begin(self, request: Request) -> None:
        self._busy, self._request = True, request
        self._handle(request, self)

    def _end(self) -> None:
        self._busy = False
        if self._draining:
            return
        # In a loop, for a long pipeline would recurse once for each request.
        self._draining = True
        while self._waiting and not self._busy and self.is_open:
            self._begin(self._waiting.popleft())
        self._draining = False

    def _write(self, data: bytes, *, keep_alive: bool) -> bool:
        transport = self._transport
        if transport is None or transport.is_closing():
            return False
        transport.write(data)
        if not keep_alive:
            transport.close()
        return True
