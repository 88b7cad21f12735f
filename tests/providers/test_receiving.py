"""A reply is read the same in any pieces, and only within its time."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rescind.provider.response_reader import LostError, Patience, _Incoming, receive

CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n"
PLAIN = b'HTTP/1.1 200 OK\r\nRETRY-AFTER: 7\r\nContent-Length: 8\r\n\r\n{"a": 1}'
REPLIES = [
    b'HTTP/1.1 455 So\r\nRetry-After:  7 \r\nContent-Length: 8\r\n\r\n{"a": 1}',
    CHUNKED + b'Retry-After: 7\r\n\r\n3\r\n{"a\r\n5;x=y\r\n": 1}\r\n0\r\nT: u\r\n\r\n',
    b"HTTP/1.1 100 Continue\r\nRetry-After: 9\r\n\r\n" + PLAIN,
]


@given(st.sampled_from(REPLIES), st.sets(st.integers(1, 120)))
def test_a_reply_is_the_same_in_any_pieces(reply: bytes, cuts: set[int]) -> None:
    incoming = _Incoming(1000)
    places = [0, *sorted(cuts), len(reply)]
    for begin, end in pairwise(places):
        incoming.feed(reply[begin:end])
    assert incoming.whole
    assert bytes(incoming.body) == b'{"a": 1}'
    assert incoming.headers["retry-after"] == "7"
    assert "t" not in incoming.headers


def test_headers_of_one_name_are_joined() -> None:
    incoming = _Incoming(1000)
    incoming.feed(b"HTTP/1.1 200 OK\r\nX: a\r\nx: b\r\n\r\n")
    assert incoming.headers == {"x": "a, b"}


@pytest.mark.parametrize(
    "line",
    [b"HTTP/1.1 200 ", b"HTTP/1.1 200 OK\r\nX: ", b"HTTP/1.1 200 OK\r\nX"],
    ids=["status", "value", "name"],
)
def test_a_line_without_an_end_is_cut_off(line: bytes) -> None:
    incoming = _Incoming(1000)
    incoming.feed(line)
    for _ in range(65):
        incoming.feed(b"x" * 1000)
    with pytest.raises(LostError, match="a line of more than 65536 bytes"):
        incoming.feed(b"x" * 1000)


def test_waiting_ends_with_the_time_of_the_whole_reply(
    stopwatch: Callable[[], float],
) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.settimeout(60)
        patience = Patience(time.monotonic() + 0.2, silence=60)
        with pytest.raises(LostError, match="did not end within its time"):
            receive(ours, patience, 1000)
    assert stopwatch() < 30
