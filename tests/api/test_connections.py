"""A client that neither sends nor reads holds no connection for long."""

from __future__ import annotations

import socket

import pytest

from rescind.api import bounded_protocol
from tests.api.conftest import ApiServer
from tests.api.test_bodies import open_socket
from tests.tasks.conftest import until

ASKED = b"GET /errors/conflict HTTP/1.1\r\nHost: api\r\n\r\n"
LARGE = b"GET /openapi.json HTTP/1.1\r\nHost: api\r\n\r\n"
HEAD = b"GET /errors/conflict HTTP/1.1\r\nHost: api\r\n"
CHUNKED = b"POST /desk/sign-out HTTP/1.1\r\nHost: api\r\nTransfer-Encoding: chunked\r\n"


def is_over(client: socket.socket) -> bool:
    """Whether the server has closed the connection, after any answer."""
    try:
        while client.recv(65_536):
            pass
    except ConnectionError:
        pass
    return True


@pytest.mark.parametrize("more", [b"\r\n", b"\r\n\r\n\r\n"])
def test_empty_lines_keep_no_connection_open(
    api: ApiServer, monkeypatch: pytest.MonkeyPatch, more: bytes
) -> None:
    monkeypatch.setattr(bounded_protocol, "REQUEST_SECONDS", 0.2)
    with open_socket(api) as client:
        client.sendall(ASKED)
        assert client.recv(65_536).startswith(b"HTTP/1.1 200 ")
        client.sendall(more)
        assert is_over(client)


def test_a_body_that_comes_after_its_answer_keeps_no_connection_open(
    api: ApiServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bounded_protocol, "REQUEST_SECONDS", 0.2)
    with open_socket(api) as client:
        client.sendall(HEAD + b"Content-Length: 2\r\n\r\n")
        assert client.recv(65_536).startswith(b"HTTP/1.1 200 ")
        client.sendall(b"{}")
        assert is_over(client)


@pytest.mark.parametrize("read", [0, 1])
def test_a_client_that_does_not_read_its_answer_is_disconnected(
    api: ApiServer, monkeypatch: pytest.MonkeyPatch, read: int
) -> None:
    with open_socket(api) as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.sendall(ASKED)
        client.recv(read)
        connections = api.server.server_state.connections
        until(lambda: len(connections) == 1, "the server to accept it")
        (theirs,) = connections
        monkeypatch.setattr(bounded_protocol, "READER_SECONDS", 0.2)
        client.sendall(LARGE * 400)
        until(lambda: theirs not in connections)
    until(lambda: not api.server.server_state.tasks)


@pytest.mark.parametrize(
    "begun",
    [
        HEAD + b"X: ",
        b"GET /",
        CHUNKED + b"\r\n0\r\nX: ",
        CHUNKED + b"\r\n5;x=",
    ],
    ids=["a header", "an address", "a trailer", "a chunk's extension"],
)
def test_a_head_that_does_not_end_is_read_no_further(
    api: ApiServer, begun: bytes
) -> None:
    with open_socket(api) as client, pytest.raises(ConnectionError):
        flood(client, begun)
    assert api.get("/errors/conflict").status_code == 200


def flood(client: socket.socket, begun: bytes) -> None:
    client.sendall(begun)
    for _ in range(2000):
        client.sendall(b"a" * 65_536)


def test_a_head_of_many_headers_is_accepted(api: ApiServer) -> None:
    many = b"".join(b"X-%d: %s\r\n" % (n, b"a" * 500) for n in range(100))
    with open_socket(api) as client:
        client.sendall(HEAD + many + b"\r\n")
        assert client.recv(65_536).startswith(b"HTTP/1.1 200 ")
