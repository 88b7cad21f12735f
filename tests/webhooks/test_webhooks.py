"""Tests of one attempt of a delivery, against real servers of any behaviour."""

from __future__ import annotations

import ipaddress
import json
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks import Webhook, WebhookVerificationError

from rescind.config.callback_urls import host_patterns
from rescind.config.callbacks import Callbacks
from rescind.config.webhook_secrets import NO_SECRETS, WebhookSecrets, read_secrets
from rescind.ledger.deliveries.retry_policy import ClaimedDelivery, Kind, Response
from rescind.webhooks import posting, signing
from rescind.webhooks.attempt import Deliverer
from rescind.webhooks.sample_event import send_test_event
from tests.conftest import free_port
from tests.receivers import Heard as Request
from tests.receivers import Receiver, receiving, saying

SECRETS = (
    "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
    "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD",
)
ANYWHERE = Callbacks(
    host_patterns("127.0.0.1:* localhost:*"),
    private=True,
    secrets=WebhookSecrets(SECRETS),
    tasks=True,
)
NOW = datetime(2026, 11, 20, 18, 9, tzinfo=UTC)
RECORD = {"id": "one", "state": "cancelled", "metadata": {"shop": "Çağrı"}}


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as found:
        yield found


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(posting, "CONNECT_SECONDS", 0.5)
    monkeypatch.setattr(posting, "READ_SECONDS", 0.3)
    monkeypatch.setattr(posting, "WHOLE_SECONDS", 0.6)


def delivery(url: str | None = None, **values: Any) -> ClaimedDelivery:
    plain = ClaimedDelivery(
        "one", 3, Kind.WEBHOOK, "host", 1, 1, "2020-11-20T18:09:00.123Z", RECORD
    )
    return replace(plain, url=url, **values)


def attempt(url: str, callbacks: Callbacks = ANYWHERE) -> Response:
    def no_task(*_: Any, **__: Any) -> None:
        raise AssertionError("a task was sent")

    return Deliverer(callbacks, no_task).attempt(delivery(url))


def refused(url: str, callbacks: Callbacks = ANYWHERE) -> str:
    """The detail of an attempt that failed without a status."""
    response = attempt(url, callbacks)
    assert not response.accepted
    assert response.status is None
    assert response.detail is not None
    return response.detail


# --- the request --------------------------------------------------------------------


def test_a_webhook_is_signed_by_every_secret_in_force(receiver: Receiver) -> None:
    assert attempt(receiver.url) == Response(accepted=True, status=204)
    [request] = receiver.heard
    for secret in SECRETS:
        told = Webhook(secret).verify(request.body, request.headers)
        assert told == {
            "type": "cancellation.cancelled",
            "timestamp": "2020-11-20T18:09:00.123Z",
            "data": RECORD,
        }
    other = Webhook(SECRETS[0][:-4] + "AAAA")
    with pytest.raises(WebhookVerificationError):
        other.verify(request.body, request.headers)
    assert request.headers["webhook-id"] == "msg_one_3"
    assert request.headers["content-type"] == "application/json"
    assert request.headers["host"] == receiver.host


@given(
    st.dictionaries(st.text(), st.text() | st.integers() | st.none()),
    st.datetimes(datetime(2001, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001
)
def test_the_signature_of_any_record_is_valid(
    metadata: dict[str, Any], now: datetime
) -> None:
    one = delivery(record={**RECORD, "metadata": metadata})
    body = signing.payload(one)
    shown = signing.headers(one.webhook_id, body, SECRETS, now)
    stamp = datetime.fromtimestamp(int(shown["webhook-timestamp"]), UTC)
    assert timedelta(0) <= now - stamp < timedelta(seconds=1)
    signed = [Webhook(secret).sign("msg_one_3", stamp, body) for secret in SECRETS]
    assert shown["webhook-signature"].split(" ") == signed
    assert json.loads(body)["data"]["metadata"] == metadata


def test_a_receiver_with_a_secret_of_its_own_gets_no_other_signature(
    receiver: Receiver,
) -> None:
    general, own = SECRETS
    named = read_secrets(f"{general},{receiver.host}={own}")
    assert attempt(receiver.url, replace(ANYWHERE, secrets=named)).accepted
    [request] = receiver.heard
    Webhook(own).verify(request.body, request.headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(general).verify(request.body, request.headers)


def test_a_test_event_is_signed_like_a_webhook(receiver: Receiver) -> None:
    response = send_test_event(ANYWHERE, receiver.url, NOW)
    assert response == Response(accepted=True, status=204)
    [request] = receiver.heard
    told = Webhook(SECRETS[0]).verify(request.body, request.headers)
    assert told["type"] == "rescind.test"
    assert request.headers["webhook-id"].startswith("msg_test_")


def test_a_test_event_says_why_it_was_not_accepted(receiver: Receiver) -> None:
    receiver.answer = saying(b"HTTP/1.1 404 Not Found\r\n\r\n")
    assert send_test_event(ANYWHERE, receiver.url, NOW).detail == "HTTP 404"
    elsewhere = send_test_event(ANYWHERE, "https://elsewhere.example.com/", NOW)
    assert "RESCIND_WEBHOOK_HOSTS does not list" in (elsewhere.detail or "")


def test_no_proxy_of_the_environment_is_used(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    with receiving() as proxy:
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "https_proxy"):
            monkeypatch.setenv(name, f"http://{proxy.host}")
        assert attempt(receiver.url).accepted
        assert proxy.connections == 0


# --- the reply ----------------------------------------------------------------------

ANSWERS: dict[str, tuple[bytes, Response]] = {
    "200": (b"HTTP/1.1 200 OK\r\n\r\n", Response(accepted=True, status=200)),
    "202 with a body": (
        b"HTTP/1.1 202 Accepted\r\nContent-Length: 2\r\n\r\nok",
        Response(accepted=True, status=202),
    ),
    "early hints": (
        b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 204 None\r\n\r\n",
        Response(accepted=True, status=204),
    ),
    "compressed": (
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 9\r\n\r\n\x1f",
        Response(accepted=True, status=200),
    ),
    "404": (
        b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n",
        Response(accepted=False, status=404, detail="HTTP 404"),
    ),
    "503 with a time": (
        b"HTTP/1.1 503 Busy\r\nRetry-After: 120\r\n\r\n",
        Response(
            accepted=False, status=503, detail="HTTP 503", wait=timedelta(seconds=120)
        ),
    ),
    "429 with no time": (
        b"HTTP/1.1 429 Slow\r\nRetry-After: soon\r\n\r\n",
        Response(accepted=False, status=429, detail="HTTP 429"),
    ),
    "500 with a time": (
        b"HTTP/1.1 500 Oops\r\nRetry-After: 120\r\n\r\n",
        Response(accepted=False, status=500, detail="HTTP 500"),
    ),
    "410": (
        b"HTTP/1.1 410 Gone\r\n\r\n",
        Response(
            accepted=False,
            status=410,
            detail="HTTP 410: the receiver wants no more webhooks",
            gone=True,
        ),
    ),
}


@pytest.mark.parametrize("name", ANSWERS)
def test_the_status_decides_whether_it_was_accepted(
    receiver: Receiver, name: str
) -> None:
    answer, response = ANSWERS[name]
    receiver.answer = saying(answer)
    assert attempt(receiver.url) == response


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(receiver: Receiver, status: int) -> None:
    with receiving() as other:
        where = f"HTTP/1.1 {status} Moved\r\nLocation: {other.url}\r\n\r\n"
        receiver.answer = saying(where.encode())
        response = attempt(receiver.url)
        assert (response.accepted, response.status) == (False, status)
        assert response.detail == f"HTTP {status}: redirects are not followed"
        assert other.connections == 0


def test_a_retry_after_date_is_followed(receiver: Receiver) -> None:
    until = (datetime.now(UTC) + timedelta(hours=1)).strftime(
        "%a, %d %b %Y %H:%M:%S GMT"
    )
    said = f"HTTP/1.1 503 Busy\r\nRetry-After: {until}\r\n\r\n"
    receiver.answer = saying(said.encode())
    wait = attempt(receiver.url).wait
    assert wait is not None
    assert timedelta(minutes=59) < wait <= timedelta(hours=1)


def test_a_body_without_an_end_is_not_read(receiver: Receiver) -> None:
    sent = [0]

    def flood(sock: socket.socket, _heard: Request) -> None:
        sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 999999999\r\n\r\n")
        while True:
            sent[0] += sock.send(b"x" * 65_536)

    receiver.answer = flood
    assert attempt(receiver.url).accepted
    assert sent[0] < 50_000_000


def hang(sock: socket.socket, _heard: Request) -> None:
    sock.recv(1)


def drip_headers(sock: socket.socket, _heard: Request) -> None:
    sock.sendall(b"HTTP/1.1 200 OK\r\n")
    for number in range(1000):
        sock.sendall(b"X-%d: y\r\n" % number)
        time.sleep(0.05)


def reset(sock: socket.socket, _heard: Request) -> None:
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    sock.close()


def close(sock: socket.socket, _heard: Request) -> None:
    sock.close()


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (hang, "no answer within 0.3 s"),
        (drip_headers, "did not end within its time"),
        (reset, "connection lost"),
        (close, "connection lost: it was closed without an answer"),
        (saying(b"SSH-2.0-OpenSSH_9.2\r\n"), "the reply is not HTTP"),
        (saying(b"HTTP/1.1 200 OK\r\nX: " + b"y" * 70_000), "a line of more than"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_a_broken_reply_counts_as_failed_within_the_timeout(
    receiver: Receiver, answer: Any, why: str
) -> None:
    receiver.answer = answer
    began = time.monotonic()
    assert why in refused(receiver.url)
    assert time.monotonic() - began < 30


def test_the_wait_for_a_receiver_that_does_not_read_is_bounded() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        host = f"127.0.0.1:{server.getsockname()[1]}"
        began = time.monotonic()
        large = {**RECORD, "metadata": {"x": "y" * 20_000_000}}
        response = Deliverer(ANYWHERE, print).attempt(
            delivery(f"http://{host}/", record=large)
        )
    assert response.detail == "it took longer than 0.6 s"
    assert time.monotonic() - began < 30


def test_a_closed_port_is_reported() -> None:
    assert "refused" in refused(f"http://127.0.0.1:{free_port()}/")


# --- the address --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("callbacks", "why"),
    [
        (
            replace(ANYWHERE, private=False),
            "not sent: the address must begin with http",
        ),
        (
            replace(ANYWHERE, hosts=host_patterns("a.b")),
            "which RESCIND_WEBHOOK_HOSTS does",
        ),
        (
            replace(ANYWHERE, secrets=NO_SECRETS),
            "not sent: the address is not accepted",
        ),
    ],
)
def test_a_callback_that_is_no_longer_allowed_is_not_sent(
    receiver: Receiver, callbacks: Callbacks, why: str
) -> None:
    assert why in refused(receiver.url, callbacks)
    assert receiver.connections == 0


def test_an_address_of_this_machine_is_not_called_unless_that_is_allowed(
    certified: tuple[Receiver, Path],
) -> None:
    receiver, _ = certified
    public = replace(ANYWHERE, private=False)
    said = refused(receiver.url, public)
    assert "resolves to 127.0.0.1, which is not a public address" in said
    assert receiver.connections == 0


def test_the_request_goes_to_the_checked_address(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A name that resolves to another address a moment later has no effect."""
    answers = [[(socket.AF_INET, 1, 6, "", ("127.0.0.1", receiver.port))], []]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: answers.pop(0))
    named = replace(ANYWHERE, hosts=host_patterns("rebound.example:*"))
    assert attempt(f"http://rebound.example:{receiver.port}/", named).accepted
    assert receiver.heard[0].headers["host"] == f"rebound.example:{receiver.port}"


def test_a_name_with_thousands_of_addresses_is_tried_within_the_timeout(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with socket.create_server(("", 0), backlog=200) as silent:
        port, asked = silent.getsockname()[1], 0
        places = [(f"127.0.0.{n}", port) for n in range(1, 101)]
        answer = [(socket.AF_INET, 1, 6, "", place) for place in places]
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: answer)
        assert "no connection within" in refused(f"https://localhost:{port}/")
        silent.setblocking(False)
        with suppress(BlockingIOError):
            while True:
                silent.accept()[0].close()
                asked += 1
    assert 0 < asked < 20


def test_the_next_address_is_tried_if_one_fails(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed, here = free_port(), receiver.port
    places = [("127.0.0.1", closed), ("127.0.0.1", here)]
    answer = [(socket.AF_INET, 1, 6, "", place) for place in places]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: answer)
    assert attempt(f"http://localhost:{here}/").accepted


# --- TLS ----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A self-signed certificate for 127.0.0.1, with its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    here = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
    now, day = datetime.now(UTC), timedelta(days=1)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), 1, now - day, now + day)
        .add_extension(x509.SubjectAlternativeName([here]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    form = serialization.PrivateFormat.PKCS8
    pem, bare = serialization.Encoding.PEM, serialization.NoEncryption()
    path = tmp_path_factory.mktemp("tls") / "own.pem"
    path.write_bytes(key.private_bytes(pem, form, bare) + made.public_bytes(pem))
    return path


@pytest.fixture
def certified(certificate: Path) -> Iterator[tuple[Receiver, Path]]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    posting._authorities.cache_clear()
    with receiving(context) as receiver:
        yield receiver, certificate
    posting._authorities.cache_clear()


def test_concurrent_attempts_read_the_authorities_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made: list[ssl.SSLContext] = []
    other = threading.Event()

    def made_slowly() -> ssl.SSLContext:
        if made:
            other.set()
        made.append(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT))
        # Long enough for another thread to begin, if no lock prevents it.
        other.wait(0.3)
        return made[-1]

    monkeypatch.setattr(ssl, "create_default_context", made_slowly)
    posting._authorities.cache_clear()
    with ThreadPoolExecutor(2) as threads:
        asked = [threads.submit(posting._trusting) for _ in range(2)]
        given_to = [one.result() for one in asked]
    posting._authorities.cache_clear()
    assert given_to == made * 2


def test_a_receiver_without_a_trusted_certificate_gets_nothing(
    certified: tuple[Receiver, Path],
) -> None:
    receiver, _ = certified
    assert "its certificate is not trusted: self-signed" in refused(receiver.url)
    assert receiver.heard == []


def test_an_authority_of_this_system_is_trusted(
    certified: tuple[Receiver, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    receiver, certificate = certified
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    assert attempt(receiver.url).accepted
    # But not for another name.
    other = f"https://localhost:{receiver.port}/"
    assert "certificate is not valid for 'localhost'" in refused(other)
    assert len(receiver.heard) == 1


# --- tasks --------------------------------------------------------------------------


def test_an_unreachable_broker_is_a_failed_attempt() -> None:
    def away(*_: Any, **__: Any) -> None:
        raise ConnectionError("connection refused")

    deliverer = Deliverer(ANYWHERE, away)
    response = deliverer.attempt(
        delivery(kind=Kind.TASK, task="shop.ended", queue="shop")
    )
    assert not response.accepted
    assert response.detail == "the broker cannot be reached: connection refused"


def test_a_message_carries_the_record_and_its_id() -> None:
    sent: list[Any] = []

    def send(*args: Any, **kwargs: Any) -> None:
        sent.append((args, kwargs))

    deliverer = Deliverer(ANYWHERE, send)
    one = delivery(kind=Kind.TASK, task="shop.ended", queue="shop")
    assert deliverer.attempt(one) == Response(accepted=True)
    [(args, kwargs)] = sent
    assert args == ("shop.ended",)
    assert kwargs["kwargs"] == {"cancellation": RECORD, "id": "msg_one_3"}
    assert (kwargs["queue"], kwargs["task_id"]) == ("shop", "msg_one_3")


def test_a_bug_of_ours_is_a_failed_attempt() -> None:
    def broken(*_: Any, **__: Any) -> None:
        raise KeyError("secret")

    deliverer = Deliverer(ANYWHERE, broken)
    response = deliverer.attempt(delivery(kind=Kind.TASK, task="shop.ended"))
    assert response.detail == "a bug of ours: KeyError"


def test_the_repr_of_a_deliverer_shows_no_secret() -> None:
    deliverer = Deliverer(ANYWHERE, print)
    assert "whsec_" not in repr(deliverer)
