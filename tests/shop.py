"""A shop whose HTTP feed lists orders to cancel."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class Shop(ThreadingHTTPServer):
    """Answers as a test asks, and records the requests."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.status = 200
        self.headers: dict[str, str] = {}
        self.body = b""
        self.drips = False
        self.answers = threading.Event()
        """While it is not set, clients wait for their answer."""
        self.answers.set()
        self.was_asked = threading.Event()
        self.asked: list[tuple[str, dict[str, str]]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/orders"


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        shop = self.server
        assert isinstance(shop, Shop)
        shop.asked.append((self.path, dict(self.headers)))
        shop.was_asked.set()
        shop.answers.wait(60)
        with suppress(OSError):
            self._answer(shop)

    def _answer(self, shop: Shop) -> None:
        self.send_response(shop.status)
        for name, value in shop.headers.items():
            self.send_header(name, value)
        self.end_headers()
        while shop.drips:
            self.wfile.write(b" ")
            time.sleep(0.02)
        self.wfile.write(shop.body)

    def log_message(self, *_: Any) -> None:
        pass


@contextmanager
def serving() -> Iterator[Shop]:
    with Shop() as server:
        thread = threading.Thread(
            target=server.serve_forever, args=(0.01,), daemon=True
        )
        thread.start()
        yield server
        server.drips = False
        server.answers.set()
        server.shutdown()
        thread.join()
