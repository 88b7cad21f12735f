"""Any body is answered with a receipt or with a problem in a sentence."""

from __future__ import annotations

import json
import socket
import threading

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from rescind.api import bodies, bounded_protocol
from rescind.api.bodies import LARGEST, SMALL
from rescind.intake.validation import FIELDS
from tests.api.conftest import EVERYTHING, SERVING, ApiServer, problem

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
    api: ApiServer, body: object
) -> None:
    answer = api.send(json.dumps(body))
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
def test_any_bytes_are_answered_with_a_problem(api: ApiServer, body: bytes) -> None:
    answer = api.send(body)
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
def test_invalid_json_is_refused_with_the_reason(
    api: ApiServer, body: str | bytes, says: str
) -> None:
    told = problem(api.send(body), 400, "invalid-request")
    assert says in told["detail"]
    assert api.rows() == []


def test_a_body_of_another_content_type_is_not_read(api: ApiServer) -> None:
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/x"):
        problem(api.send(GOOD, **{"Content-Type": kind}), 415, "invalid-request")
    assert api.rows() == []
    for kind in ("application/json; charset=utf-8", "application/vnd.shop+json"):
        assert api.send(GOOD, **{"Content-Type": kind}).status_code == 202


def test_a_body_that_is_too_large_is_not_read_to_its_end(api: ApiServer) -> None:
    problem(api.send(b" " * (LARGEST + 1)), 413, "body-too-large")
    assert api.send(GOOD + " " * (LARGEST - len(GOOD))).status_code == 202


@pytest.mark.parametrize("large", [True, False])
def test_a_large_body_is_parsed_outside_the_event_loop(
    api: ApiServer, monkeypatch: pytest.MonkeyPatch, large: bool
) -> None:
    real, beside = bodies.parse, []

    def parse(body: bytes) -> object:
        beside.append(threading.current_thread() is not serving)
        return real(body)

    serving = next(one for one in threading.enumerate() if one.name == SERVING)
    monkeypatch.setattr(bodies, "parse", parse)
    assert api.send(GOOD + " " * (SMALL if large else 0)).status_code == 202
    assert beside == [large]


def test_the_bound_holds_for_a_body_of_unknown_length(api: ApiServer) -> None:
    with open_socket(api) as client:
        client.sendall(head("Transfer-Encoding: chunked"))
        chunk = b"10000\r\n" + b" " * 65_536 + b"\r\n"
        for _ in range(LARGEST // 65_536 + 1):
            client.sendall(chunk)
        assert client.recv(65_536).startswith(b"HTTP/1.1 413 ")
    assert api.rows() == []


def open_socket(api: ApiServer) -> socket.socket:
    host, _, port = api.url.removeprefix("http://").partition(":")
    return socket.create_connection((host, int(port)), timeout=60)


def head(*lines: str) -> bytes:
    given = [
        "POST /v1/cancellations HTTP/1.1",
        "Host: api",
        f"Authorization: Bearer {EVERYTHING}",
        *lines,
    ]
    return "\r\n".join([*given, "", ""]).encode()


@pytest.mark.parametrize(
    "part",
    [
        b"",
        b"POST /v1/cancell",
        b"POST /v1/cancellations HTTP/1.1\r\nHost: api\r\n",
        head("Content-Length: 100"),
        head("Content-Length: 100") + b'{"provider"',
        head("Transfer-Encoding: chunked") + b"5\r\n12",
    ],
)
def test_a_request_that_never_arrives_whole_is_aborted(
    api: ApiServer, monkeypatch: pytest.MonkeyPatch, part: bytes
) -> None:
    monkeypatch.setattr(bounded_protocol, "REQUEST_SECONDS", 0.2)
    with open_socket(api) as client:
        client.sendall(part)
        try:
            left = client.recv(65_536)
        except ConnectionResetError:
            left = b""
    assert left == b""
    assert api.rows() == []


def test_a_complete_request_is_not_aborted_while_it_is_handled(
    api: ApiServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bounded_protocol, "REQUEST_SECONDS", 0.2)
    take = api.app.state.intake._take

    with open_socket(api) as other:

        def slowly(entries: list[object], *more: object) -> object:
            # This takes longer than an unfinished request may take.
            other.sendall(b"POST /")
            assert other.recv(1) == b""
            return take(entries, *more)

        monkeypatch.setattr(api.app.state.intake, "_take", slowly)
        assert api.send(GOOD).status_code == 202


# --- other requests -------------------------------------------------------------------


def test_answers_are_sent_without_nagles_delay(api: ApiServer) -> None:
    with open_socket(api) as client:
        client.sendall(b"GET /readyz HTTP/1.1\r\nHost: api\r\n\r\n")
        assert client.recv(65_536).startswith(b"HTTP/1.1 200 ")
        for one in api.server.server_state.connections:
            mine: socket.socket = one.transport.get_extra_info("socket")
            assert mine.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        assert api.server.server_state.connections


def test_every_answer_has_the_security_headers(api: ApiServer) -> None:
    for path in ("/v1/lanes", "/nowhere", "/openapi.json", "/errors/not-found"):
        headers = api.get(path).headers
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["X-Frame-Options"] == "DENY"
        assert "default-src 'none'" in headers["Content-Security-Policy"]
        assert headers["Cache-Control"] == "no-store"
        assert "Server" not in headers


@pytest.mark.parametrize(
    "path", ["/docs", "/redoc", "/v1", "/v1/nothing", "/v1/lanes/"]
)
def test_an_unknown_path_is_answered_with_a_problem(api: ApiServer, path: str) -> None:
    problem(api.get(path), 404, "not-found")


def test_a_method_that_is_not_allowed_is_answered_with_a_problem(
    api: ApiServer,
) -> None:
    answer = api.ask("DELETE", "/v1/lanes")
    problem(answer, 405, "method-not-allowed")
    assert answer.headers["Allow"] == "GET, HEAD, OPTIONS"


def test_each_problem_has_a_page(api: ApiServer) -> None:
    told = problem(api.get("/nowhere"), 404, "not-found")
    page = api.get(told["type"], token=None)
    assert page.status_code == 200
    assert told["title"] in page.text
    problem(api.get("/errors/none"), 404, "not-found")


def test_an_internal_error_reveals_nothing(
    api: ApiServer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("TR330006100519786457841326")

    monkeypatch.setattr("rescind.api.lane_routes.actions.lanes", broken)
    answer = api.get("/v1/lanes")
    problem(answer, 500, "internal-error")
    assert "TR33" not in answer.text + caplog.text
