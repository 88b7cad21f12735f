"""Ids of requests, rates, methods, codings, and the server's own answers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import requests
from hypothesis import given, settings
from hypothesis import strategies as st

from rescind.api import bounded_protocol
from tests.api.conftest import TOKENS, ApiServer, opened, problem, settings_for
from tests.api.test_bodies import open_socket

GOOD = {"provider": "notpanel", "order": "ord_1"}


# --- the request's id -----------------------------------------------------------------


@settings(max_examples=15, deadline=None)
@given(
    # The client refuses values with spaces around them.
    sent=st.text(
        st.characters(codec="ascii", categories=("L", "N", "P", "Zs")), max_size=140
    ).map(str.strip)
)
def test_a_sane_request_id_comes_back(shared_api: ApiServer, sent: str) -> None:
    sane = 0 < len(sent) <= 128 and all(c.isalnum() or c in "._:+/=-" for c in sent)
    answer = shared_api.get("/v1/nothing", headers={"X-Request-Id": sent})
    told = problem(answer, 404, "not-found")
    assert told["request_id"] == answer.headers["X-Request-Id"]
    assert (told["request_id"] == sent) is sane
    assert len(told["request_id"]) <= 128


def test_the_log_names_the_request(
    api: ApiServer, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError

    monkeypatch.setattr("rescind.api.lane_routes.actions.lanes", broken)
    answer = api.get("/v1/lanes", headers={"X-Request-Id": "the-one"})
    assert problem(answer, 500, "internal-error")["request_id"] == "the-one"
    out, err = capfd.readouterr()
    assert "the-one" in out + err


# --- rates ----------------------------------------------------------------------------


def test_each_answer_says_how_much_of_the_rate_is_left(
    tmp_path: Path, sqlite_ledger_url: str
) -> None:
    chosen = settings_for(tmp_path, sqlite_ledger_url, api_rate="2/hour")
    with opened(chosen) as api:
        answers = [api.get("/v1/lanes", token=TOKENS["read"]) for _ in range(3)]
        assert [one.status_code for one in answers] == [200, 200, 429]
        for left, one in zip((1, 0, 0), answers, strict=True):
            assert one.headers["RateLimit-Policy"] == '"token";q=2;w=3600'
            name, remaining, wait = one.headers["RateLimit"].split(";")
            assert (name, remaining) == ('"token"', f"r={left}")
            assert 0 < int(wait.removeprefix("t=")) <= 3600
        assert "RateLimit" not in api.get("/v1/lanes", token="wrong").headers


# --- methods and codings --------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "methods"),
    [
        ("/v1/cancellations", "GET, HEAD, POST, OPTIONS"),
        ("/v1/lanes/notpanel/default", "GET, HEAD, OPTIONS"),
        ("/v1/lanes/notpanel/default/hold", "POST, OPTIONS"),
        ("/desk/retry/now", "POST, OPTIONS"),
        ("/openapi.json", "GET, HEAD, OPTIONS"),
    ],
)
def test_allow_lists_all_methods_of_an_address(
    api: ApiServer, path: str, methods: str
) -> None:
    wrong = api.ask("PATCH", path)
    told = problem(wrong, 405, "method-not-allowed")
    assert told["detail"] == f"This address takes {methods}, and not PATCH."
    asked = api.ask("OPTIONS", path, token=None)
    assert (asked.status_code, asked.content) == (204, b"")
    assert wrong.headers["Allow"] == asked.headers["Allow"] == methods
    if "GET" not in methods:
        assert api.ask("HEAD", path).headers["Allow"] == methods


@pytest.mark.parametrize(
    "path",
    [
        "/v1/cancellations",
        "/v1/lanes",
        "/openapi.json",
        "/readyz",
        "/",
        "/v1/x",
        "/desk/events",
    ],
)
def test_head_is_get_without_a_body(api: ApiServer, path: str) -> None:
    def asked(method: str) -> requests.Response:
        return api.ask(method, path, allow_redirects=False)

    head, got = asked("HEAD"), asked("GET")
    assert (head.status_code, head.content) == (got.status_code, b"")
    varies = {"x-request-id", "ratelimit", "date", "content-length"}
    for name in {one.lower() for one in got.headers} - varies:
        assert head.headers[name] == got.headers[name]


@pytest.mark.parametrize("path", ["/v1/cancellations", "/desk/sign-in"])
@pytest.mark.parametrize("coding", ["gzip", "identity, br", "x"])
def test_a_body_in_a_content_coding_is_refused(
    api: ApiServer, path: str, coding: str
) -> None:
    answer = api.post(path, data="{}", headers={"Content-Encoding": coding})
    told = problem(answer, 415, "invalid-request")
    assert told["code"] == "unsupported_encoding"
    assert answer.headers["Accept-Encoding"] == "identity"
    plain = {"Content-Encoding": "identity"}
    assert api.submit(GOOD, headers=plain).status_code == 202


def test_a_body_of_another_type_is_refused(api: ApiServer) -> None:
    answer = api.send("<a/>", **{"Content-Type": "text/xml"})
    told = problem(answer, 415, "invalid-request")
    assert told["code"] == "unsupported_media_type"
    assert answer.headers["Accept-Post"] == "application/json"


# --- the server's own answers ---------------------------------------------------------


@pytest.mark.parametrize(
    "sent",
    [
        b"nonsense\r\n\r\n",
        b"GET /\xff HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
    ],
)
def test_what_is_no_http_is_answered_with_a_problem(
    api: ApiServer, sent: bytes
) -> None:
    with open_socket(api) as client:
        client.sendall(sent)
        head, _, body = _all(client).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400 Bad Request\r\n")
    assert b"content-type: application/problem+json" in head.lower()
    told = json.loads(body)
    assert (told["code"], told["status"]) == ("malformed_http", 400)
    assert f"x-request-id: {told['request_id']}".encode() in head.lower()


def test_too_many_connections_are_answered_with_a_problem(
    api: ApiServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bounded_protocol, "MOST_CONNECTIONS", 1)
    answer = api.get("/v1/lanes")
    told = problem(answer, 503, "not-ready")
    assert answer.headers["Retry-After"] == "1"
    assert told["request_id"] == answer.headers["X-Request-Id"]


def _all(client: Any) -> bytes:
    found = b""
    while part := client.recv(65_536):
        found += part
    return bytes(found)
