"""A stub provider that accepts every cancel and counts the calls.

It sends only the replies that iletiMerkezi, iThink and notpanel document for a cancel
that works. The sandbox does far more, and its cost would be measured too.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, parse_qsl

import httptools

DONE = json.dumps(
    {"response": {"status": {"code": 200, "message": "İşlem başarılı"}}}
).encode()
SUCCESS = {"status": "Success", "remark": "", "refnum": "GK0034"}


@dataclass(frozen=True, slots=True)
class Call:
    """One call. ``at``: Unix time by the provider's clock."""

    provider: str
    operation: str
    at: float
    orders: Sequence[str]


@dataclass
class Books:
    """The calls since the last reset, and the delays of answers, in seconds."""

    latency: float = 0.0
    settle: float = 0.0
    """Seconds that notpanel takes to carry a cancel out."""
    calls: list[Call] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    """Calls by ``provider.operation``. Kept, since it is read often during calls."""
    cancelled: dict[str, float] = field(default_factory=dict)
    """The time of each order's first cancel."""
    waiting: dict[str, Callable[[float], None]] = field(default_factory=dict)
    """The function to call when an order's cancel arrives."""

    def note(self, call: Call) -> None:
        self.calls.append(call)
        self.counts[f"{call.provider}.{call.operation}"] += 1
        if call.operation != "cancel":
            return
        for order in call.orders:
            self.cancelled.setdefault(order, call.at)
            if self.waiting and order in self.waiting:
                self.waiting.pop(order)(call.at)

    def summary(self) -> dict[str, Any]:
        return {"orders": len(self.cancelled), "calls": dict(self.counts)}

    def listed(self) -> list[list[Any]]:
        return [[c.provider, c.operation, c.at, list(c.orders)] for c in self.calls]


def answer(books: Books, path: str, body: bytes, at: float) -> bytes | None:
    """The reply of the provider that ``path`` names. ``None`` if there is no such
    call."""
    provider = path[1:].partition("/")[0]
    found = {
        "/iletimerkezi/v1/cancel-order/json": _iletimerkezi,
        "/ithink/api_v3/order/cancel.json": _ithink,
        "/notpanel/api/v2": _notpanel,
    }.get(path)
    if found is None:
        return None
    operation, orders, reply = found(books, body, at)
    books.note(Call(provider, operation, at, orders))
    return reply


def _iletimerkezi(_: Books, body: bytes, __: float) -> tuple[str, list[str], bytes]:
    order = json.loads(body)["request"]["order"]["id"]
    return "cancel", [str(order)], DONE


def _ithink(_: Books, body: bytes, __: float) -> tuple[str, list[str], bytes]:
    orders = json.loads(body)["data"]["awb_numbers"].split(",")
    rows = {str(place): SUCCESS for place in range(1, len(orders) + 1)}
    said = {"status": "success", "status_code": 200, "html_message": "", "data": rows}
    return "cancel", orders, json.dumps(said).encode()


def _notpanel(books: Books, body: bytes, at: float) -> tuple[str, list[str], bytes]:
    form = dict(parse_qsl(body.decode()))
    single = "order" in form
    orders = [form["order"]] if single else form["orders"].split(",")
    said: Any
    if form["action"] == "cancel":
        said = [{"order": order, "cancel": order} for order in orders]
        reply = {"cancel": orders[0]} if single else said
        return "cancel", orders, json.dumps(reply).encode()
    said = {order: _status(books, order, at) for order in orders}
    return "status", orders, json.dumps(said[orders[0]] if single else said).encode()


def _status(books: Books, order: str, at: float) -> dict[str, str]:
    over = at >= books.cancelled.get(order, at) + books.settle
    word = "Cancelled" if over else "in_progress"
    return {"status": word, "charge": "0.50", "start_count": "1", "remains": "1000"}


class Connection(asyncio.Protocol):
    """One client's connection. It answers in the order of the requests."""

    def __init__(self, books: Books) -> None:
        self._books = books
        self._parser = httptools.HttpRequestParser(self)
        self._transport: asyncio.Transport | None = None
        self._url = b""
        self._body: list[bytes] = []
        self._answers: deque[bytes] = deque()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)  # noqa: S101
        self._transport = transport

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_message_begin(self) -> None:
        self._url, self._body = b"", []

    def on_url(self, url: bytes) -> None:
        self._url += url

    def on_body(self, body: bytes) -> None:
        self._body.append(body)

    def on_message_complete(self) -> None:
        path, _, query = self._url.decode("latin-1").partition("?")
        if path.startswith("/_bench/"):
            self._control(path.removeprefix("/_bench/"), parse_qs(query))
            return
        reply = answer(self._books, path, b"".join(self._body), time.time())
        encoded = _encoded(200, reply) if reply is not None else _encoded(404, b"{}")
        if self._books.latency > 0:
            loop = asyncio.get_running_loop()
            loop.call_later(self._books.latency, self._write, encoded)
        else:
            self._write(encoded)

    def _write(self, encoded: bytes) -> None:
        if self._transport is not None:
            self._transport.write(encoded)

    def _say(self, document: object) -> None:
        self._write(_encoded(200, json.dumps(document).encode()))

    def _control(self, what: str, query: dict[str, list[str]]) -> None:
        given = {name: values[0] for name, values in query.items()}
        books = self._books
        if what == "reset":
            latency, settle = given.get("latency", "0"), given.get("settle", "0")
            books.__init__(float(latency), float(settle))  # type: ignore[misc]
            self._say({})
        elif what == "wait":
            self._wait(given["order"])
        else:
            self._say(books.listed() if what == "calls" else books.summary())

    def _wait(self, order: str) -> None:
        """Answer when the order's cancel has arrived."""
        at = self._books.cancelled.get(order)
        if at is not None:
            self._say({"at": at})
        else:
            self._books.waiting[order] = lambda at: self._say({"at": at})


def _encoded(status: int, body: bytes) -> bytes:
    head = (
        f"HTTP/1.1 {status} {'OK' if status == 200 else 'Not Found'}\r\n"
        "Content-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


async def serve() -> None:
    """Listen on a free loopback port, print its address, and serve until ended."""
    books = Books()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(
        lambda: Connection(books), "127.0.0.1", 0, backlog=1024
    )
    port = server.sockets[0].getsockname()[1]
    print(f"http://127.0.0.1:{port}", flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve())
