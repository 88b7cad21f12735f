"""Sends one request to a producer's address, and reads the head of the reply.

The code follows no redirect, uses no proxy, and reads no body: only the status and
headers of a reply are needed.
"""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Mapping, Sequence
from functools import cache

from requests.utils import DEFAULT_CA_BUNDLE_PATH

from rescind.config.callback_urls import Url
from rescind.provider.http_messages import Reply
from rescind.provider.response_reader import LostError, Patience, receive_head
from rescind.webhooks.addresses import Place, UnsentError, places_of

CONNECT_SECONDS = 5.0
READ_SECONDS = 15.0
WHOLE_SECONDS = 20.0
"""The time limit for looking up, connecting, sending and waiting together."""

_reading = threading.Lock()


def post(url: Url, headers: Mapping[str, str], body: bytes, *, private: bool) -> Reply:
    """Send ``body``; returns the reply's status and headers; raises ``UnsentError``."""
    end_by = time.monotonic() + WHOLE_SECONDS
    places = places_of(url, private=private, seconds=CONNECT_SECONDS)
    sock = _connected(url, places)
    try:
        _send(sock, _head(url, headers, len(body)) + body, end_by)
        sock.settimeout(READ_SECONDS)
        return receive_head(sock, Patience(end_by, READ_SECONDS))
    except LostError as error:
        raise UnsentError(str(error)) from None
    except TimeoutError:
        raise UnsentError(f"it took longer than {WHOLE_SECONDS:g} s") from None
    except OSError as error:
        raise UnsentError(f"connection lost: {error.strerror or error}") from None
    finally:
        sock.close()


def _head(url: Url, headers: Mapping[str, str], length: int) -> bytes:
    where = url.host if url.usual_port else f"{url.host}:{url.port}"
    fixed = {
        "Host": where,
        "User-Agent": "rescind/0.1",
        "Content-Type": "application/json",
        "Content-Length": str(length),
        "Accept": "*/*",
        "Accept-Encoding": "identity",
        "Connection": "close",
    }
    lines = [f"{name}: {value}" for name, value in {**fixed, **headers}.items()]
    return "\r\n".join([f"POST {url.path} HTTP/1.1", *lines, "", ""]).encode("ascii")


def _connected(url: Url, places: Sequence[Place]) -> socket.socket:
    """A connection to the first address that accepts one; TLS is verified by name."""
    end_by, why = time.monotonic() + CONNECT_SECONDS, "it has no address"
    for left, place in zip(range(len(places), 0, -1), places, strict=True):
        remains = end_by - time.monotonic()
        if remains <= 0:
            # A name may have thousands of addresses.
            break
        # An address that does not answer must leave time for the next one.
        seconds = max(remains / left, 0.1)
        try:
            return _connect(url, place, seconds)
        except ssl.SSLCertVerificationError as error:
            why = f"its certificate is not trusted: {error.verify_message}"
        except TimeoutError:
            why = f"no connection within {CONNECT_SECONDS:g} s"
        except OSError as error:
            why = f"not connected: {error.strerror or error}"
    raise UnsentError(why)


def _connect(url: Url, place: Place, seconds: float) -> socket.socket:
    family, where = place
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.settimeout(seconds)
        sock.connect(where)
        if url.secure:
            return _trusting().wrap_socket(sock, server_hostname=url.host.strip("[]"))
    except BaseException:
        sock.close()
        raise
    return sock


def _trusting() -> ssl.SSLContext:
    # Without the lock, threads that start together would each read the authorities.
    with _reading:
        return _authorities()


@cache  # Reading all authorities takes longer than many calls.
def _authorities() -> ssl.SSLContext:
    # The system's authorities, which may include your own, and the usual ones.
    context = ssl.create_default_context()
    context.load_verify_locations(DEFAULT_CA_BUNDLE_PATH)
    return context


def _send(sock: socket.socket, data: bytes, end_by: float) -> None:
    left = memoryview(data)
    while left:
        # Each piece has the rest of the time limit, so a slow reader gets no more time.
        sock.settimeout(max(end_by - time.monotonic(), 0.001))
        left = left[sock.send(left) :]
