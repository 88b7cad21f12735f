"""An HTTP/1.1 server on a raw asyncio protocol, so that faults control the socket."""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

import httptools

JSON = "application/json; charset=utf-8"
HTML = "text/html; charset=utf-8"
REASONS = {status.value: status.phrase for status in HTTPStatus}
MAX_BODY = 64 * 1024 * 1024


@dataclass(slots=True)
class Request:
    """One complete request."""

    method: str = ""
    path: str = ""
    query: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    """Header values by name, in lower case."""
    body: bytes = b""
    keep_alive: bool = True

    def json(self) -> dict[str, Any]:
        """The body as a JSON object; an empty one if it is something else."""
        try:
            document = json.loads(self.body)
        except ValueError:
            return {}
        return document if isinstance(document, dict) else {}


@dataclass(slots=True)
class Reply:
    status: int
    body: bytes
    headers: tuple[tuple[str, str], ...] = ()
    kind: str = JSON

    def encode(self, keep_alive: bool) -> bytes:
        """The reply as bytes for the socket."""
        reason = REASONS.get(self.status, "Unknown")
        extra = "".join(f"{name}: {value}\r\n" for name, value in self.headers)
        stay = "keep-alive" if keep_alive else "close"
        head = (
            f"HTTP/1.1 {self.status} {reason}\r\nContent-Type: {self.kind}\r\n"
            f"Content-Length: {len(self.body)}\r\nConnection: {stay}\r\n{extra}\r\n"
        )
        return head.encode("latin-1") + self.body


def json_reply(status: int, document: object, *headers: tuple[str, str]) -> Reply:
    body = json.dumps(document, ensure_ascii=False, separators=(",", ":"))
    return Reply(status, body.encode(), headers)


def html_reply(status: int, text: str) -> Reply:
    page = f"<html><head><title>{text}</title></head><body><h1>{text}</h1></body>"
    return Reply(status, page.encode(), (), HTML)


class Connection(asyncio.Protocol):
    """A client's connection: passes on one request at a time, until it is answered."""

    def __init__(self, handle: Callable[[Request, Connection], None]) -> None:
        self._handle = handle
        self._parser = httptools.HttpRequestParser(self)
        self._transport: asyncio.Transport | None = None
        self._building = Request()
        self._chunks: list[bytes] = []
        self._size = 0
        self._waiting: deque[Request] = deque()
        self._current: Request | None = None

    @property
    def is_open(self) -> bool:
        return self._transport is not None and not self._transport.is_closing()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)  # noqa: S101
        self._transport = transport

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self._waiting.clear()

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserCallbackError as error:
            # A fault of the simulation, and not of the request: its author must see it.
            raise error.__context__ or error from None
        except httptools.HttpParserError:
            self._write(html_reply(400, "400 Bad Request"), keep_alive=False)
            self.drop()

    # --- called by the parser ---

    def on_message_begin(self) -> None:
        self._building, self._chunks, self._size = Request(), [], 0

    def on_url(self, url: bytes) -> None:
        self._building.path += url.decode("latin-1")

    def on_header(self, name: bytes, value: bytes) -> None:
        self._building.headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_body(self, body: bytes) -> None:
        self._size += len(body)
        if self._size > MAX_BODY:
            self.drop()
            return
        self._chunks.append(body)

    def on_message_complete(self) -> None:
        request = self._building
        request.method = self._parser.get_method().decode("latin-1")
        request.keep_alive = self._parser.should_keep_alive()
        request.path, _, request.query = request.path.partition("?")
        request.body = b"".join(self._chunks)
        self._waiting.append(request)
        self._next()

    # --- called by the handler ---

    def answer(self, reply: Reply) -> bool:
        """Send the reply; false if the client has disconnected."""
        if not self.is_open or self._current is None:
            return False
        keep_alive = self._current.keep_alive
        self._write(reply, keep_alive)
        self._current = None
        if not keep_alive:
            self.drop()
        else:
            self._next()
        return True

    def drop(self) -> None:
        """Close the connection; its open requests get no answer."""
        self._waiting.clear()
        self._current = None
        if self._transport is not None:
            self._transport.close()

    def _write(self, reply: Reply, keep_alive: bool) -> None:
        if self._transport is not None:
            self._transport.write(reply.encode(keep_alive))

    def _next(self) -> None:
        if self._current is None and self._waiting:
            self._current = self._waiting.popleft()
            self._handle(self._current, self)
