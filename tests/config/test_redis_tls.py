"""Tests that both Redis clients verify TLS."""

from __future__ import annotations

import importlib.util
import ipaddress
import shutil
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from celery import Celery
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from kombu.exceptions import OperationalError
from redis import Redis, RedisError

from rescind.config.queues import INTAKE, REDIS_OPTIONS
from rescind.config.redis_client import client_of
from rescind.config.settings import Settings, SettingsError, settings
from rescind.engine.rate_limiter import Rates
from rescind.provider.system_clock import SystemClock
from tests.ledger.build import policy
from tests.valkey import free_port


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


# --- a server with a certificate of our own authority ---------------------------------


@contextmanager
def served(folder: Path, certificate: Path, port: int, *more: str) -> Iterator[None]:
    """Debian's Redis, over TLS alone. The Valkey of the tests is built without TLS."""
    binary = shutil.which("redis-server")
    if binary is None:
        pytest.skip("redis-server is not installed")
    file = folder / f"{port}.conf"
    kinds = ("cert", "key", "ca-cert")
    lines = (
        "port 0",
        f"tls-port {port}",
        *(f"tls-{kind}-file {certificate}" for kind in kinds),
        "tls-auth-clients no",
        "tls-replication yes",
        f"dir {folder}",
        *more,
    )
    file.write_text("\n".join(lines))
    sentinel = ("--sentinel",) if "sentinel" in more[0] else ()
    server = subprocess.Popen([binary, str(file), *sentinel], stdout=subprocess.DEVNULL)
    try:
        yield
    finally:
        server.terminate()
        server.wait(10)


@pytest.fixture(scope="module", params=["one server", "Sentinels"])
def secure_url(
    request: pytest.FixtureRequest,
    certificate: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("secure")
    port, asked = free_port(), free_port()
    query = f"ssl_ca_certs={certificate}"
    with ExitStack() as servers:
        start = servers.enter_context
        start(served(folder, certificate, port, "requirepass hush-hush"))
        if request.param == "one server":
            yield f"rediss://:hush-hush@127.0.0.1:{port}/0?{query}"
            return
        rules = (
            f"sentinel monitor own 127.0.0.1 {port} 1",
            "sentinel auth-pass own hush-hush",
        )
        start(served(folder, certificate, asked, *rules))
        yield f"sentinel://:hush-hush@127.0.0.1:{asked}/0?master=own&{query}"


def test_broker_and_limiter_use_a_server_of_our_own_authority(
    secure_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = app(secure_url, monkeypatch)
    with client_of(Settings().redis, **REDIS_OPTIONS) as client:
        await_answer(client)
        made.send_task("rescind.submit", queue=INTAKE)
        assert client.llen(INTAKE) == 1
        rates = Rates(Settings().redis, REDIS_OPTIONS, SystemClock())
        limited = policy(rate="1/minute")
        assert rates.take(("notpanel", "secure"), limited, 2).calls == 1


def await_answer(client: Redis) -> None:
    give_up = time.monotonic() + 20
    while time.monotonic() < give_up:
        try:
            client.ping()
        except RedisError:
            time.sleep(0.05)
        else:
            return
    raise TimeoutError("Redis does not answer over TLS")
