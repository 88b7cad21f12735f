"""The connections under ``providers.http``: none of them outlasts its call's time.

What ``requests`` calls a timeout bounds one receive. A provider that drips its status
line, its headers, ``100 Continue`` or its body could keep a call for ever; here each
receive ends when the whole call has to.
"""

from __future__ import annotations

import http.client
import io
import logging
import socket
import threading
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import ConnectTimeoutError

from providers.model import Policy

# What it warns of quotes the provider's bytes, which may hold a secret of ours.
logging.getLogger("urllib3").setLevel(logging.ERROR)

_local = threading.local()
"""This thread's session, and the ``_Limits`` of the call that it is making."""


class LostError(Exception):
    """The request went out, and its answer did not come back whole."""


@dataclass(frozen=True, slots=True)
class _Limits:
    """One call's moments, by ``time.monotonic``."""

    send_by: float
    end_by: float
    silence: float
    """Seconds that a single receive may take."""


def send(
    prepared: requests.PreparedRequest, policy: Policy, send_by: datetime | None = None
) -> requests.Response:
    """Send it, unless the connection came too late; the same thread reads the body."""
    _local.limits = _limits(policy, send_by)
    return session().send(
        prepared,
        stream=True,
        allow_redirects=False,
        timeout=(policy.connect_timeout, policy.read_timeout),
    )


def _limits(policy: Policy, send_by: datetime | None) -> _Limits:
    now = time.monotonic()
    # A name with several addresses, or a slow look-up, may take longer to connect
    # than connect_timeout. One reading's time must be left for the answer.
    latest = now + policy.connect_timeout + policy.read_timeout
    if send_by is not None:
        left = (send_by - datetime.now(UTC)).total_seconds()
        latest = min(latest, now + left)
    end_by = now + policy.connect_timeout + 2 * policy.read_timeout
    return _Limits(latest, end_by, policy.read_timeout)


# --- what is received -------------------------------------------------------------


class _Receiving(io.RawIOBase):
    """What comes out of a socket, as long as there is time for it."""

    def __init__(self, raw: io.RawIOBase, sock: socket.socket, limits: _Limits) -> None:
        self._raw = raw
        self._sock = sock
        self._limits = limits

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        left = self._limits.end_by - time.monotonic()
        if left > 0:
            self._sock.settimeout(min(left, self._limits.silence))
            try:
                return self._raw.readinto(buffer)
            except TimeoutError:
                if left > self._limits.silence:
                    raise
        raise LostError("a reply that did not end within its time")

    def close(self) -> None:
        self._raw.close()
        super().close()


class _Response(http.client.HTTPResponse):
    def __init__(self, sock: socket.socket, *args: Any, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        received: Any = self.fp
        raw = _Receiving(received.detach(), sock, _local.limits)
        self.fp = io.BufferedReader(raw)

    def begin(self) -> None:
        super().begin()
        # We keep none, and to read a hostile one costs seconds.
        for name in ("Set-Cookie", "Set-Cookie2"):
            del self.headers[name]


# --- what is sent -----------------------------------------------------------------


class _SentInTime(HTTPConnection):
    """Sends nothing once it is too late to."""

    response_class = _Response

    def request(self, *args: Any, **kwargs: Any) -> None:
        if self.sock is None:
            self.connect()
        if time.monotonic() > _local.limits.send_by:
            raise ConnectTimeoutError(self, "connected too late")
        super().request(*args, **kwargs)


class _SecureSentInTime(_SentInTime, HTTPSConnection):
    pass


class _Pool(HTTPConnectionPool):
    ConnectionCls = _SentInTime


class _SecurePool(HTTPSConnectionPool):
    ConnectionCls = _SecureSentInTime


class _Adapter(HTTPAdapter):
    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        pools = {"http": _Pool, "https": _SecurePool}
        self.poolmanager.pool_classes_by_scheme = pools


# --- the session ------------------------------------------------------------------


class _Session(requests.Session):
    def get_redirect_target(self, resp: requests.Response) -> str | None:
        # Where it does not follow a redirect, requests still reads the whole body of
        # it, however long, and parses where it points to, which may raise anything.
        return None


def session() -> requests.Session:
    """This thread's session: threads that share one slow each other down."""
    found: requests.Session | None = getattr(_local, "session", None)
    return found or _new_session()


def _new_session() -> requests.Session:
    session = _local.session = _Session()
    # No proxies, .netrc or CA bundles from the environment: a third faster, and
    # nothing outside the accounts file decides where credentials go.
    session.trust_env = False
    adapter = _Adapter(max_retries=0)
    session.mount("https://", adapter)
    session.mount("http://", adapter)
    session.headers.clear()
    return session


def forget() -> None:
    """Close this thread's connections: what still comes on them is nobody's answer."""
    session().close()
