"""Makes one call to a provider, and turns every exception of it into evidence.

No other module decides what an exception proves. ``rescind.provider.replies`` judges
the replies.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from http.client import HTTPException

import requests
from urllib3.exceptions import ConnectTimeoutError, NewConnectionError

from rescind.provider.connection import head_of
from rescind.provider.evidence import Evidence, Exchange
from rescind.provider.http_messages import Reply, Request
from rescind.provider.masking import mask
from rescind.provider.outcomes import Parsed
from rescind.provider.policy import Policy
from rescind.provider.replies import evidence_of, received
from rescind.provider.response_reader import LostError, Patience
from rescind.provider.wire import SOCKETS, Wire

__all__ = ["Evidence", "Exchange", "exchange"]


def exchange(
    request: Request,
    parse: Callable[[Reply], Parsed],
    policy: Policy,
    secrets: tuple[str, ...] = (),
    send_by: datetime | None = None,
    wire: Wire = SOCKETS,
) -> Exchange:
    """Send ``request`` once and return what the call proves. Never raises for a
    provider's behaviour; never sends twice, nor after ``send_by``."""
    asked_at, began = wire.now(), wire.monotonic()
    result = _exchange(request, parse, policy, secrets, send_by, wire)
    if result.evidence is Evidence.MAYBE_DONE:
        # A late reply on this connection must not be taken for the next call's.
        wire.forget()
    took = timedelta(seconds=wire.monotonic() - began)
    return replace(result, took=took, asked_at=asked_at)


def _exchange(
    request: Request,
    parse: Callable[[Reply], Parsed],
    policy: Policy,
    secrets: tuple[str, ...],
    send_by: datetime | None,
    wire: Wire,
) -> Exchange:
    latest, patience = _moments(policy, send_by, wire)
    try:
        head = head_of(request)
    except (requests.RequestException, HTTPException, ValueError) as error:
        return _not_sent(f"it cannot be sent: {error}", secrets)
    try:
        connection = wire.connect(head, policy.connect_timeout)
    except Exception as error:  # noqa: BLE001  (libraries raise undocumented errors)
        return _not_sent(_in_words(error, policy), secrets)
    try:
        connection.prepare(patience)
        if _is_late(wire, latest, send_by):
            connection.leave()
            return _not_sent("connected too late to be sent", secrets)
        reply = connection.ask(request.body, patience)
    except LostError as error:
        return Exchange(Evidence.MAYBE_DONE, detail=str(error))
    except Exception as error:  # noqa: BLE001  (the same)
        detail = mask(f"connection lost: {_root(error)}"[:240], secrets)
        return Exchange(Evidence.MAYBE_DONE, detail=detail)
    answer = received(request, reply, secrets)
    return evidence_of(answer, parse, policy, wire.now())


def _moments(
    policy: Policy, send_by: datetime | None, wire: Wire
) -> tuple[float, Patience]:
    """The latest moment to send (monotonic seconds), and the wait for the reply."""
    now = wire.monotonic()
    # Connecting may take longer than connect_timeout: a name may have several addresses
    # or a slow look-up. The reply then still has its whole read_timeout.
    latest = now + policy.connect_timeout + policy.read_timeout
    end_by = latest + policy.read_timeout
    if send_by is not None:
        latest = min(latest, now + (send_by - wire.now()).total_seconds())
    return latest, Patience(end_by, policy.read_timeout)


def _is_late(wire: Wire, latest: float, send_by: datetime | None) -> bool:
    """Whether it is too late to send, by either clock. Only the time of day shows that
    the machine was suspended. Only the monotonic clock is right if that is set back."""
    return wire.monotonic() > latest or (send_by is not None and wire.now() > send_by)


def _not_sent(why: str, secrets: tuple[str, ...]) -> Exchange:
    return Exchange(Evidence.NOT_SENT, detail=mask(why, secrets))


def _in_words(error: Exception, policy: Policy) -> str:
    """Why there is no connection."""
    timed_out = isinstance(error, TimeoutError | ConnectTimeoutError)
    if timed_out and not isinstance(error, NewConnectionError):
        return f"no connection within {policy.connect_timeout:g} s"
    return f"not connected: {str(_root(error))[:200]}"


def _root(error: BaseException) -> BaseException:
    """The operating system's error, if libraries have wrapped one; else ``error``."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, OSError) and cause.errno:
            return cause
        cause = cause.__cause__ or cause.__context__
    return error
