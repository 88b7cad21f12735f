"""A server on a real socket that sends given bytes."""

from __future__ import annotations

import contextlib
import ipaddress
import socket
import socketserver
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from rescind.provider import connection, session

Handler = Callable[[socket.socket], None]
Tls = Callable[[Callable[[ssl.SSLSocket, socket.socket], None]], str]


@dataclass
class Wire:
    """One server. ``says`` handles each connection's request."""

    host: str
    port: int
    says: Handler = lambda _: None
    requests: list[bytes] = field(default_factory=list)
    """Every complete request that arrived."""
    connections: int = 0
    closed: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    """Released each time that this side has closed a connection."""
    done: threading.Event = field(default_factory=threading.Event)
    """Set when the test is over, so that nothing waits longer."""

    @property
    def url(self) -> str:
        return f"http://{self.host}:{self.port}/cancel"

    def answers(self, *parts: bytes | str, keep_open: bool = False) -> None:
        """Answer each request with ``parts``, then close (or wait for the end)."""
        whole = [p.encode() if isinstance(p, str) else p for p in parts]

        def say(connection: socket.socket) -> None:
            for part in whole:
                connection.sendall(part)
            if keep_open:
                self.done.wait(30)

        self.says = say

    def keeps_saying(self, whole: str) -> None:
        """Answer each request with ``whole``, and keep the connection."""

        def say(connection: socket.socket) -> None:
            connection.sendall(whole.encode())

        say.keeps_alive = True  # type: ignore[attr-defined]
        self.says = say

    def drips(self, head: bytes, drop: bytes, every: float) -> None:
        """Answer with ``head``, and then with one ``drop`` after another for ever."""

        def say(connection: socket.socket) -> None:
            connection.sendall(head)
            while not self.done.wait(every):
                connection.sendall(drop)

        self.says = say


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 64
    wire: Wire

    def shutdown_request(self, request: object) -> None:
        super().shutdown_request(request)  # type: ignore[arg-type]
        self.wire.closed.release()


class _OneConnection(socketserver.BaseRequestHandler):
    server: _Server

    def handle(self) -> None:
        wire = self.server.wire
        wire.connections += 1
        connection: socket.socket = self.request
        # The client may well close in the middle: that is what is tested.
        with contextlib.suppress(OSError):
            while request := _read_request(connection):
                wire.requests.append(request)
                wire.says(connection)
                if not getattr(wire.says, "keeps_alive", False):
                    return


def _read_request(connection: socket.socket) -> bytes:
    """One request with its body; empty when the other side has closed."""
    data = b""
    while b"\r\n\r\n" not in data:
        part = connection.recv(65536)
        if not part:
            return b""
        data += part
    head, _, body = data.partition(b"\r\n\r\n")
    length = 0
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            length = int(value)
    while len(body) < length:
        body += connection.recv(65536)
    return head + b"\r\n\r\n" + body


@pytest.fixture
def wire() -> Iterator[Wire]:
    """A server on loopback."""
    with _Server(("127.0.0.1", 0), _OneConnection) as server:
        host, port = server.server_address[:2]
        server.wire = Wire(str(host), int(port))
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield server.wire
        finally:
            server.wire.done.set()
            server.shutdown()
            thread.join()


@pytest.fixture
def closed_port() -> int:
    """A loopback port that refuses connections."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def deaf_port() -> Iterator[int]:
    """A loopback port that neither accepts nor refuses: its queue is full."""
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(socket.socket())
        server.bind(("127.0.0.1", 0))
        server.listen(0)
        port = int(server.getsockname()[1])
        for _ in range(64):
            waiting = stack.enter_context(socket.socket())
            waiting.settimeout(0.2)
            try:
                waiting.connect(("127.0.0.1", port))
            except TimeoutError:
                break
        else:
            pytest.skip("this system queues connections without end")
        yield port


@pytest.fixture
def stopwatch() -> Callable[[], float]:
    """Seconds since the test began."""
    began = time.monotonic()
    return lambda: time.monotonic() - began


@pytest.fixture(autouse=True)
def _a_session_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """No connection outlives its test."""
    for module in (connection, session):
        monkeypatch.setattr(module, "_local", threading.local())


# --- TLS, with a certificate of our own -----------------------------------------------


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A self-signed certificate for 127.0.0.1 with its key, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    today = datetime.now(UTC)
    names = [x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(today - timedelta(days=1))
        .not_valid_after(today + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "own.pem"
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + made.public_bytes(serialization.Encoding.PEM)
    )
    return path


@pytest.fixture
def tls(certificate: Path) -> Iterator[Tls]:
    """Starts a TLS server for one connection; returns its URL."""
    threads: list[threading.Thread] = []
    servers: list[socket.socket] = []
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)

    def start(say: Callable[[ssl.SSLSocket, socket.socket], None]) -> str:
        server = socket.create_server(("127.0.0.1", 0))
        servers.append(server)

        def serve() -> None:
            plain, _ = server.accept()
            raw = socket.socket(fileno=socket.dup(plain.fileno()))
            with plain, raw:
                try:
                    with context.wrap_socket(plain, server_side=True) as secure:
                        say(secure, raw)
                except OSError:
                    return

        thread = threading.Thread(target=serve)
        thread.start()
        threads.append(thread)
        return f"https://127.0.0.1:{server.getsockname()[1]}/"

    yield start
    for thread in threads:
        thread.join()
    for server in servers:
        server.close()
