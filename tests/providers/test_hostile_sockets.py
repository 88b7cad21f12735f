"""A provider that sends hostile bytes: it spoils its own call, and takes no more time
and memory than any other call may."""

from __future__ import annotations

import http.cookiejar
import logging
import socket
import ssl
import threading
import tracemalloc
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import rescind.provider.wire
from rescind.provider import session
from rescind.provider.http import Evidence
from rescind.provider.http_messages import Reply
from rescind.provider.outcomes import Parsed
from rescind.provider.policy import Policy
from rescind.provider.replies import LARGEST_BODY
from tests.providers.conftest import Tls, Wire
from tests.providers.test_http import DONE, POLICY, SECRET, read_whole, send, whole

HASTY = Policy.model_validate(
    {**POLICY.model_dump(), "connect_timeout": 0.2, "read_timeout": 0.2}
)
PATIENT = Policy.model_validate({**POLICY.model_dump(), "read_timeout": 30})
ON_ONE_WIRE = settings(
    max_examples=150,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"


def bodies(seen: list[bytes]) -> Callable[[Reply], Parsed]:
    """A parser that records each body that it gets."""

    def parse(reply: Reply) -> Parsed:
        reply.json_object()
        seen.append(reply.body)
        return DONE

    return parse


# --- time -----------------------------------------------------------------------------

ENDLESS: dict[str, tuple[bytes, bytes]] = {
    "status line": (b"HTTP/1.1 200 ", b"x"),
    "header": (OK + b"X: ", b"x"),
    "interim replies": (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    "interim header": (b"HTTP/1.1 100 Continue\r\nX: ", b"x"),
    "body without length": (OK + b"\r\n", b"x"),
    "length of a chunk": (CHUNKED, b"0"),
    "trailers": (CHUNKED + b"2\r\n{}\r\n0\r\n", b"X: y\r\n"),
}


@pytest.mark.parametrize("what", ENDLESS)
def test_a_reply_that_drips_for_ever_is_given_up_in_time(
    wire: Wire, stopwatch: Callable[[], float], what: str
) -> None:
    wire.drips(*ENDLESS[what], every=0.05)
    result = send(wire.url, policy=HASTY)
    assert result.evidence is Evidence.MAYBE_DONE
    # It may take 0.6 s; the reply itself has no end.
    assert stopwatch() < 10
    assert len(wire.requests) == 1 == wire.connections


@pytest.mark.parametrize(
    ("head", "drop"),
    [
        (b"", b"HTTP/1.1 100 Continue\r\nX: y\r\n\r\n" * 500),
        (CHUNKED + b"0\r\n", b"X: y\r\n" * 2000),
    ],
    ids=["interim replies", "trailers"],
)
def test_a_reply_that_pours_for_ever_is_given_up_in_time(
    wire: Wire, stopwatch: Callable[[], float], head: bytes, drop: bytes
) -> None:
    wire.drips(head, drop, every=0)
    assert send(wire.url, policy=HASTY).evidence is Evidence.MAYBE_DONE
    assert stopwatch() < 10


def test_headers_that_drip_through_tls_are_given_up_in_time(
    tls: Tls, certificate: Path
) -> None:
    pause = threading.Event()

    def say(secure: ssl.SSLSocket, _: socket.socket) -> None:
        read_whole(secure)
        secure.sendall(OK + b"X: ")
        while not pause.wait(0.05):
            secure.sendall(b"x")

    session.session().verify = str(certificate)
    result = send(tls(say), policy=HASTY)
    pause.set()
    assert result.evidence is Evidence.MAYBE_DONE


def test_a_handshake_that_drips_was_not_sent() -> None:
    over = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as server:

        def say() -> None:
            secure, _ = server.accept()
            with secure:
                secure.sendall(b"\x16\x03\x03\x40\x00")
                while not over.wait(0.05):
                    secure.sendall(b"\x00")

        thread = threading.Thread(target=say)
        thread.start()
        result = send(f"https://127.0.0.1:{server.getsockname()[1]}/", policy=HASTY)
        over.set()
        thread.join()
    assert result.evidence is Evidence.NOT_SENT
    assert result.detail == "no connection within 0.2 s"


def test_silence_between_two_parts_is_limited_to_one_read_timeout(
    wire: Wire,
) -> None:
    wire.answers(OK, keep_open=True)
    assert send(wire.url).detail == "no answer within 0.5 s"


# --- too late to be sent --------------------------------------------------------------


@pytest.fixture
def at(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Give every name the address 127.0.0.1 with these ports, in this order."""

    def resolve(*ports: int) -> None:
        kind = (socket.AF_INET, socket.SOCK_STREAM, 6, "")
        found = [(*kind, ("127.0.0.1", port)) for port in ports]
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)

    return resolve


def test_a_dead_address_does_not_prevent_the_next_one(
    wire: Wire, deaf_port: int, at: Callable[..., None]
) -> None:
    wire.answers(whole(200))
    at(deaf_port, wire.port)
    assert send("http://provider.test/").evidence is Evidence.ANSWERED


def test_a_connection_that_came_too_late_was_not_sent(
    wire: Wire, deaf_port: int, at: Callable[..., None]
) -> None:
    at(*[deaf_port] * 3, wire.port)
    result = send("http://provider.test/", policy=HASTY)
    assert result.evidence is Evidence.NOT_SENT
    assert wire.requests == []


@pytest.mark.parametrize("kept", [False, True], ids=["new", "kept"])
def test_nothing_is_sent_after_its_deadline(wire: Wire, kept: bool) -> None:
    def say(connection: socket.socket) -> None:
        connection.sendall(whole(200))

    say.keeps_alive = True  # type: ignore[attr-defined]
    wire.says = say
    soon = datetime.now(UTC) + timedelta(minutes=1)
    if kept:
        assert send(wire.url, send_by=soon).evidence is Evidence.ANSWERED
    past = datetime.now(UTC) - timedelta(seconds=1)
    assert send(wire.url, send_by=past).evidence is Evidence.NOT_SENT
    assert len(wire.requests) == int(kept)
    assert send(wire.url, send_by=soon).evidence is Evidence.ANSWERED


# --- memory ---------------------------------------------------------------------------


def highest(act: Callable[[], Any]) -> int:
    """Peak bytes of memory that ``act`` took."""
    tracemalloc.start()
    try:
        act()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_the_largest_headers_take_a_few_times_their_size(wire: Wire) -> None:
    lines = b"".join(b"X-%d: %s\r\n" % (n, b"y" * 65_000) for n in range(90))
    wire.answers(OK + lines + b"Content-Length: 2\r\n\r\n{}")
    assert highest(lambda: send(wire.url, policy=PATIENT)) < 12 * len(lines)


def test_many_small_chunks_take_no_more_memory_than_one_large(
    wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    largest = LARGEST_BODY // 32
    monkeypatch.setattr(rescind.provider.wire, "LARGEST_BODY", largest)
    wire.answers(CHUNKED, b"3\r\n[[[\r\n" * largest)
    assert highest(lambda: send(wire.url, policy=PATIENT)) < 4 * largest


@pytest.mark.parametrize(
    "headers",
    [b"X: y\r\n" * 200, b"X: " + b"y" * 70_000 + b"\r\n", b"y" * 200_000],
    ids=["too many", "one too long", "no line at all"],
)
def test_more_headers_than_the_limit_may_be_done(wire: Wire, headers: bytes) -> None:
    wire.answers(OK + headers + b"Content-Length: 2\r\n\r\n{}")
    assert send(wire.url).evidence is Evidence.MAYBE_DONE


# --- two calls on one connection ------------------------------------------------------


@pytest.mark.parametrize(
    "early",
    [
        b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n",
        OK + b'Content-Length: 4\r\n\r\n{"a"',
        b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 204 No Content\r\n\r\n",
    ],
    ids=["an interim reply", "a length too short", "a gateway's guess", "nothing"],
)
def test_a_late_reply_is_never_the_next_calls_answer(wire: Wire, early: bytes) -> None:
    def say(connection: socket.socket) -> None:
        if len(wire.requests) == 1:
            connection.sendall(early)
        else:
            late = wire.connections == 1
            connection.sendall(whole(200, '{"of": 1}' if late else '{"of": 2}'))

    say.keeps_alive = True  # type: ignore[attr-defined]
    wire.says = say
    seen: list[bytes] = []
    assert send(wire.url, bodies(seen)).evidence is Evidence.MAYBE_DONE
    assert send(wire.url, bodies(seen)).evidence is Evidence.ANSWERED
    assert seen == [b'{"of": 2}']


@pytest.mark.parametrize("more", ["", " ", "HTTP/1.1 200 OK\r\n"])
def test_an_unrequested_reply_is_never_the_next_calls_answer(
    wire: Wire, more: str
) -> None:
    def say(connection: socket.socket) -> None:
        number = len(wire.requests)
        connection.sendall(whole(200, f'{{"of": {number}}}') + whole(200, more))

    say.keeps_alive = True  # type: ignore[attr-defined]
    wire.says = say
    seen: list[bytes] = []
    for _ in range(3):
        assert send(wire.url, bodies(seen)).evidence is Evidence.ANSWERED
    assert seen == [b'{"of": 1}', b'{"of": 2}', b'{"of": 3}']
    assert wire.connections == 3


# --- invalid headers ------------------------------------------------------------------


@pytest.mark.parametrize(
    "length", ["\xb2", "9" * 5000, "-1", "+2", "0x2", "2.0", "1e3", "", "two", "2_0"]
)
@pytest.mark.parametrize("status", [200, 429, 500])
def test_a_length_that_is_no_number_raises_nothing(
    wire: Wire, status: int, length: str
) -> None:
    head = f"HTTP/1.1 {status} So\r\nContent-Length: {length}\r\n\r\n"
    wire.answers(head.encode("latin-1"), b"{}")
    seen: list[bytes] = []
    result = send(wire.url, bodies(seen))
    assert result.evidence is not Evidence.NOT_SENT
    assert seen == [b"{}"] * (result.evidence is Evidence.ANSWERED)


def test_a_cookie_is_not_read(wire: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[Any] = []
    monkeypatch.setattr(http.cookiejar, "parse_ns_headers", read.append)
    cookies = b"Set-Cookie: " + b"a;" * 30_000 + b"\r\n"
    wire.answers(OK + cookies * 90 + b"Content-Length: 2\r\n\r\n{}")
    assert send(wire.url).evidence is Evidence.ANSWERED
    assert read == []


def test_invalid_headers_are_not_logged(
    wire: Wire, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    wire.answers(OK + b"X: y\r\nwhat is " + SECRET.encode() + b"?\r\n\r\n{}")
    send(wire.url)
    assert SECRET not in caplog.text


def test_an_undocumented_error_of_a_library_may_be_done(
    wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise RecursionError(f"while reading {SECRET}")

    monkeypatch.setattr(rescind.provider.wire, "receive", fail)
    result = send(wire.url)
    assert result.evidence is Evidence.MAYBE_DONE
    assert SECRET not in repr(result)


# --- replies cut off at any byte, and any bytes ---------------------------------------

DOCUMENT = b'{"status": true, "ok": 1}'
# The last chunk's "0" says that the body is complete, whatever is missing after it.
REPLIES = {
    "length": (whole(200, DOCUMENT), b""),
    "end of connection": (OK + b"\r\n" + DOCUMENT, b""),
}


@pytest.mark.parametrize("form", REPLIES)
def test_a_reply_cut_off_before_its_last_byte_may_be_done(
    wire: Wire, form: str
) -> None:
    reply, rest = REPLIES[form]
    for end in range(len(reply)):
        wire.answers(reply[:end])
        assert send(wire.url).evidence is Evidence.MAYBE_DONE, reply[:end]
    wire.answers(reply, rest)
    assert send(wire.url).evidence is Evidence.ANSWERED


TOKENS = st.sampled_from(
    [
        b"HTTP/1.1 200 OK\r\n",
        b"HTTP/1.0 400 Bad\r\n",
        b"HTTP/0.9 200 OK\r\n",
        b"HTTP/9.9 200\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\n",
        b"HTTP/1.1 302 Found\r\nLocation: //[::1\r\n",
        b"HTTP/1.1 429 Slow\r\nRetry-After: \xb2\r\n",
        b"Content-Length: 2\r\n",
        b"Content-Length: \xb9\r\n",
        b"Content-Encoding: gzip\r\n",
        b"Content-Type: text/\xff;charset=\xb2\r\n",
        b"Transfer-Encoding: chunked\r\n",
        b"Transfer-Encoding: gzip, chunked\r\n",
        b"Set-Cookie: a=b; expires=1 Jan 99999 11:11:11\r\n",
        b": \r\n",
        b" folded\r\n",
        b"\r\n",
        b"\n",
        b"\x00",
        b"2\r\n{}\r\n",
        b"-5\r\n{}\r\n",
        b"0\r\n\r\n",
        b"{}",
        b"\xff\xfe{\x00}\x00",
    ]
)


@given(parts=st.lists(TOKENS | st.binary(max_size=20), max_size=10))
@ON_ONE_WIRE
def test_any_bytes_are_evidence_of_a_call(wire: Wire, parts: list[bytes]) -> None:
    wire.answers(b"".join(parts))
    seen: list[bytes] = []
    result = send(wire.url, bodies(seen))
    assert result.evidence is not Evidence.NOT_SENT
    if result.parsed is DONE or seen:
        assert seen == [b"{}"] or seen[0] in b"".join(parts)


@given(status=st.integers(100, 999), start=st.sampled_from(["HTTP/1.1", "HTTP/1.0"]))
@ON_ONE_WIRE
def test_only_an_answer_is_parsed(wire: Wire, status: int, start: str) -> None:
    wire.answers(f"{start} {status} So\r\nContent-Length: 2\r\n\r\n", "{}")
    seen: list[bytes] = []
    result = send(wire.url, bodies(seen))
    assert result.evidence is not Evidence.NOT_SENT
    if seen:
        assert 200 <= status < 500
        assert status not in (301, 302, 303, 304, 307, 308, 408, 429)
