"""A request's head is bounded by lines, and names one host."""

from __future__ import annotations

from http.client import HTTPResponse

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rescind.api.bounded_protocol import LARGEST_HEAD
from rescind.api.request_heads import LINE_BYTES, HeadError, HeadSize, check_host
from tests.api.conftest import ApiServer
from tests.api.test_bodies import open_socket
from tests.api.test_connections import is_over

FIRST = b"GET /errors/conflict HTTP/1.1\r\n"
HOST = b"Host: api\r\n"
SHORT = b"a:b\r\n"
TOO_MANY = LARGEST_HEAD // LINE_BYTES


def answered(api: ApiServer, asked: bytes) -> bytes:
    with open_socket(api) as client:
        client.sendall(asked)
        return client.recv(65_536)


def test_many_short_lines_count_towards_the_limit(api: ApiServer) -> None:
    told = answered(api, FIRST + HOST + SHORT * TOO_MANY + b"\r\n")
    assert told.startswith(b"HTTP/1.1 400 ")
    assert b"A head has" in told
    few = answered(api, FIRST + HOST + SHORT * (TOO_MANY // 2) + b"\r\n")
    assert few.startswith(b"HTTP/1.1 200 ")


def test_a_head_that_arrives_at_once_counts_towards_the_limit(api: ApiServer) -> None:
    long = b"".join(b"X-%d: %s\r\n" % (n, b"a" * 1000) for n in range(70))
    assert answered(api, FIRST + HOST + long + b"\r\n").startswith(b"HTTP/1.1 400 ")


def test_the_address_counts_towards_the_limit(api: ApiServer) -> None:
    half = b"x" * (LARGEST_HEAD // 2)
    long = b"GET /%b HTTP/1.1\r\n" % half
    told = answered(api, long + HOST + b"X: %b\r\n\r\n" % half)
    assert told.startswith(b"HTTP/1.1 400 ")
    assert answered(api, long + HOST + b"\r\n").startswith(b"HTTP/1.1 404 ")


def test_trailers_count_towards_the_limit(api: ApiServer) -> None:
    chunked = b"POST /readyz HTTP/1.1\r\nTransfer-Encoding: chunked\r\n" + HOST
    with open_socket(api) as client:
        client.sendall(chunked + b"\r\n0\r\n" + SHORT * TOO_MANY)
        # The trailers never end: without a bound, the server would wait for more.
        assert is_over(client)


@pytest.mark.parametrize(
    "hosts",
    [b"", HOST * 2, HOST + b"Host: other\r\n", b"Host: a/b\r\n", b"Host: a b\r\n"],
    ids=["none", "twice the same", "two", "a path", "a space"],
)
def test_a_request_that_does_not_name_one_host_is_refused(
    api: ApiServer, hosts: bytes
) -> None:
    told = answered(api, FIRST + hosts + b"\r\n")
    assert told.startswith(b"HTTP/1.1 400 ")
    assert b"one header Host" in told


@pytest.mark.parametrize(
    "host", [b"api", b"api:8080", b"127.0.0.1:80", b"[::1]:8080", b"", b"a_b.local"]
)
def test_a_host_is_a_name_or_an_address(api: ApiServer, host: bytes) -> None:
    told = answered(api, FIRST + b"Host: " + host + b"\r\n\r\n")
    assert told.startswith(b"HTTP/1.1 200 ")


def test_http_1_0_needs_no_host(api: ApiServer) -> None:
    told = answered(api, b"GET /errors/conflict HTTP/1.0\r\n\r\n")
    assert told.startswith(b"HTTP/1.1 200 ")


def test_a_second_request_without_a_host_is_refused_too(api: ApiServer) -> None:
    with open_socket(api) as client:
        client.sendall(FIRST + HOST + b"\r\n")
        first = HTTPResponse(client)
        first.begin()
        assert first.status == 200
        first.read()
        client.sendall(FIRST + b"\r\n")
        assert client.recv(65_536).startswith(b"HTTP/1.1 400 ")


@given(lines=st.lists(st.binary(max_size=60), max_size=60))
def test_a_head_is_refused_exactly_when_its_lines_are_too_large(
    lines: list[bytes],
) -> None:
    size, total = HeadSize(1000), 0
    for line in lines:
        total += len(line) + LINE_BYTES
        if total > 1000:
            with pytest.raises(HeadError):
                size.add(line)
            return
        size.add(line)


@given(hosts=st.lists(st.sampled_from([b"api", b"[::1]:1", b" ok "]), max_size=3))
def test_only_http_1_0_may_leave_the_host_out(hosts: list[bytes]) -> None:
    headers = [(b"host", one) for one in hosts] + [(b"x", b"host")]
    for version in ("1.0", "1.1"):
        if len(hosts) == 1 or (not hosts and version == "1.0"):
            check_host(headers, version)
            continue
        with pytest.raises(HeadError):
            check_host(headers, version)
