"""Tests that both Redis clients verify TLS."""

from __future__ import annotations

import importlib.util
import ipaddress
import socket
import ssl
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from celery import Celery
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from kombu.exceptions import OperationalError
from redis import Redis, RedisError

from rescind.config.queues import REDIS_OPTIONS
from rescind.config.settings import Settings, SettingsError, settings


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A self-signed certificate for 127.0.0.1, with its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    here = x509.SubjectAlternativeName(
        [x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    )
    now, day = datetime.now(UTC), timedelta(days=1)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), 1, now - day, now + day)
        .add_extension(here, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    form = serialization.PrivateFormat.PKCS8
    pem, bare = serialization.Encoding.PEM, serialization.NoEncryption()
    path = tmp_path_factory.mktemp("tls") / "own.pem"
    path.write_bytes(key.private_bytes(pem, form, bare) + made.public_bytes(pem))
    return path


class Impostor:
    """A server that answers in place of Redis, and records what clients send."""

    def __init__(self, certificate: Path) -> None:
        self.heard = b""
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(certificate)
        self._server = socket.create_server(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    @property
    def url(self) -> str:
        return f"rediss://:hush-hush@127.0.0.1:{self._server.getsockname()[1]}/0"

    def _serve(self) -> None:
        while True:
            try:
                plain, _ = self._server.accept()
                with self._context.wrap_socket(plain, server_side=True) as secure:
                    self.heard += secure.recv(65536)
            except ssl.SSLError:
                continue
            except OSError:
                return

    def stop(self) -> None:
        self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        self._thread.join()


@pytest.fixture
def impostor(certificate: Path) -> Iterator[Impostor]:
    made = Impostor(certificate)
    yield made
    made.stop()


def app(url: str, monkeypatch: pytest.MonkeyPatch) -> Celery:
    monkeypatch.setenv("RESCIND_REDIS_URL", url)
    settings.cache_clear()
    # A new app: the other tests' app has a broker that answers.
    spec = importlib.util.find_spec("worker.celery")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    finally:
        settings.cache_clear()
    found: Celery = module.app
    return found


def test_celery_tells_an_impostor_nothing(
    impostor: Impostor, monkeypatch: pytest.MonkeyPatch
) -> None:
    with (
        app(impostor.url, monkeypatch).connection() as connection,
        pytest.raises(OperationalError, match="CERTIFICATE_VERIFY_FAILED"),
    ):
        connection.ensure_connection(max_retries=1, interval_start=0)
    assert impostor.heard == b""


def test_our_own_client_tells_an_impostor_nothing(impostor: Impostor) -> None:
    with (
        Redis.from_url(impostor.url, **REDIS_OPTIONS) as client,
        pytest.raises(RedisError, match="CERTIFICATE_VERIFY_FAILED"),
    ):
        client.ping()
    assert impostor.heard == b""


def test_the_url_can_name_a_certificate_authority(
    impostor: Impostor, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"{impostor.url}?ssl_ca_certs={certificate}"
    with (
        app(url, monkeypatch).connection() as connection,
        pytest.raises(OperationalError),
    ):
        connection.ensure_connection(max_retries=1, interval_start=0)
    assert b"AUTH" in impostor.heard


@pytest.mark.parametrize(
    "query",
    [
        "ssl_cert_reqs=none",
        "ssl_cert_reqs=CERT_NONE",
        "ssl_cert_reqs=optional",
        "ssl_check_hostname=false",
        "ssl_check_hostname=0",
    ],
)
def test_no_setting_switches_tls_verification_off(
    query: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RESCIND_REDIS_URL", f"rediss://:hush@host/0?{query}")
    with pytest.raises(SettingsError, match="not allowed") as refused:
        _ = Settings().redis
    assert "hush" not in str(refused.value)


def test_settings_that_keep_verification_on_are_accepted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    url = "rediss://host/0?ssl_cert_reqs=required&ssl_check_hostname=true"
    monkeypatch.setenv("RESCIND_REDIS_URL", url)
    assert Settings().redis == url
