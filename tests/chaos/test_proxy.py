"""The proxy forwards bytes; while it drops them, connections stay open."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator

import pytest

from chaos.proxy import Proxy


@pytest.fixture
def echo() -> Iterator[int]:
    """The port of a server that sends back what it receives."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                threading.Thread(target=repeat, args=[connection], daemon=True).start()

        def repeat(connection: socket.socket) -> None:
            with connection:
                while data := connection.recv(100):
                    connection.sendall(data)

        threading.Thread(target=serve, daemon=True).start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)


def connect(proxy: Proxy) -> socket.socket:
    return socket.create_connection(("127.0.0.1", proxy.port), timeout=60)


def hears_nothing(line: socket.socket) -> bool:
    line.settimeout(0.5)
    with pytest.raises(TimeoutError):
        line.recv(100)
    line.settimeout(60)
    return True


def test_what_is_said_passes_both_ways(echo: int) -> None:
    with Proxy(echo) as proxy, connect(proxy) as line:
        line.sendall(b"hello")
        assert line.recv(100) == b"hello"


def test_while_it_swallows_connections_stay_and_nothing_passes(echo: int) -> None:
    with Proxy(echo) as proxy, connect(proxy) as line:
        proxy.swallow()
        line.sendall(b"hello")
        assert hears_nothing(line)
        with connect(proxy) as another:
            another.sendall(b"hello")
            assert hears_nothing(another)


def test_once_it_is_healed_new_connections_pass_and_old_ones_do_not(echo: int) -> None:
    with Proxy(echo) as proxy, connect(proxy) as old:
        proxy.swallow()
        old.sendall(b"lost")
        assert hears_nothing(old)
        proxy.heal()
        old.sendall(b"more")
        assert hears_nothing(old)
        with connect(proxy) as new:
            new.sendall(b"hello")
            assert new.recv(100) == b"hello"
