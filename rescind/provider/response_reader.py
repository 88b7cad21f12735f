"""Reading one reply off a socket: all of it, in its time, and no more than that.

The parser is llhttp, that of Node.js: what it does not take for HTTP is no answer. Each
receive ends when the whole call has to, so that a provider that drips its status line,
its headers, ``100 Continue`` or its body cannot keep a call for ever.
"""

from __future__ import annotations

import socket
import time
from dataclasses import dataclass

from httptools import HttpParserError, HttpParserUpgrade, HttpResponseParser

from rescind.provider.http_messages import Reply

MOST_HEADERS = 100
LONGEST_LINE = 65_536
AT_ONCE = 65_536
"""Bytes of one receive."""


class LostError(Exception):
    """The request went out, and its answer did not come back whole."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a reply is waited for."""

    end_by: float
    """When all of it must have come, by ``time.monotonic``."""
    silence: float
    """Seconds that a single receive may take."""


def receive(
    sock: socket.socket, patience: Patience, largest: int
) -> tuple[Reply, bool]:
    """The reply, and whether its connection is good for another call.

    The body has at most ``largest`` bytes, and is as it came: ``content_coding``
    reads one that is compressed. The socket's timeout is the silence.
    """
    incoming = _Incoming(largest)
    try:
        while not incoming.whole:
            if data := _received(sock, patience, incoming):
                incoming.feed(data)
            else:
                incoming.end()
    finally:
        # Each refers to the other, and would wait for the collector.
        del incoming.parser
    reply = Reply(incoming.status, incoming.headers, bytes(incoming.body))
    return reply, incoming.stays


def read_bytes(data: bytes, largest: int) -> Reply:
    """The reply that these bytes are, where no more of them will come."""
    incoming = _Incoming(largest)
    try:
        if data:
            incoming.feed(data)
        if not incoming.whole:
            incoming.end()
    finally:
        del incoming.parser
    return Reply(incoming.status, incoming.headers, bytes(incoming.body))


def receive_head(sock: socket.socket, patience: Patience) -> Reply:
    """The status and headers of a reply; its body is not waited for, nor given back."""
    incoming = _Incoming(0)
    try:
        while not incoming.headed:
            try:
                if data := _received(sock, patience, incoming):
                    incoming.feed(data)
                else:
                    incoming.end()
            except LostError:
                # What is wrong with its body is no matter.
                if not incoming.headed:
                    raise
    finally:
        del incoming.parser
    return Reply(incoming.status, incoming.headers, b"")


def _received(sock: socket.socket, patience: Patience, incoming: _Incoming) -> bytes:
    left = patience.end_by - time.monotonic()
    if left > 0:
        if left < patience.silence:
            sock.settimeout(left)
        try:
            return sock.recv(AT_ONCE)
        except TimeoutError:
            if left > patience.silence:
                what = "nothing more of a reply" if incoming.headed else "no answer"
                raise LostError(f"{what} within {patience.silence:g} s") from None
    raise LostError("a reply that did not end within its time")


class _Incoming:
    """What has come of a reply so far. The parser calls its ``on_…`` methods."""

    def __init__(self, largest: int) -> None:
        self.status = 0
        self.headers: dict[str, str] = {}
        self.body = bytearray()
        self.headed = False
        """Whether its status and headers have come."""
        self.whole = False
        self.stays = False
        """Whether the connection is good for another call."""
        self._largest = largest
        self._lines = 0
        self._begun = 0
        """Bytes of a line whose end has not come yet."""
        self._fault: str | None = None
        self.parser = HttpResponseParser(self)
        # Sloppy, and as clear as what is right: old servers do all of it.
        self.parser.set_dangerous_leniencies(
            lenient_optional_cr_before_lf=True,
            lenient_spaces_after_chunk_size=True,
            lenient_chunked_length=True,
        )

    def feed(self, data: bytes) -> None:
        """Raises ``LostError`` where ``data`` is not what a reply may be."""
        self._begun += len(data)
        try:
            self.parser.feed_data(data)
        except (HttpParserError, HttpParserUpgrade) as error:
            self.stays = False
            if not self.whole:
                raise LostError("connection lost: that is no HTTP") from error
        if self._begun > LONGEST_LINE:
            self._fault = f"a line of more than {LONGEST_LINE} bytes"
        if len(self.body) > self._largest:
            self._fault = f"a reply of more than {self._largest} bytes"
        if self._fault:
            raise LostError(self._fault)

    def end(self) -> None:
        """Nothing more will come. Raises ``LostError`` if something is missing."""
        framed = {"content-length", "transfer-encoding"} & self.headers.keys()
        if not self.headed and not self._begun and not self._lines:
            raise LostError("connection lost: it was closed without an answer")
        if framed or not self.headed:
            raise LostError("the connection was lost in the middle of a reply")
        self.whole = True

    def on_message_begin(self) -> None:
        # More than one reply to one request: whose answer would the next one be?
        self.stays = False

    def on_header(self, name: bytes, value: bytes) -> None:
        self._begun = 0
        self._lines += 1
        if self._lines > MOST_HEADERS:
            self._fault = f"a reply of more than {MOST_HEADERS} headers"
        elif len(name) + len(value) > LONGEST_LINE:
            self._fault = f"a line of more than {LONGEST_LINE} bytes"
        elif not self.headed:
            self._add(name.decode("latin-1").lower(), value.decode("latin-1").strip())

    def _add(self, name: str, value: str) -> None:
        former = self.headers.get(name)
        self.headers[name] = value if former is None else f"{former}, {value}"

    def on_headers_complete(self) -> None:
        self._begun = 0
        if self.headed:
            return
        self.status = self.parser.get_status_code()
        self.headed = self.status >= 200
        if self.headers.get("transfer-encoding", "chunked").lower() != "chunked":
            self._fault = "a compressed reply, though none was asked for"

    def on_body(self, part: bytes) -> None:
        self._begun = 0
        if not self.whole:
            self.body += part

    def on_message_complete(self) -> None:
        if self.headed and not self.whole:
            self.whole = True
            self.stays = self.parser.should_keep_alive()
        elif not self.headed:
            # 100 Continue and its like: the reply itself is still to come.
            self.headers = {}
