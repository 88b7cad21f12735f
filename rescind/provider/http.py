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

from rescind.provider.auth import with_sent
from rescind.provider.connection import prepare
from rescind.provider.evidence import Evidence, Exchange
from rescind.provider.http_messages import Reply, Request
from rescind.provider.masking import mask
from rescind.provider.outcomes import Parsed
from rescind.provider.policy import Policy
from rescind.provider.replies import evidence_of, received
from rescind.provider.response_reader import LostError, Patience
from rescind.provider.session import Bounds, NotSentError, reply_of, session
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
    # A reading must not count as later than it was.
    asked_at, began = wire.earliest(), wire.monotonic()
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
    secrets = with_sent(request, secrets)
    try:
        prepared = prepare(request)
    except (requests.RequestException, HTTPException, ValueError) as error:
        return _not_sent(f"it cannot be sent: {error}", secrets)
    bounds = _bounds(policy, send_by, wire)
    try:
        response = session(wire).send(
            prepared,
            timeout=bounds,  # type: ignore[arg-type]  # for our adapter
            proxies={},
            allow_redirects=False,
        )
    except NotSentError as error:
        cause = error.__cause__
        why = _in_words(cause, policy) if cause is not None else str(error)
        return _not_sent(why, secrets)
    except LostError as error:
        return Exchange(Evidence.MAYBE_DONE, detail=str(error))
    except Exception as error:  # noqa: BLE001  (libraries raise undocumented errors)
        detail = mask(f"connection lost: {_root(error)}"[:240], secrets)
        return Exchange(Evidence.MAYBE_DONE, detail=detail)
    answer = received(request, reply_of(response), secrets)
    return evidence_of(answer, parse, policy, wire.now())


def _bounds(policy: Policy, send_by: datetime | None, wire: Wire) -> Bounds:
    now = wire.monotonic()
    # Connecting may take longer than connect_timeout: a name may have several addresses
    # or a slow look-up. The reply then still has its whole read_timeout.
    latest = now + policy.connect_timeout + policy.read_timeout
    patience = Patience(latest + policy.read_timeout, policy.read_timeout)
    if send_by is not None:
        latest = min(latest, now + (send_by - wire.now()).total_seconds())
    return Bounds(policy.connect_timeout, latest, send_by, patience)


def _not_sent(why: str, secrets: tuple[str, ...]) -> Exchange:
    return Exchange(Evidence.NOT_SENT, detail=mask(why, secrets))


def _in_words(error: BaseException, policy: Policy) -> str:
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
