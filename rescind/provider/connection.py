"""Prepared requests, and the connections that a thread keeps from call to call.

``requests`` prepares the requests, and its adapter makes the connections.
"""

from __future__ import annotations

import logging
import ssl
import threading
from dataclasses import dataclass, field
from functools import cache, lru_cache
from typing import Any
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter
from requests.utils import DEFAULT_CA_BUNDLE_PATH
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.util.ssl_ import create_urllib3_context

from rescind.provider.http_messages import Request

# Its warnings quote the provider's bytes, which may hold a secret of ours.
logging.getLogger("urllib3").setLevel(logging.ERROR)

MOST_KEPT = 10
"""Connections that a thread keeps: one for each origin (scheme, host and port)."""

_local = threading.local()
"""This thread's connector, and the connections that it keeps."""
_reading = threading.Lock()


# --- the head of a request ----------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Head:
    """A request without its body, as ``requests`` prepared it. Holds credentials."""

    prepared: requests.PreparedRequest = field(repr=False)
    origin: str
    data: bytes = field(repr=False)
    """The bytes that are sent before the body."""


class Prepared(requests.PreparedRequest):
    """A prepared request, with the bytes of its head."""

    head: Head


def prepare(request: Request) -> Prepared:
    """The prepared request. Raises ``ValueError`` or an error of ``requests`` if it
    cannot be sent."""
    headers = tuple(request.headers.items())
    head = _head(request.method, request.url, headers, len(request.body))
    # Preparing takes longer than sending, and only the body differs between calls.
    prepared = Prepared()
    prepared.method, prepared.url = head.prepared.method, head.prepared.url
    prepared.headers = head.prepared.headers
    prepared.body, prepared.head = request.body, head
    return prepared


@lru_cache(maxsize=256)  # most of an account's calls differ in their bodies alone
def _head(
    method: str, url: str, headers: tuple[tuple[str, str], ...], length: int
) -> Head:
    fixed = {
        "User-Agent": "rescind/0.1",
        # We accept no compression, so that a decompression bomb is no valid reply.
        "Accept-Encoding": "identity",
        **dict(headers),
    }
    if length:
        fixed["Content-Length"] = str(length)
    prepared = requests.Request(method, url, headers=fixed).prepare()
    parts = urlsplit(str(prepared.url))
    return Head(prepared, f"{parts.scheme}://{parts.netloc}", _written(prepared))


def _written(prepared: requests.PreparedRequest) -> bytes:
    parts = urlsplit(str(prepared.url))
    writer_class = _SecureWriter if parts.scheme == "https" else _Writer
    writer = writer_class(parts.hostname or "", parts.port)
    headers = {str(name): str(value) for name, value in prepared.headers.items()}
    writer.request(str(prepared.method), prepared.path_url, headers=headers)
    return bytes(writer.written)


class _Writer(HTTPConnection):
    """Collects the bytes to send; ``http.client`` has checked each of them."""

    def __init__(self, host: str, port: int | None) -> None:
        super().__init__(host, port)
        self.written = bytearray()

    def send(self, data: Any) -> None:
        self.written += data


class _SecureWriter(_Writer, HTTPSConnection):
    pass


# --- new connections --------------------------------------------------------------


class _Pool(HTTPConnectionPool):
    def connection(self) -> Any:
        """A new connection, not connected yet."""
        return self._new_conn()


class _SecurePool(_Pool, HTTPSConnectionPool):
    pass


class _Connector(HTTPAdapter):
    """Makes connections. It sends nothing."""

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        pools = {"http": _Pool, "https": _SecurePool}
        self.poolmanager.pool_classes_by_scheme = pools

    def build_connection_pool_key_attributes(
        self, request: requests.PreparedRequest, verify: Any, cert: Any = None
    ) -> tuple[Any, Any]:
        bundle = DEFAULT_CA_BUNDLE_PATH if verify is True else str(verify)
        host, _ = super().build_connection_pool_key_attributes(request, True, cert)
        return host, {"ssl_context": trusting(bundle), "cert_reqs": "CERT_REQUIRED"}


def trusting(bundle: str) -> ssl.SSLContext:
    """The TLS context that trusts the authorities in ``bundle``, for all threads."""
    # Without the lock, threads that start together would each read the bundle.
    with _reading:
        return _trusting(bundle)


@cache  # reading all authorities takes longer than a thousand calls
def _trusting(bundle: str) -> ssl.SSLContext:
    context = create_urllib3_context()
    context.load_verify_locations(bundle)
    return context


# --- kept connections -------------------------------------------------------------


def connected(head: Head, timeout: float, verify: bool | str) -> HTTPConnection:
    """The kept connection, if its other end has not closed it, or else a new one.

    ``timeout`` is in seconds; ``verify`` is a bundle of authorities, or ``True`` for
    those of ``requests``. Nothing was sent, even if this raises.
    """
    kept = _kept().pop(head.origin, None)
    if kept is not None and kept.is_connected:
        return kept
    if kept is not None:
        kept.close()
    return _connect(head, timeout, verify)


def _connect(head: Head, timeout: float, verify: bool | str) -> HTTPConnection:
    pool: Any = _connector().get_connection_with_tls_context(head.prepared, verify)
    connection: HTTPConnection = pool.connection()
    connection.timeout = timeout
    try:
        connection.connect()
    except BaseException:
        connection.close()
        raise
    return connection


def _connector() -> _Connector:
    """This thread's connector: threads that share one slow each other down."""
    found: _Connector | None = getattr(_local, "connector", None)
    if found is None:
        found = _local.connector = _Connector(max_retries=0)
    return found


def keep(head: Head, connection: HTTPConnection) -> None:
    """Keep ``connection`` for this thread's next call to the same origin."""
    kept = _kept()
    kept[head.origin] = connection
    if len(kept) > MOST_KEPT:
        kept.pop(next(iter(kept))).close()


def forget() -> None:
    """Close this thread's connections: no later call may read a late reply."""
    kept = _kept()
    while kept:
        kept.popitem()[1].close()


def _kept() -> dict[str, HTTPConnection]:
    found: dict[str, HTTPConnection] | None = getattr(_local, "kept", None)
    if found is None:
        found = _local.kept = {}
    return found
