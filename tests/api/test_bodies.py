"""Whatever is sent, the answer is a good one or a problem in a sentence."""

from __future__ import annotations

import json
import socket
import threading

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from rescind.api import bodies, http_server
from rescind.api.bodies import LARGEST, SMALL
from rescind.intake.validation import FIELDS
from tests.api.conftest import EVERYTHING, SERVING, Door, problem

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=30)
    | st.sampled_from(["notpanel", "akinon", "ord_1", "default", "+1h", "\ud800"]),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(max_size=10), inner, max_size=4)
    ),
    max_leaves=12,
)
ENTRY = st.fixed_dictionaries({}, optional=dict.fromkeys([*FIELDS, "else"], JSON))
BODY = JSON | ENTRY | st.fixed_dictionaries({"cancellations": st.lists(ENTRY | JSON)})
GOOD = '{"provider": "notpanel", "order": "ord_1"}'
QUICKLY = settings(
    max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@given(body=BODY)
@example(body={"provider": 10**400, "order": 1e308})
@example(body={"provider": "notpanel", "order": "ord_\ud800", "metadata": {"a": "\0"}})
@QUICKLY
def test_any_json_is_answered_with_a_receipt_or_a_problem(
    door: Door, body: object
) -> None:
    answer = door.send(json.dumps(body))
    if answer.status_code == 202:
        told = answer.json()
        assert told.get("receipt") in ("accepted", "duplicate") or told["counts"]
        return
    assert answer.headers["Content-Type"] == "application/problem+json"
    told = answer.json()
    assert 400 <= told["status"] == answer.status_code < 500
    assert told["detail"]


@given(body=st.binary(max_size=60) | st.text(max_size=60).map(str.encode))
@QUICKLY
def test_any_bytes_are_answered_with_a_problem(door: Door, body: bytes) -> None:
    answer = door.send(body)
    assert answer.status_code in (202, 400, 422), body
    assert "Traceback" not in answer.text


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ("", "must be a cancellation"),
        ("{", "Expecting property name"),
        ('{"order": NaN}', "NaN is not a JSON number"),
        ('{"order": -Infinity}', "-Infinity is not a JSON number"),
        ('{"order": "1", "order": "2"}', "the same name twice"),
        ('{"metadata": {"a": 1, "a": 1}}', "the same name twice"),
        ("[" * 100_000, "nested too deeply"),
        ('{"a":' * 100_000, "nested too deeply"),
        (f'{{"order": {"9" * 5000}}}', "too many digits"),
        (b'{"order": "\xff"}', "not UTF-8"),
        (GOOD.encode("utf-16"), "not UTF-8"),
        (f"{GOOD} {GOOD}", "Extra data"),
    ],
)
def test_what_is_no_json_is_said_in_a_sentence(
    door: Door, body: str | bytes, says: str
) -> None:
    told = problem(door.send(body), 400, "invalid-request")
    assert says in told["detail"]
    assert door.rows() == []


def test_what_is_sent_as_something_else_is_not_read(door: Door) -> None:
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/x"):
        problem(door.send(GOOD, **{"Content-Type": kind}), 415, "invalid-request")
    assert door.rows() == []
    for kind in ("application/json; charset=utf-8", "application/vnd.shop+json"):
        assert door.send(GOOD, **{"Content-Type": kind}).status_code == 202


def test_a_body_that_is_too_large_is_not_read_to_its_end(door: Door) -> None:
    problem(door.send(b" " * (LARGEST + 1)), 413, "body-too-large")
    assert door.send(GOOD + " " * (LARGEST - len(GOOD))).status_code == 202


@pytest.mark.parametrize("large", [True, False])
def test_a_large_body_is_read_beside_the_loop_that_serves_others(
    door: Door, monkeypatch: pytest.MonkeyPatch, large: bool
) -> None:
    real, beside = bodies.parse, []

    def parse(body: bytes) -> object:
        beside.append(threading.current_thread() is not serving)
        return real(body)

    serving = next(one for one in threading.enumerate() if one.name == SERVING)
    monkeypatch.setattr(bodies, "parse", parse)
    assert door.send(GOOD + " " * (SMALL if large else 0)).status_code == 202
    assert beside == [large]


def test_the_bound_holds_for_a_body_of_unknown_length(door: Door) -> None:
    with open_socket(door) as client:
        client.sendall(head("Transfer-Encoding: chunked"))
        chunk = b"10000\r\n" + b" " * 65_536 + b"\r\n"
        for _ in range(LARGEST // 65_536 + 1):
            client.sendall(chunk)
        assert client.recv(65_536).startswith(b"HTTP/1.1 413 ")
    assert door.rows() == []


def open_socket(door: Door) -> socket.socket:
    host, _, port = door.url.removeprefix("http://").partition(":")
    return socket.create_connection((host, int(port)), timeout=20)


def head(*lines: str) -> bytes:
    given = [
        "POST /v1/cancellations HTTP/1.1",
        "Host: door",
        f"Authorization: Bearer {EVERYTHING}",
        *lines,
    ]
    return "\r\n".join([*given, "", ""]).encode()


@pytest.mark.parametrize(
    "part",
    [
        b"",
        b"POST /v1/cancell",
        b"POST /v1/cancellations HTTP/1.1\r\nHost: door\r\n",
        head("Content-Length: 100"),
        head("Content-Length: 100") + b'{"provider"',
        head("Transfer-Encoding: chunked") + b"5\r\n12",
    ],
)
def test_a_request_that_never_comes_whole_is_given_up(
    door: Door, monkeypatch: pytest.MonkeyPatch, part: bytes
) -> None:
    monkeypatch.setattr(http_server, "REQUEST_SECONDS", 0.2)
    with open_socket(door) as client:
        client.sendall(part)
        try:
            left = client.recv(65_536)
        except ConnectionResetError:
            left = b""
    assert left == b""
    assert door.rows() == []


def test_one_that_came_whole_is_not_given_up_while_it_is_worked_on(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http_server, "REQUEST_SECONDS", 0.2)
    take = door.app.state.intake._take

    with open_socket(door) as other:

        def slowly(entries: list[object], traces: object) -> object:
            # Longer than one that came at the same time is waited for.
            other.sendall(b"POST /")
            assert other.recv(1) == b""
            return take(entries, traces)

        monkeypatch.setattr(door.app.state.intake, "_take", slowly)
        assert door.send(GOOD).status_code == 202


# --- everything else that can be asked ------------------------------------------------


def test_no_answer_is_held_back_for_more_to_send(door: Door) -> None:
    with open_socket(door) as client:
        client.sendall(b"GET /readyz HTTP/1.1\r\nHost: door\r\n\r\n")
        assert client.recv(65_536).startswith(b"HTTP/1.1 200 ")
        for one in door.server.server_state.connections:
            mine: socket.socket = one.transport.get_extra_info("socket")
            assert mine.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        assert door.server.server_state.connections


def test_every_answer_says_how_it_may_be_used(door: Door) -> None:
    for path in ("/v1/lanes", "/nowhere", "/openapi.json", "/errors/not-found"):
        headers = door.get(path).headers
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["X-Frame-Options"] == "DENY"
        assert "default-src 'none'" in headers["Content-Security-Policy"]
        assert headers["Cache-Control"] == "no-store"
        assert "Server" not in headers


@pytest.mark.parametrize(
    "path", ["/docs", "/redoc", "/v1", "/v1/nothing", "/v1/lanes/"]
)
def test_what_is_not_there_is_a_problem_too(door: Door, path: str) -> None:
    problem(door.get(path), 404, "not-found")


def test_a_method_that_an_address_does_not_take_is_a_problem(door: Door) -> None:
    answer = door.ask("DELETE", "/v1/lanes")
    problem(answer, 405, "method-not-allowed")
    assert answer.headers["Allow"] == "GET"


def test_each_problem_has_a_page(door: Door) -> None:
    told = problem(door.get("/nowhere"), 404, "not-found")
    page = door.get(told["type"], token=None)
    assert page.status_code == 200
    assert told["title"] in page.text
    problem(door.get("/errors/none"), 404, "not-found")


def test_a_failure_of_ours_tells_nothing_of_itself(
    door: Door, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("TR330006100519786457841326")

    monkeypatch.setattr("rescind.api.lane_routes.actions.lanes", broken)
    answer = door.get("/v1/lanes")
    problem(answer, 500, "internal-error")
    assert "TR33" not in answer.text + caplog.text


def test_too_many_at_once_are_told_to_come_again(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rescind.api.middleware.MOST_AT_ONCE", 0)
    answer = door.get("/v1/lanes")
    problem(answer, 503, "not-ready")
    assert answer.headers["Retry-After"] == "1"
