"""Bytes that are no request, and errors of a simulation, at the sandbox's server."""

from __future__ import annotations

import asyncio

import pytest

from rescind.sandbox.raw_http import Connection, Request


class Far(asyncio.Transport):
    """The client's end of a connection."""

    def __init__(self) -> None:
        super().__init__()
        self.sent = b""
        self.closed = False

    def is_closing(self) -> bool:
        return self.closed

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.sent += bytes(data)

    def close(self) -> None:
        self.closed = True


def failing(_request: Request, _connection: Connection) -> None:
    raise LookupError("a mistake of the author")


def connected() -> tuple[Connection, Far]:
    connection, far = Connection(failing), Far()
    connection.connection_made(far)
    return connection, far


def test_bytes_that_are_no_request_are_answered_by_a_400() -> None:
    connection, far = connected()
    connection.data_received(b"nonsense\r\n\r\n")
    assert far.sent.startswith(b"HTTP/1.1 400 ")
    assert far.closed


def test_an_error_of_a_simulation_is_not_blamed_on_the_request() -> None:
    connection, far = connected()
    with pytest.raises(LookupError, match="a mistake of the author"):
        connection.data_received(b"GET /parcel/1 HTTP/1.1\r\nHost: a\r\n\r\n")
    assert not far.sent
