"""The client of the question ``load`` counts what a server answers, and its errors."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from bench.http_load import Address, Kind, Limits, Seen, get, load, post
from bench.questions.load import Client, rows_of
from tests.conftest import free_port
from tests.loops import in_a_thread


class _Server(BaseHTTPRequestHandler):
    """Answers ``/ends`` by closing the connection, ``/wrong`` with 500, others 200."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        if self.path == "/ends":
            self.close_connection = True
            return
        self.send_response(500 if self.path == "/wrong" else 200)
        body = self.rfile.read(int(self.headers.get("Content-Length", 0))) or b"good"
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self) -> None:
        self.do_GET()

    def log_message(self, *_: object) -> None:
        """Print nothing."""


@contextmanager
def _serving() -> Iterator[Address]:
    with ThreadingHTTPServer(("127.0.0.1", 0), _Server) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield "127.0.0.1", server.server_port
        server.shutdown()
        thread.join()


def _kind(name: str, path: str, connections: int = 1, holds: bytes = b"") -> Kind:
    return Kind(name, connections, lambda *_: get(path), 200, holds)


def _measured(*kinds: Kind, requests: int = 40) -> Seen:
    with _serving() as address:
        return in_a_thread(lambda: load(address, kinds, Limits(30, requests)))


def test_every_request_has_one_time_under_its_kind() -> None:
    body = Kind("send", 2, lambda *_: post("/", b"sent"), 200, b"sent")
    seen = _measured(_kind("look", "/", 3, b"good"), body)
    assert seen.errors == 0, seen.examples
    assert sum(len(times) for times in seen.waits.values()) == 40
    assert all(seen.waits[name] for name in ("look", "send"))
    assert all(
        0 < one <= seen.seconds for times in seen.waits.values() for one in times
    )


def test_another_status_another_body_and_a_broken_connection_are_errors() -> None:
    wrong = _measured(_kind("wrong", "/wrong"), requests=3)
    assert wrong.errors == 3
    assert wrong.waits == {"wrong": []}
    assert "500" in wrong.examples[0]
    assert _measured(_kind("other", "/", holds=b"bad"), requests=2).errors == 2
    assert _measured(_kind("ends", "/ends"), requests=1).errors == 1


def test_a_server_that_is_not_there_is_an_error_for_each_connection() -> None:
    nowhere = ("127.0.0.1", free_port())
    kinds = [_kind("look", "/", 2)]
    seen = in_a_thread(lambda: load(nowhere, kinds, Limits(30, 10)))
    assert seen.errors == 2


def test_a_load_ends_with_its_time() -> None:
    with _serving() as address:
        kinds = [_kind("look", "/")]
        seen = in_a_thread(lambda: load(address, kinds, Limits(-1, 10)))
    assert (seen.errors, seen.waits) == (0, {"look": []})


def test_two_hundred_connections_use_two_tokens_and_never_send_an_order_twice() -> None:
    kinds = Client(["id"], ["a=1", "b=2"]).kinds()
    assert sum(kind.connections for kind in kinds) == 200
    sent = [kinds[2].request(place, number) for place, number in ((0, 1), (1, 2))]
    orders = [set(one.partition(b'"order": "')[2].split(b'"order": "')) for one in sent]
    assert len(orders[0]) == len(orders[1]) == 1_000
    assert orders[0].isdisjoint(orders[1])
    tokens = {
        kind.request(place, 1).split(b"\r\n")[2] for kind in kinds for place in (0, 1)
    }
    assert len(tokens) == 4, "two tokens, and a session of each"


def test_percentiles_are_over_all_rounds_and_any_error_is_a_missed_target() -> None:
    rounds = [Seen({"look": [0.001] * 99}, 1.0), Seen({"look": [0.5] * 99}, 3.0, 2)]
    rows = {(row.case, row.who): row for row in rows_of("sqlite", rounds)}
    assert rows["look, sqlite", "Rescind, p99"].samples == [500.0]
    assert rows["look, sqlite", "Rescind, p50"].samples == [1.0]
    assert rows["look, sqlite", "Rescind, requests"].samples == [99.0, 33.0]
    assert rows["errors, sqlite", "Rescind"].samples == [0.0, 2.0]
