"""One call to a provider, and the only place that turns an exception or an HTTP
status into evidence of what may have happened.

``NOT_SENT``: the provider cannot have acted. ``ANSWERED``: it said something that can
be read. ``THROTTLED``: it did nothing, and says to wait. ``MAYBE_DONE``: nobody knows.
When in doubt, it is ``MAYBE_DONE``: the order is then read back, never sent blindly.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from http.client import HTTPException

import requests
from urllib3.connection import HTTPConnection
from urllib3.exceptions import ConnectTimeoutError, NewConnectionError

from providers.connection import Head, connected, forget, head_of, keep
from providers.masking import mask, masked_body, masked_words
from providers.model import (
    Held,
    Parsed,
    Policy,
    Reply,
    Request,
    Throttled,
    UnreadableReplyError,
)
from providers.receiving import LostError, Patience, receive
from providers.redirects import REDIRECTS, only_upgrades
from providers.throttling import throttle_wait

LARGEST_BODY = 4 * 1024 * 1024
"""Bytes of a reply that are read; 100 orders take some 20 kB."""


class Evidence(StrEnum):
    NOT_SENT = "not_sent"
    ANSWERED = "answered"
    THROTTLED = "throttled"
    MAYBE_DONE = "maybe_done"


@dataclass(frozen=True, slots=True)
class Exchange:
    """One call, and what it is evidence of. Holds no secret."""

    evidence: Evidence
    parsed: Parsed | None = None
    """What the reply means; set for ``ANSWERED`` and ``THROTTLED``. With
    ``MAYBE_DONE`` it is ``None`` or a ``Held``: whatever became of the orders, an
    operator must act."""
    status: int | None = None
    took: timedelta = timedelta(0)
    detail: str | None = None
    """What went wrong, in words, when something did."""
    body: str | None = None
    """The reply's body, masked and cut, where it was refused or unreadable."""


def exchange(
    request: Request,
    parse: Callable[[Reply], Parsed],
    policy: Policy,
    secrets: tuple[str, ...] = (),
    send_by: datetime | None = None,
) -> Exchange:
    """Send ``request`` once and say what it is evidence of. Never raises for a
    provider's behaviour; never sends twice, nor after ``send_by``."""
    began = time.monotonic()
    result = _exchange(request, parse, policy, secrets, send_by)
    if result.evidence is Evidence.MAYBE_DONE:
        # Whatever still comes must not be taken for the answer to the next call.
        forget()
    return _timed(result, timedelta(seconds=time.monotonic() - began))


def _timed(result: Exchange, took: timedelta) -> Exchange:
    return Exchange(
        result.evidence, result.parsed, result.status, took, result.detail, result.body
    )


def _exchange(
    request: Request,
    parse: Callable[[Reply], Parsed],
    policy: Policy,
    secrets: tuple[str, ...],
    send_by: datetime | None,
) -> Exchange:
    latest, patience = _moments(policy, send_by)
    try:
        head = head_of(request)
    except (requests.RequestException, HTTPException, ValueError) as error:
        return _not_sent(f"it cannot be sent: {error}", secrets)
    try:
        connection = connected(head, policy.connect_timeout)
    except Exception as error:  # noqa: BLE001  (libraries raise what they never say)
        return _not_sent(_in_words(error, policy), secrets)
    if time.monotonic() > latest:
        keep(head, connection)
        return _not_sent("connected too late to be sent", secrets)
    try:
        reply = _ask(connection, head, request.body, patience)
    except LostError as error:
        return Exchange(Evidence.MAYBE_DONE, detail=str(error))
    except Exception as error:  # noqa: BLE001  (the same)
        detail = mask(f"connection lost: {_root(error)}"[:240], secrets)
        return Exchange(Evidence.MAYBE_DONE, detail=detail)
    return _read(request, reply, parse, policy, secrets)


def _moments(policy: Policy, send_by: datetime | None) -> tuple[float, Patience]:
    """When it must be sent at the latest, and until when it is waited for."""
    now = time.monotonic()
    # A name with several addresses, or a slow look-up, may take longer to connect
    # than connect_timeout. One reading's time must be left for the answer.
    latest = now + policy.connect_timeout + policy.read_timeout
    end_by = latest + policy.read_timeout
    if send_by is not None:
        left = (send_by - datetime.now(UTC)).total_seconds()
        latest = min(latest, now + left)
    return latest, Patience(end_by, policy.read_timeout)


def _ask(
    connection: HTTPConnection, head: Head, body: bytes, patience: Patience
) -> Reply:
    """The reply. From here on, whatever is raised, the provider may have acted."""
    sock: socket.socket = connection.sock
    try:
        if sock.gettimeout() != patience.silence:
            # Each time it is a call of the system's, and another thread's turn.
            sock.settimeout(patience.silence)
        # Who hangs up in the middle of a request may have answered it before.
        with suppress(BrokenPipeError, ConnectionResetError):
            sock.sendall(head.data + body)
        reply, stays = receive(sock, patience, LARGEST_BODY)
    except BaseException:
        connection.close()
        raise
    if stays:
        keep(head, connection)
    else:
        connection.close()
    return reply


def _not_sent(why: str, secrets: tuple[str, ...]) -> Exchange:
    return Exchange(Evidence.NOT_SENT, detail=mask(why, secrets))


def _read(
    request: Request,
    reply: Reply,
    parse: Callable[[Reply], Parsed],
    policy: Policy,
    secrets: tuple[str, ...],
) -> Exchange:
    body = None if reply.ok else masked_body(request, reply, secrets)
    if reply.status == 429:
        wait = throttle_wait(reply.headers, datetime.now(UTC), policy.throttle_wait)
        parsed = Throttled(wait, f"HTTP 429, wait {wait.total_seconds():.0f} s")
        return Exchange(Evidence.THROTTLED, parsed, 429, body=body)
    if reply.status in REDIRECTS:
        return _redirected(request, reply, body)
    if not (reply.ok or 400 <= reply.status < 500) or reply.status == 408:
        detail = f"HTTP {reply.status}"
        return Exchange(
            Evidence.MAYBE_DONE, None, reply.status, detail=detail, body=body
        )
    try:
        parsed_reply = masked_words(parse(reply), secrets)
    except Exception as error:  # noqa: BLE001  (a parser's bug must not lose others)
        body = masked_body(request, reply, secrets)
        known = isinstance(error, UnreadableReplyError)
        kind = type(error).__name__
        words = str(error) if known else f"a bug of ours: {kind} while reading it"
        detail = mask(words, secrets)
        return Exchange(
            Evidence.MAYBE_DONE, None, reply.status, detail=detail, body=body
        )
    return Exchange(Evidence.ANSWERED, parsed_reply, reply.status, body=body)


def _redirected(request: Request, reply: Reply, body: str | None) -> Exchange:
    # Followed, it would carry credentials to wherever it points.
    why = (
        f"the provider answers with a redirect (HTTP {reply.status}), which is never"
        " followed: set base_url to the address that it moved to"
    )
    if only_upgrades(request.url, reply):
        return Exchange(Evidence.ANSWERED, Held(why), reply.status, body=body)
    # Post/redirect/get: the answer to a form that was acted on is a redirect too.
    return Exchange(Evidence.MAYBE_DONE, Held(why), reply.status, detail=why, body=body)


def _in_words(error: Exception, policy: Policy) -> str:
    """Why there is no connection."""
    timed_out = isinstance(error, TimeoutError | ConnectTimeoutError)
    if timed_out and not isinstance(error, NewConnectionError):
        return f"no connection within {policy.connect_timeout:g} s"
    return f"not connected: {str(_root(error))[:200]}"


def _root(error: BaseException) -> BaseException:
    """The system's own error, whatever libraries have wrapped it into."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, OSError) and cause.errno:
            return cause
        cause = cause.__cause__ or cause.__context__
    return error
