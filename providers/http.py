"""One call to a provider, and the only place that turns an exception into evidence of
what may have happened.

What was answered is judged by ``providers.replies``.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from http.client import HTTPException

import requests
from urllib3.connection import HTTPConnection
from urllib3.exceptions import ConnectTimeoutError, NewConnectionError

from providers.connection import Head, connected, forget, head_of, keep
from providers.evidence import Evidence, Exchange
from providers.masking import mask
from providers.model import Parsed, Policy, Reply, Request
from providers.receiving import LostError, Patience, receive
from providers.replies import LARGEST_BODY, evidence_of, received

__all__ = ["LARGEST_BODY", "Evidence", "Exchange", "exchange"]


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
    return replace(result, took=took)


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
    return evidence_of(received(request, reply, secrets), parse, policy)


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
