"""A producer's own server: records requests, and answers as a test asks."""

from __future__ import annotations

import json
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

OK = b"HTTP/1.1 204 No Content\r\n\r\n"


@dataclass(frozen=True)
class Heard:
    """One complete request."""

    line: str
    headers: dict[str, str]
    body: bytes

    @property
    def document(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.body)
        return found


Answer = Callable[[socket.socket, Heard], None]


def saying(answer: bytes) -> Answer:
    return lambda sock, _heard: sock.sendall(answer)


class Receiver:
    """A server with one request and one thread for each connection."""

    def __init__(self, context: ssl.SSLContext | None = None) -> None:
        self.answer: Answer = saying(OK)
        self.heard: list[Heard] = []
        self.connections = 0
        self._context = context
        self._ended = threading.Event()
        self._listening = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port = int(self._listening.getsockname()[1])
        self.host = f"127.0.0.1:{self.port}"
        self.url = f"{'https' if context else 'http'}://{self.host}/hook?key=1"
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    def ids(self) -> list[str]:
        return [one.headers["webhook-id"] for one in self.heard]

    def wait(self, seconds: float = 30) -> bool:
        """Wait in a slow answer for the server's end, or so long; whether it ended."""
        return self._ended.wait(seconds)

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                sock = self._listening.accept()[0]
                self.connections += 1
                serving = threading.Thread(target=self._serve, args=(sock,))
                self._threads.append(serving)
                serving.start()

    def _serve(self, sock: socket.socket) -> None:
        with suppress(OSError, ValueError), sock:
            sock.settimeout(30)
            found = (
                self._context.wrap_socket(sock, server_side=True)
                if (self._context)
                else sock
            )
            with found:
                heard = _read(found)
                self.heard.append(heard)
                self.answer(found, heard)

    def end(self) -> None:
        self._ended.set()
        with suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        for thread in self._threads:
            thread.join(5)


def _read(sock: socket.socket) -> Heard:
    data = b""
    while b"\r\n\r\n" not in data:
        data += _more(sock)
    head, _, body = data.partition(b"\r\n\r\n")
    line, *fields = head.decode("ascii").split("\r\n")
    pairs = (field.split(": ", 1) for field in fields)
    headers = {name.lower(): value for name, value in pairs}
    while len(body) < int(headers["content-length"]):
        body += _more(sock)
    return Heard(line, headers, body)


def _more(sock: socket.socket) -> bytes:
    data = sock.recv(65_536)
    if not data:
        raise ValueError("it ended in the middle")
    return data


@contextmanager
def receiving(context: ssl.SSLContext | None = None) -> Iterator[Receiver]:
    receiver = Receiver(context)
    try:
        yield receiver
    finally:
        receiver.end()
