from __future__ import annotations

import datetime as dt
import gzip
import json
import socket
import ssl
import threading
import tracemalloc
import zlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http import HTTPStatus
from pathlib import Path

import pytest
from certifi import where
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from urllib3.connection import HTTPConnection

import rescind.provider.wire
from rescind.provider import connection, session
from rescind.provider.http import Evidence, Exchange, exchange
from rescind.provider.http_messages import Reply, Request
from rescind.provider.masking import mask
from rescind.provider.outcomes import (
    UNKNOWN,
    BatchRefused,
    Finding,
    Findings,
    Held,
    Outcome,
    Parsed,
    Throttled,
    TokenRefused,
    UnreadableReplyError,
    unclear,
)
from rescind.provider.policy import Policy, seconds
from rescind.provider.redirects import only_upgrades
from rescind.provider.replies import LARGEST_BODY
from rescind.provider.throttling import LONGEST_WAIT, throttle_wait
from tests.providers.conftest import Tls, Wire

BODY = b'{"order":"1"}'
SECRET = "k3y-0123456789abcdef"
DONE = Findings({"1": Finding(Outcome.CANCELLED)})
POLICY = Policy(
    resend_delays=seconds(1),
    poll_delays=seconds(1),
    verify_delays=seconds(1),
    connect_timeout=0.5,
    read_timeout=0.5,
    throttle_wait=timedelta(seconds=33),
)
GOOD = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"


def parse(reply: Reply) -> Parsed:
    reply.json_object()
    return DONE


def send(
    url: str,
    parser: Callable[[Reply], Parsed] = parse,
    policy: Policy = POLICY,
    secrets: tuple[str, ...] = (SECRET,),
    method: str = "POST",
    send_by: datetime | None = None,
) -> Exchange:
    headers = {"Authorization": f"Token {SECRET}"}
    request = Request(method, url, headers, BODY)
    return exchange(request, parser, policy, secrets, send_by)


def read_whole(connection: ssl.SSLSocket) -> None:
    """Read the request of ``send`` completely: closing earlier would be a reset."""
    data = b""
    while not data.endswith(BODY):
        part = connection.recv(65536)
        assert part
        data += part


def status_line(status: int) -> str:
    return f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\n"


def whole(status: int, body: str | bytes = "{}", *headers: str) -> bytes:
    data = body.encode() if isinstance(body, str) else body
    lines = [f"Content-Length: {len(data)}", *headers]
    return (status_line(status) + "\r\n".join(lines) + "\r\n\r\n").encode() + data


def only_one_was_made(wire: Wire) -> bool:
    return len(wire.requests) == 1 == wire.connections


# --- the provider cannot have acted ---------------------------------------------------


def test_a_refused_connection_was_not_sent(closed_port: int) -> None:
    result = send(f"http://127.0.0.1:{closed_port}/")
    assert result.evidence is Evidence.NOT_SENT
    assert "not connected" in str(result.detail)
    assert "refused" in str(result.detail).lower()
    assert (result.status, result.parsed) == (None, None)


def test_a_host_without_an_address_was_not_sent() -> None:
    result = send("http://no-such-host.invalid/")
    assert result.evidence is Evidence.NOT_SENT
    assert "not connected" in str(result.detail)


def test_a_connection_that_times_out_was_not_sent(
    deaf_port: int, stopwatch: Callable[[], float]
) -> None:
    result = send(f"http://127.0.0.1:{deaf_port}/")
    assert result.evidence is Evidence.NOT_SENT
    assert result.detail == "no connection within 0.5 s"
    assert stopwatch() < 5


def test_an_invalid_address_was_not_sent() -> None:
    assert send("http://" + "a" * 70 + ".example/").evidence is Evidence.NOT_SENT


@pytest.mark.parametrize("token", ["a\nb", "a\r\nX: y", "ğ", " a"])
def test_a_credential_that_no_header_can_hold_was_not_sent(
    wire: Wire, token: str
) -> None:
    result = exchange(Request("GET", wire.url, {"Token": token}), parse, POLICY)
    assert result.evidence is Evidence.NOT_SENT
    assert "cannot be sent" in str(result.detail)
    assert wire.requests == []


def test_plain_http_at_a_tls_address_was_not_sent() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def say() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n" * 9)

        thread = threading.Thread(target=say)
        thread.start()
        result = send(f"https://127.0.0.1:{server.getsockname()[1]}/")
        thread.join()
    assert result.evidence is Evidence.NOT_SENT


def test_any_failure_while_connecting_was_not_sent(
    wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise RecursionError(f"while connecting with {SECRET}")

    monkeypatch.setattr(HTTPConnection, "connect", fail)
    result = send(wire.url)
    assert result.evidence is Evidence.NOT_SENT
    assert SECRET not in repr(result)


# --- TLS, with a certificate of our own -----------------------------------------------


def test_an_untrusted_certificate_was_not_sent(tls: Tls) -> None:
    heard: list[bytes] = []
    url = tls(lambda secure, _: heard.append(secure.recv(65536)))
    result = send(url)
    assert result.evidence is Evidence.NOT_SENT
    assert "certificate verify failed" in str(result.detail).lower()
    assert heard in ([], [b""])


def test_a_certificate_for_another_name_was_not_sent(
    tls: Tls, certificate: Path
) -> None:
    session.session().verify = str(certificate)
    result = send(tls(lambda secure, _: None).replace("127.0.0.1", "localhost"))
    assert result.evidence is Evidence.NOT_SENT
    assert "certificate is not valid for 'localhost'" in str(result.detail)


@pytest.mark.parametrize(
    "name", ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"]
)
def test_no_environment_variable_changes_the_trusted_certificates(
    tls: Tls, certificate: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv(name, str(certificate))
    result = send(tls(lambda secure, _: None))
    assert result.evidence is Evidence.NOT_SENT
    assert "certificate verify failed" in str(result.detail).lower()


def test_a_handshake_without_an_answer_was_not_sent() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        result = send(f"https://127.0.0.1:{server.getsockname()[1]}/")
    assert result.evidence is Evidence.NOT_SENT
    assert result.detail == "no connection within 0.5 s"


def test_an_answer_over_tls_is_read(tls: Tls, certificate: Path) -> None:
    def say(secure: ssl.SSLSocket, _: socket.socket) -> None:
        read_whole(secure)
        secure.sendall(GOOD.encode())

    session.session().verify = str(certificate)
    assert send(tls(say)).evidence is Evidence.ANSWERED


def test_tls_that_breaks_after_the_request_may_be_done(
    tls: Tls, certificate: Path
) -> None:
    def say(secure: ssl.SSLSocket, raw: socket.socket) -> None:
        read_whole(secure)
        # Plain bytes on a TLS connection: the client reports a failed handshake, though
        # the server has read the request.
        raw.sendall(b"HTTP/1.1 502 Bad Gateway\r\n\r\n" * 9)

    session.session().verify = str(certificate)
    assert send(tls(say)).evidence is Evidence.MAYBE_DONE


# --- the provider may have acted ------------------------------------------------------


def test_a_close_before_the_answer_may_be_done_and_is_never_resent(
    wire: Wire,
) -> None:
    wire.answers()
    result = send(wire.url)
    assert result.evidence is Evidence.MAYBE_DONE
    assert "connection lost" in str(result.detail)
    assert only_one_was_made(wire)


def test_a_reset_after_the_request_may_be_done_and_is_never_resent(
    wire: Wire,
) -> None:
    def say(connection: socket.socket) -> None:
        linger = b"\x01\x00\x00\x00\x00\x00\x00\x00"
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        connection.close()

    wire.says = say
    result = send(wire.url)
    assert result.evidence is Evidence.MAYBE_DONE
    assert only_one_was_made(wire)


def test_a_read_timeout_may_be_done_and_is_never_resent(
    wire: Wire, stopwatch: Callable[[], float]
) -> None:
    wire.answers(keep_open=True)
    result = send(wire.url)
    assert result.evidence is Evidence.MAYBE_DONE
    assert result.detail == "no answer within 0.5 s"
    assert stopwatch() < 5
    assert only_one_was_made(wire)


@pytest.mark.parametrize("method", ["POST", "PUT", "GET"])
def test_no_method_is_sent_twice(wire: Wire, method: str) -> None:
    wire.answers()
    assert send(wire.url, method=method).evidence is Evidence.MAYBE_DONE
    assert only_one_was_made(wire)


@pytest.mark.parametrize("status", [500, 501, 502, 503, 504, 599, 408, 300, 303, 304])
def test_a_status_that_decides_nothing_may_be_done_and_is_never_resent(
    wire: Wire, status: int
) -> None:
    size = 0 if status == 304 else 2
    wire.answers(f"HTTP/1.1 {status} So\r\nContent-Length: {size}\r\n\r\n{{}}")
    result = send(wire.url)
    assert (result.evidence, result.status) == (Evidence.MAYBE_DONE, status)
    assert result.detail == f"HTTP {status}"
    assert result.parsed is None
    assert only_one_was_made(wire)


@pytest.mark.parametrize(
    "reply",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n8\r\n{}",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2, 3\r\n\r\n{}",
        b"HTTP/1.1 400 Bad Request\r\nContent-Length: 100\r\n\r\n{}",
    ],
    ids=["short", "no last chunk", "half a chunk", "no chunk", "two lengths", "400"],
)
def test_a_truncated_reply_may_be_done_and_is_never_resent(
    wire: Wire, reply: bytes
) -> None:
    wire.answers(reply)
    result = send(wire.url)
    assert result.evidence is Evidence.MAYBE_DONE
    assert result.parsed is None
    assert only_one_was_made(wire)


@pytest.mark.parametrize(
    "reply",
    [b"\x00\x01\x02\r\n\r\n", b"CERTIFICATE_VERIFY_FAILED\r\n\r\n", b"HTTP/1.1 OK\r\n"],
    ids=["bytes", "words of a handshake", "no status"],
)
def test_a_reply_that_is_no_http_may_be_done_and_is_never_resent(
    wire: Wire, reply: bytes
) -> None:
    wire.answers(reply)
    assert send(wire.url).evidence is Evidence.MAYBE_DONE
    assert only_one_was_made(wire)


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "zstd"])
def test_a_decompression_bomb_may_be_done_is_not_decoded_and_holds_the_lane(
    wire: Wire, encoding: str
) -> None:
    bomb = b"[" * 10_000_000
    coded = zlib.compress(bomb) if encoding == "deflate" else gzip.compress(bomb)
    wire.answers(whole(200, coded, f"Content-Encoding: {encoding}"))
    tracemalloc.start()
    try:
        result = send(wire.url)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert result.evidence is Evidence.MAYBE_DONE
    assert isinstance(result.parsed, Held)
    assert result.parsed.by_gateway
    assert f"compressed reply ({encoding}" in result.parsed.why
    assert peak < 4 * LARGEST_BODY
    assert b"Accept-Encoding: identity" in wire.requests[0]
    assert only_one_was_made(wire)


@pytest.mark.parametrize("encoding", ["gzip", "Identity", "none", "UTF-8", "br"])
@pytest.mark.parametrize("status", [429, 503])
def test_the_status_is_read_with_any_content_coding(
    wire: Wire, encoding: str, status: int
) -> None:
    wire.answers(whole(status, b"x", f"Content-Encoding: {encoding}"))
    expected = Evidence.THROTTLED if status == 429 else Evidence.MAYBE_DONE
    assert send(wire.url).evidence is expected


@pytest.mark.parametrize("encoding", ["gzip", "x-gzip", "GZIP", "none", "", "identity"])
def test_a_reply_in_a_known_coding_is_an_answer(wire: Wire, encoding: str) -> None:
    plain = b'{"order": 1}'
    coded = gzip.compress(plain) if "gzip" in encoding.lower() else plain
    seen: list[bytes] = []

    def look(reply: Reply) -> Parsed:
        seen.append(reply.body)
        return DONE

    wire.answers(whole(200, coded, f"Content-Encoding: {encoding}"))
    assert send(wire.url, look).evidence is Evidence.ANSWERED
    assert seen == [plain]


@pytest.mark.parametrize("status", [200, 302, 429, 500])
@pytest.mark.parametrize("chunked", [False, True])
def test_a_huge_reply_may_be_done_and_is_not_kept(
    wire: Wire, status: int, chunked: bool
) -> None:
    block = b"x" * 65_536
    size = 200 * 1024 * 1024
    head = status_line(status) + "Location: /elsewhere\r\n"

    def say(connection: socket.socket) -> None:
        if chunked:
            connection.sendall(f"{head}Transfer-Encoding: chunked\r\n\r\n".encode())
        else:
            connection.sendall(f"{head}Content-Length: {size}\r\n\r\n".encode())
        for _ in range(size // len(block)):
            connection.sendall(b"10000\r\n" + block + b"\r\n" if chunked else block)

    wire.says = say
    tracemalloc.start()
    try:
        result = send(wire.url)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert result.evidence is Evidence.MAYBE_DONE
    assert str(LARGEST_BODY) in str(result.detail)
    assert peak < 4 * LARGEST_BODY
    assert only_one_was_made(wire)


@pytest.mark.parametrize("status", [200, 307, 500])
@pytest.mark.parametrize(
    ("head", "drop"),
    [("Content-Length: 100000", b"x"), ("Transfer-Encoding: chunked", b"1\r\nx\r\n")],
    ids=["length", "chunked"],
)
def test_a_reply_that_never_ends_is_given_up_in_time(
    wire: Wire, status: int, head: str, drop: bytes, stopwatch: Callable[[], float]
) -> None:
    lines = status_line(status) + "Location: /elsewhere\r\n" + head + "\r\n\r\n"
    wire.drips(lines.encode(), drop, 0.1)
    result = send(wire.url)
    assert result.evidence is Evidence.MAYBE_DONE
    assert "did not end within its time" in str(result.detail)
    # The deadline is 0.5 s to connect and twice 0.5 s to read.
    assert stopwatch() < 6
    assert only_one_was_made(wire)


def test_a_bug_in_a_parser_is_logged_with_its_place_and_without_the_reply(
    wire: Wire, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(reply: Reply) -> Parsed:
        raise KeyError(reply.body)

    wire.answers(whole(200, "a personal secret"))
    result = send(wire.url, broken)
    assert result.evidence is Evidence.MAYBE_DONE
    [said] = [one.getMessage() for one in caplog.records]
    assert said.startswith("a bug of ours: KeyError in ")
    assert Path(__file__).name in said
    assert "personal" not in caplog.text


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b'{"a":',
        b"\xff\xfe\x00",
        b"[1]",
        b"null",
        b'"x"',
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b"9" * 100_000,
        b"[" * 100_000 + b"]" * 100_000,
    ],
    ids=lambda body: f"{body[:8]!r} of {len(body)}",
)
@pytest.mark.parametrize("status", [200, 400])
def test_an_unreadable_reply_may_be_done_and_is_never_resent(
    wire: Wire, status: int, body: bytes
) -> None:
    wire.answers(whole(status, body))
    result = send(wire.url)
    assert (result.evidence, result.status) == (Evidence.MAYBE_DONE, status)
    assert f"HTTP {status} with" in str(result.detail)
    assert len(str(result.body)) <= 1000
    assert only_one_was_made(wire)


# --- answered -------------------------------------------------------------------------


@pytest.mark.parametrize("status", [200, 201, 202, 299, 400, 401, 403, 404, 422, 455])
def test_an_answer_is_parsed_once(wire: Wire, status: int) -> None:
    seen: list[Reply] = []

    def look(reply: Reply) -> Parsed:
        seen.append(reply)
        return DONE

    head = f"HTTP/1.1 {status} So\r\nX-Thing: Yes\r\nContent-Length: 7\r\n\r\n"
    wire.answers(head, '{"a":1}')
    result = send(wire.url, look)
    assert (result.evidence, result.status) == (Evidence.ANSWERED, status)
    assert result.parsed == DONE
    [reply] = seen
    assert (reply.status, reply.body) == (status, b'{"a":1}')
    assert reply.headers["x-thing"] == "Yes"
    assert result.body == (None if status < 300 else '{"a":1}')
    assert result.took > timedelta(0)
    assert only_one_was_made(wire)


@pytest.mark.parametrize(
    ("parsed", "kept"),
    [
        (Findings({"1": Finding(Outcome.REQUESTED)}), False),
        (Findings({"1": Finding(Outcome.REQUESTED), "2": UNKNOWN}), True),
        (Findings({"1": unclear("not in the list")}), False),
        (Findings({}), True),
    ],
)
def test_a_success_is_kept_if_it_leaves_open_what_became_of_an_order(
    wire: Wire, parsed: Parsed, kept: bool
) -> None:
    wire.answers(whole(200, '{"status": 7, "name": "Ada", "note": null}'))
    result = send(wire.url, lambda _: parsed)
    outline = '{"status": 7, "name": "***", "note": null}'
    assert result.body == (outline if kept else None)


@pytest.mark.parametrize("close", ["Connection: close", "X: y"])
def test_an_answer_that_ends_with_the_connection_is_complete(
    wire: Wire, close: str
) -> None:
    wire.answers(f"HTTP/1.1 200 OK\r\n{close}\r\n\r\n", "{}")
    assert send(wire.url).evidence is Evidence.ANSWERED


def test_an_answer_in_chunks_is_joined(wire: Wire) -> None:
    wire.answers(
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
        *(f"1\r\n{c}\r\n" for c in '{"ok":true}'),
        "0\r\n\r\n",
    )
    bodies: list[bytes] = []

    def look(reply: Reply) -> Parsed:
        bodies.append(reply.body)
        return DONE

    assert send(wire.url, look).evidence is Evidence.ANSWERED
    assert bodies == [b'{"ok":true}']


def test_a_request_arrives_as_it_was_built(wire: Wire) -> None:
    wire.answers(GOOD)
    send(wire.url + "/%2F%C3%BC?a=b,c")
    [request] = wire.requests
    head, _, body = request.partition(b"\r\n\r\n")
    assert head.startswith(b"POST /cancel/%2F%C3%BC?a=b,c HTTP/1.1\r\n")
    assert f"Authorization: Token {SECRET}".encode() in head
    assert b"User-Agent: rescind/" in head
    assert body == BODY


@given(bodies=st.lists(st.binary(max_size=12), max_size=6))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_each_of_many_requests_arrives_with_its_own_body(
    wire: Wire, bodies: list[bytes]
) -> None:
    wire.keeps_saying(GOOD)
    wire.requests.clear()
    for body in bodies:
        exchange(Request("POST", wire.url, {}, body), parse, POLICY)
    for body, request in zip(bodies, wire.requests, strict=True):
        head, _, arrived = request.partition(b"\r\n\r\n")
        assert arrived == body
        assert head.count(b"Content-Length: %d" % len(body)) == 1


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("http://shop.example/a", "shop.example"),
        ("http://shop.example:8080/a", "shop.example:8080"),
        ("https://shop.example/a", "shop.example"),
        ("https://shop.example:443/a", "shop.example"),
        ("https://shop.example:80/a", "shop.example:80"),
        ("https://[::1]:8443/a", "[::1]:8443"),
        ("https://gül.example/a", "xn--gl-xka.example"),
    ],
)
def test_the_host_is_named_as_its_address_has_it(url: str, host: str) -> None:
    lines = connection.prepare(Request("GET", url)).head.data.split(b"\r\n")
    assert lines[0] == b"GET /a HTTP/1.1"
    assert [li for li in lines if li.startswith(b"Host")] == [f"Host: {host}".encode()]


def test_a_connection_is_reused(wire: Wire) -> None:
    wire.keeps_saying(GOOD)
    results = [send(wire.url) for _ in range(3)]
    assert {one.evidence for one in results} == {Evidence.ANSWERED}
    assert (len(wire.requests), wire.connections) == (3, 1)


def test_a_kept_connection_that_the_provider_closed_is_replaced(wire: Wire) -> None:
    wire.answers(GOOD)
    first = send(wire.url)
    assert wire.closed.acquire(timeout=60)
    second = send(wire.url)
    assert first.evidence is second.evidence is Evidence.ANSWERED
    assert len(wire.requests) == 2


def test_a_thread_keeps_a_limited_number_of_connections(
    wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    wire.keeps_saying(GOOD)
    monkeypatch.setattr(connection, "MOST_KEPT", 1)
    other = wire.url.replace("127.0.0.1", "localhost")
    for url in (wire.url, wire.url, other, other, wire.url):
        assert send(url).evidence is Evidence.ANSWERED
    assert wire.connections == 3


def test_an_interrupted_call_leaves_no_connection(
    wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(*_: object) -> None:
        raise SystemExit

    wire.keeps_saying("")
    with monkeypatch.context() as broken:
        broken.setattr(rescind.provider.wire, "receive", stop)
        with pytest.raises(SystemExit):
            send(wire.url)
    wire.keeps_saying(GOOD)
    assert send(wire.url).evidence is Evidence.ANSWERED
    assert wire.connections == 2


@pytest.mark.parametrize(
    "head",
    [
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n",
        "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" + GOOD[:-2],
        "HTTP/1.1 200 OK\nContent-Length: 2\n\n",
        "HTTP/1.1 200\r\nContent-Length: 2\r\n\r\n",
        "HTTP/1.0 200 OK\r\n\r\n",
    ],
    ids=["100", "103", "bare line feeds", "no phrase", "1.0"],
)
def test_sloppy_but_unambiguous_replies_are_read(wire: Wire, head: str) -> None:
    wire.answers(head, "{}")
    assert send(wire.url).evidence is Evidence.ANSWERED


# --- throttled ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("header", "wait"),
    [
        ("Retry-After: 7", 7),
        ("Retry-After:  0 ", 1),
        ("Retry-After: 999999999999", LONGEST_WAIT.total_seconds()),
        ("Retry-After: soon", 33),
        ("Retry-After: -5", 33),
        ("Retry-After: ٧", 33),
        ("Retry-After: Wed, 21 Oct 2015 07:28:00 GMT", 1),
        ("Retry-After: Wed, 21 Oct 9999 07:28:00 GMT", LONGEST_WAIT.total_seconds()),
        ("Retry-After: Wed, 21 Oct 99999999999999 07:28:00 GMT", 33),
        ("X-RateLimit-Reset: 5", 1),
        ("X-RateLimit-Reset: 99999999999999999999", LONGEST_WAIT.total_seconds()),
        ("X-RateLimit-Reset: soon", 33),
        ("X-Nothing: 1", 33),
    ],
)
def test_a_throttled_call_names_its_wait_and_is_never_resent(
    wire: Wire, header: str, wait: float
) -> None:
    wire.answers(whole(429, "slow down", header))
    result = send(wire.url)
    assert (result.evidence, result.status) == (Evidence.THROTTLED, 429)
    assert isinstance(result.parsed, Throttled)
    assert result.parsed.wait.total_seconds() == wait
    assert result.body == "slow down"
    assert only_one_was_made(wire)


def test_the_wait_until_a_reset_is_a_second_longer(now: datetime) -> None:
    reset = str(int(now.timestamp()) + 40)
    waits = throttle_wait({"x-ratelimit-reset": reset}, now, timedelta(0))
    assert timedelta(seconds=40) < waits <= timedelta(seconds=41)


def test_a_wait_until_a_date_is_obeyed(now: datetime) -> None:
    date = format_datetime(now + timedelta(seconds=40), usegmt=True)
    wait = throttle_wait({"retry-after": date}, now, timedelta(0))
    assert timedelta(seconds=39) < wait <= timedelta(seconds=40)


def test_retry_after_is_preferred_to_reset(now: datetime) -> None:
    headers = {"retry-after": "7", "x-ratelimit-reset": str(int(now.timestamp()) + 40)}
    assert throttle_wait(headers, now, timedelta(0)) == timedelta(seconds=7)


@given(st.text() | st.from_regex(r"\w{3}, \d+ \w{3} \d+ \d+:\d+:\d+ [+-]?\w+"))
def test_the_wait_after_any_429_is_limited(value: str) -> None:
    moment = dt.datetime(2026, 11, 20, tzinfo=UTC)
    for name in ("retry-after", "x-ratelimit-reset"):
        wait = throttle_wait({name: value}, moment, timedelta(seconds=33))
        assert timedelta(seconds=1) <= wait <= LONGEST_WAIT


# --- redirects ------------------------------------------------------------------------


ELSEWHERE = ["{url}", "//[::1", "http://a b/", "", "ftp://x", "/%zz", "http://:x/"]
NEARLY = [
    "https://{host}:{port}/done",
    "https://{host}:{port}/cancel?done=1",
    "https://other.example/cancel",
    "https://somebody@{host}:{port}/cancel",
    "https://{host}:{port}/CANCEL",
    "https:/cancel",
]


@pytest.mark.parametrize("status", [301, 302, 307, 308])
@pytest.mark.parametrize("where", ELSEWHERE + NEARLY)
def test_a_redirect_holds_the_lane_may_be_done_and_is_never_followed(
    wire: Wire, status: int, where: str
) -> None:
    target = where.format(url=wire.url, host=wire.host, port=wire.port)
    wire.answers(whole(status, "", f"Location: {target}"))
    result = send(wire.url)
    assert (result.evidence, result.status) == (Evidence.MAYBE_DONE, status)
    assert isinstance(result.parsed, Held)
    assert f"HTTP {status}" in result.parsed.why
    assert only_one_was_made(wire)


@pytest.mark.parametrize("status", [301, 307, 308])
@pytest.mark.parametrize("where", ["https://{host}:{port}", "HTTPS://{host}"])
def test_a_redirect_to_https_at_the_same_place_was_not_acted_on(
    wire: Wire, status: int, where: str
) -> None:
    target = where.format(host=wire.host, port=wire.port)
    wire.answers(whole(status, "", f"Location: {target}/cancel"))
    result = send(wire.url)
    assert (result.evidence, result.status) == (Evidence.ANSWERED, status)
    assert isinstance(result.parsed, Held)
    assert only_one_was_made(wire)


@given(
    st.sampled_from([301, 302, 303, 307, 308]),
    st.sampled_from(["http", "https"]),
    st.sampled_from(["https://shop.example/a?b", "https://shop.example/a", "/a?b"]),
)
def test_no_other_redirect_proves_that_nothing_was_done(
    status: int, scheme: str, location: str
) -> None:
    reply = Reply(status, {"location": location})
    upgrade = scheme == "http" and location == "https://shop.example/a?b"
    proves = upgrade and status in (301, 307, 308)
    assert only_upgrades(f"{scheme}://shop.example/a?b", reply) is proves


# --- state between calls, and where calls go ------------------------------------------


def test_cookies_are_not_kept(wire: Wire) -> None:
    wire.answers(whole(200, "{}", "Set-Cookie: session=abc; Path=/"))
    for _ in range(2):
        send(wire.url)
        assert wire.closed.acquire(timeout=60)
    assert [b"cookie" in request.lower() for request in wire.requests] == [False, False]
    assert list(session.session().cookies) == []


def test_proxies_in_the_environment_are_ignored(
    wire: Wire, closed_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{closed_port}")
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    wire.answers(GOOD)
    assert send(wire.url).evidence is Evidence.ANSWERED


def test_a_netrc_file_adds_no_credentials(
    wire: Wire, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login somebody password else\n")
    monkeypatch.setenv("NETRC", str(netrc))
    wire.answers(GOOD)
    exchange(Request("GET", wire.url), parse, POLICY)
    assert b"authorization" not in wire.requests[0].lower()


def test_threads_do_not_share_a_session() -> None:
    sessions = [session.session(), session.session()]
    thread = threading.Thread(target=lambda: sessions.append(session.session()))
    thread.start()
    thread.join()
    assert sessions[0] is sessions[1]
    assert sessions[0] is not sessions[2]


# --- no secret is shown ---------------------------------------------------------------


@pytest.mark.parametrize("status", [400, 429, 500])
def test_a_secret_in_a_body_is_masked(wire: Wire, status: int) -> None:
    wire.answers(whole(status, json.dumps({"error": f"bad key {SECRET}"})))
    result = send(wire.url)
    assert "bad key ***" in str(result.body)
    assert SECRET not in repr(result)


def test_a_secret_in_an_unreadable_body_is_masked(wire: Wire) -> None:
    wire.answers(whole(200, f"<html>{SECRET}</html>"))
    result = send(wire.url)
    assert result.body == "<html>***</html>"


def test_a_secret_in_an_error_is_masked(wire: Wire) -> None:
    def fail(_: Reply) -> Parsed:
        raise UnreadableReplyError(f"what is {SECRET}?")

    wire.answers(GOOD)
    assert send(wire.url, fail).detail == "what is ***?"


def test_a_secret_in_a_status_line_is_masked(wire: Wire) -> None:
    wire.answers(f"{SECRET}\r\n\r\n")
    assert SECRET not in repr(send(wire.url))


@pytest.mark.parametrize(
    "parsed",
    [
        Findings({"1": Finding(Outcome.REFUSED, None, SECRET, f"no {SECRET}")}),
        BatchRefused(Finding(Outcome.REFUSED, None, SECRET, f"no {SECRET}")),
        Held(f"check {SECRET}"),
        TokenRefused(f"check {SECRET}"),
    ],
    ids=lambda parsed: type(parsed).__name__,
)
def test_a_secret_in_the_providers_words_is_masked(wire: Wire, parsed: Parsed) -> None:
    wire.answers(GOOD)
    result = send(wire.url, lambda _: parsed)
    assert type(result.parsed) is type(parsed)
    assert SECRET not in repr(result.parsed)
    assert "***" in repr(result.parsed)


@pytest.mark.parametrize("order", [("abcd", "abcdefgh"), ("abcdefgh", "abcd")])
def test_of_two_overlapping_secrets_nothing_is_left(order: tuple[str, ...]) -> None:
    assert mask("<abcdefgh>", order) == "<***>"


AWKWARD = 'p"a/ss\\wörd&<1>'


@pytest.mark.parametrize(
    "spelt",
    [
        json.dumps(AWKWARD)[1:-1],
        json.dumps(AWKWARD, ensure_ascii=False)[1:-1],
        json.dumps(AWKWARD)[1:-1].replace("/", "\\/"),
        "p%22a%2Fss%5Cw%C3%B6rd%26%3C1%3E",
        "p&quot;a/ss\\wörd&amp;&lt;1&gt;",
    ],
)
def test_a_secret_is_masked_in_every_spelling(spelt: str) -> None:
    assert mask(f'{{"password":"{spelt}"}}', (AWKWARD,)) == '{"password":"***"}'


@given(st.text(), st.lists(st.text(min_size=4), max_size=3))
def test_masked_text_holds_no_secret_and_is_short(
    text: str, secrets: list[str]
) -> None:
    masked = mask(text + "".join(secrets), tuple(secrets))
    assert len(masked) <= 1000
    assert "\x00" not in masked
    for secret in secrets:
        assert secret not in masked.replace("***", "")


def test_a_secret_cut_off_at_the_end_of_the_body_is_not_shown(
    wire: Wire,
) -> None:
    filler = SECRET * 2000
    wire.answers(whole(400, filler))
    assert "k3y" not in str(send(wire.url).body)


def test_threads_that_connect_at_once_read_the_authorities_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made: list[ssl.SSLContext] = []
    other = threading.Event()

    def made_slowly() -> ssl.SSLContext:
        if made:
            other.set()
        made.append(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT))
        # Long enough for another thread to begin, unless a lock prevents it.
        other.wait(0.3)
        return made[-1]

    monkeypatch.setattr(connection, "create_urllib3_context", made_slowly)
    connection._trusting.cache_clear()
    with ThreadPoolExecutor(2) as threads:
        asked = [threads.submit(connection.trusting, where()) for _ in range(2)]
        given_to = [one.result() for one in asked]
    connection._trusting.cache_clear()
    assert given_to == made * 2


# --- both clocks ----------------------------------------------------------------------


class Clocks:
    """A wire that never sends; its clocks move while it connects."""

    def __init__(self, of_day: float, monotonic: float) -> None:
        self.at, self.since = datetime(2026, 11, 20, 12, tzinfo=UTC), 100.0
        self._moves = (of_day, monotonic)
        self.sent = self.left = False

    def now(self) -> datetime:
        return self.at

    def earliest(self) -> datetime:
        return self.at

    def monotonic(self) -> float:
        return self.since

    def connect(self, head: object, seconds: float, verify: bool | str) -> Clocks:
        del head, seconds
        of_day, monotonic = self._moves
        self.at += timedelta(seconds=of_day)
        self.since += monotonic
        return self

    def prepare(self, patience: object) -> None:
        pass

    def ask(self, body: bytes, patience: object) -> Reply:
        self.sent = True
        return Reply(200, {}, b"{}")

    def leave(self) -> None:
        self.left = True

    def forget(self) -> None:
        pass


@pytest.mark.parametrize(
    ("of_day", "monotonic", "sent"),
    [
        pytest.param(1.0, 1.0, True, id="in time"),
        pytest.param(3.0, 3.0, False, id="too late"),
        pytest.param(1800.0, 0.5, False, id="the machine was suspended"),
        pytest.param(-3600.0, 3.0, False, id="the time of day was set back"),
    ],
)
def test_a_request_is_sent_only_if_both_clocks_are_in_time(
    of_day: float, monotonic: float, sent: bool
) -> None:
    clocks = Clocks(of_day, monotonic)
    send_by = clocks.at + timedelta(seconds=2)
    request = Request("POST", "https://provider.example", {}, b"{}")
    result = exchange(request, parse, POLICY, (), send_by, clocks)
    assert (clocks.sent, clocks.left) == (sent, not sent)
    assert result.evidence is (Evidence.ANSWERED if sent else Evidence.NOT_SENT)
