"""Attacks that hold connections: they take nothing from those who submit."""

from __future__ import annotations

import socket
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st

from rescind.api import admission, crowding
from rescind.api.budgets import STRANGER_SHARE, STREAM_PLACES
from tests.api.conftest import EVERYTHING, TOKENS, ApiServer, problem
from tests.api.test_bodies import open_socket
from tests.tasks.conftest import until

ENTRY = {"provider": "notpanel", "order": "ord_1"}
SIGN_IN = "/desk/sign-in"
ELSEWHERE = {"X-Forwarded-For": "198.51.100.7"}
"""The tests' own address is a trusted proxy."""


def head(line: str, *more: str) -> bytes:
    return "\r\n".join([f"{line} HTTP/1.1", "Host: api", *more, "", ""]).encode()


@contextmanager
def held(api: ApiServer, times: int, begun: bytes) -> Iterator[list[socket.socket]]:
    """So many connections, each of which has sent ``begun``."""
    with ExitStack() as stack:
        clients = [stack.enter_context(open_socket(api)) for _ in range(times)]
        for client in clients:
            client.sendall(begun)
        yield clients


def status(client: socket.socket) -> int:
    """The status of the next answer; its body is not read."""
    line = client.recv(13)
    assert line.startswith(b"HTTP/1.1 "), line
    return int(line[9:12])


def cookie(api: ApiServer, token: str) -> str:
    form = {"token": token}
    done = requests.post(
        api.url + SIGN_IN, data=form, allow_redirects=False, timeout=60
    )
    return done.headers["set-cookie"].partition(";")[0]


def test_event_streams_of_a_reader_leave_the_others_their_places(
    api: ApiServer,
) -> None:
    asked = head("GET /desk/events", f"Cookie: {cookie(api, TOKENS['read'])}")
    with held(api, 230, asked) as clients:
        told = [status(client) for client in clients]
        assert api.submit(ENTRY).status_code == 202
        # Another user's stream is opened, too, and the same user sees the pages.
        other = head("GET /desk/events", f"Cookie: {cookie(api, EVERYTHING)}")
        with held(api, 1, other) as more:
            assert status(more[0]) == 200
        with held(api, 1, asked.replace(b"/desk/events", b"/")) as more:
            assert status(more[0]) == 200
    assert told.count(200) == STREAM_PLACES // 2
    assert told.count(204) == 230 - STREAM_PLACES // 2
    until(lambda: api.app.state.budgets.streams.taken == 0, "the streams end")


def test_half_sent_sign_ins_leave_the_others_their_places(api: ApiServer) -> None:
    form = "Content-Type: application/x-www-form-urlencoded"
    half = head(f"POST {SIGN_IN}", form, "Content-Length: 1000") + b"token=x"
    with held(api, 205, half):
        until(lambda: api.get(SIGN_IN, token=None).status_code == 503, "the attack")
        budgets = api.app.state.budgets
        assert (budgets.strangers.taken, budgets.api.taken) == (STRANGER_SHARE, 0)
        assert api.submit(ENTRY).status_code == 202
        assert api.get("/v1/lanes").status_code == 200
        far = api.get(SIGN_IN, token=None, headers=ELSEWHERE)
        assert far.status_code == 200
    until(lambda: api.get(SIGN_IN, token=None).status_code == 200, "the places")


def test_half_sent_bodies_of_one_token_leave_the_others_their_places(
    api: ApiServer,
) -> None:
    token = f"Authorization: Bearer {TOKENS['submit']}"
    half = head("POST /v1/cancellations", token, "Content-Length: 1000") + b"{"
    with held(api, 250, half):
        until(lambda: submitted(api).status_code == 503, "the attack")
        refused = submitted(api)
        problem(refused, 503, "not-ready")
        assert refused.headers["Retry-After"] == "1"
        assert api.submit(ENTRY).status_code == 202
        assert api.get(SIGN_IN, token=None).status_code == 200


def test_half_sent_forms_of_a_signed_in_user_leave_the_others_their_places(
    api: ApiServer,
) -> None:
    mine, other = ({"Cookie": cookie(api, one)} for one in (TOKENS["read"], EVERYTHING))
    half = head("POST /desk/retry", f"Cookie: {mine['Cookie']}", "Content-Length: 99")
    with held(api, 60, half):
        until(lambda: page(api, mine).status_code == 503, "the attack")
        assert api.app.state.budgets.api.taken == 0
        assert api.submit(ENTRY).status_code == 202
        assert page(api, other).status_code == 200


def page(api: ApiServer, cookies: dict[str, str]) -> requests.Response:
    return api.get("/", token=None, headers=cookies)


def submitted(api: ApiServer) -> requests.Response:
    return api.submit(ENTRY, token=TOKENS["submit"])


@pytest.mark.parametrize("token", [None, "a-wrong-token-of-some-length"])
def test_a_stranger_has_seconds_for_a_body(
    api: ApiServer, monkeypatch: pytest.MonkeyPatch, token: str | None
) -> None:
    monkeypatch.setattr(admission, "STRANGER_SECONDS", 0.2)
    wrong = [f"Authorization: Bearer {token}"] if token else []
    asked = head(f"POST {SIGN_IN}", *wrong, "Content-Length: 9")
    with held(api, 1, asked + b"token") as clients:
        assert status(clients[0]) == 408
        while clients[0].recv(65_536):
            pass


def test_a_stranger_sends_kilobytes_at_most(api: ApiServer) -> None:
    form = {"token": "x" * admission.STRANGER_BYTES}
    answer = requests.post(api.url + SIGN_IN, data=form, timeout=60)
    problem(answer, 413, "body-too-large")


def test_a_signed_in_user_sends_larger_forms_than_a_stranger(api: ApiServer) -> None:
    given = {"Cookie": cookie(api, TOKENS["read"])}
    form = {"form_key": "x" * (2 * admission.STRANGER_BYTES)}
    answer = requests.post(
        f"{api.url}/desk/retry", data=form, headers=given, timeout=60
    )
    assert answer.status_code == 403


def test_silent_connections_leave_room_for_new_ones(
    api: ApiServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(crowding, "CROWDED", 20)
    monkeypatch.setattr(api.server.config, "limit_concurrency", 25)
    with held(api, 40, b"GET /r"):
        for number in range(5):
            answer = api.submit({**ENTRY, "order": f"ord_{number}"})
            assert answer.status_code == 202


@dataclass
class Held:
    """A connection as ``crowding`` sees it."""

    peer: str
    idle_since: float | None


@given(
    st.lists(
        st.builds(
            Held, st.sampled_from("abc"), st.none() | st.floats(0, 9, allow_nan=False)
        ),
        max_size=12,
    )
)
def test_the_closed_connection_is_idle_and_of_the_address_with_most(
    connections: list[Held],
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(crowding, "CROWDED", 3)
        found = crowding.one_to_close(connections)
    idle = [one for one in connections if one.idle_since is not None]
    if len(connections) <= 3 or not idle:
        assert found is None
        return
    assert found in idle
    count = Counter(one.peer for one in connections)
    assert count[found.peer] == max(count[one.peer] for one in idle)
    mine = [one.idle_since or 0.0 for one in idle if one.peer == found.peer]
    assert found.idle_since == min(mine)
