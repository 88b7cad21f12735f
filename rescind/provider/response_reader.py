"""Reads one reply from a socket, within a total time and a size limit.

The parser is llhttp, the one of Node.js; bytes that it rejects are no answer. Each
receive ends when the whole call must end, so that a provider that sends its status
line, headers, ``100 Continue`` or body byte by byte cannot keep a call open.
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
    """The request was sent, and no complete reply came back."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to wait for a reply."""

    end_by: float
    """When the whole reply must have arrived, by ``time.monotonic``."""
    silence: float
    """Seconds that a single receive may take."""


def receive(
    sock: socket.socket, patience: Patience, largest: int
) -> tuple[Reply, bool]:
    """The reply, and whether its connection can take another call.

    The body has at most ``largest`` bytes and is not decoded; ``content_coding`` does
    that. The socket's timeout must be ``patience.silence``. Raises ``LostError``.
    """
    incoming = _Incoming(largest)
    try:
        while not incoming.whole:
            if data := _received(sock, patience, incoming):
                incoming.feed(data)
            else:
                incoming.end()
    finally:
        # The two refer to each other, and would wait for the garbage collector.
        del incoming.parser
    reply = Reply(incoming.status, incoming.headers, bytes(incoming.body))
    return reply, incoming.stays


def read_bytes(data: bytes, largest: int) -> Reply:
    """The reply in ``data``, which is complete."""
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
    """The status and headers of a reply, without its body."""
    incoming = _Incoming(0)
    try:
        while not incoming.headed:
            try:
                if data := _received(sock, patience, incoming):
                    incoming.feed(data)
                else:
                    incoming.end()
            except LostError:
                # A fault in the body does not matter here.
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
    """The part of a reply that has arrived. The parser calls its ``on_…`` methods."""

    def __init__(self, largest: int) -> None:
        self.status = 0
        self.headers: dict[str, str] = {}
        self.body = bytearray()
        self.headed = False
        """Whether the status and headers have arrived."""
        self.whole = False
        self.stays = False
        """Whether the connection can take another call."""
        self._largest = largest
        self._lines = 0
        self._begun = 0
        """Bytes of a line that is not complete yet."""
        self._fault: str | None = None
        self.parser = HttpResponseParser(self)
        # Not standard, but not ambiguous either: old servers send all of these.
        self.parser.set_dangerous_leniencies(
            lenient_optional_cr_before_lf=True,
            lenient_spaces_after_chunk_size=True,
            lenient_chunked_length=True,
        )

    def feed(self, data: bytes) -> None:
        """Parse ``data``; raises ``LostError`` if it cannot be part of a reply."""
        self._begun += len(data)
        try:
            self.parser.feed_data(data)
        except (HttpParserError, HttpParserUpgrade) as error:
            self.stays = False
            if not self.whole:
                raise LostError("connection lost: the reply is not HTTP") from error
        if self._begun > LONGEST_LINE:
            self._fault = f"a line of more than {LONGEST_LINE} bytes"
        if len(self.body) > self._largest:
            self._fault = f"a reply of more than {self._largest} bytes"
        if self._fault:
            raise LostError(self._fault)

    def end(self) -> None:
        """The stream has ended. Raises ``LostError`` if the reply is incomplete."""
        framed = {"content-length", "transfer-encoding"} & self.headers.keys()
        if not self.headed and not self._begun and not self._lines:
            raise LostError("connection lost: it was closed without an answer")
        if framed or not self.headed:
            raise LostError("the connection was lost in the middle of a reply")
        self.whole = True

    def on_message_begin(self) -> None:
        # The connection is not reused after a second reply to one request: the next
        # call could read the wrong one.
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
            # 100 Continue or another 1xx: the reply itself is still to come.
            self.headers = {}
