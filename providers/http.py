"""One call to a provider, and the only place that turns an exception or an HTTP
status into evidence of what may have happened.

``NOT_SENT``: the provider cannot have acted. ``ANSWERED``: it said something that can
be read. ``THROTTLED``: it did nothing, and says to wait. ``MAYBE_DONE``: nobody knows.
When in doubt, it is ``MAYBE_DONE``: the order is then read back, never sent blindly.
"""

from __future__ import annotations

import ssl
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

import requests
import urllib3

from providers.connection import LostError, forget, send, session
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
    """What the reply means; set for ``ANSWERED`` and ``THROTTLED``."""
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
    try:
        prepared = _prepare(request)
    except (requests.RequestException, UnicodeError) as error:
        detail = f"it cannot be sent: {error}"
        return Exchange(Evidence.NOT_SENT, detail=mask(detail, secrets))
    try:
        reply = _send(prepared, policy, send_by)
    except LostError as error:
        return Exchange(Evidence.MAYBE_DONE, detail=str(error))
    except Exception as error:  # noqa: BLE001  (libraries raise what they never say)
        evidence = Evidence.NOT_SENT if _never_sent(error) else Evidence.MAYBE_DONE
        return Exchange(evidence, detail=mask(_in_words(error, policy), secrets))
    return _read(reply, parse, policy, secrets)


def _read(
    reply: Reply,
    parse: Callable[[Reply], Parsed],
    policy: Policy,
    secrets: tuple[str, ...],
) -> Exchange:
    body = None if reply.ok else masked_body(reply, secrets)
    if reply.status == 429:
        wait = throttle_wait(reply.headers, datetime.now(UTC), policy.throttle_wait)
        parsed = Throttled(wait, f"HTTP 429, wait {wait.total_seconds():.0f} s")
        return Exchange(Evidence.THROTTLED, parsed, 429, body=body)
    if reply.status in (301, 302, 307, 308):
        return Exchange(Evidence.ANSWERED, _redirected(reply), reply.status)
    if not 200 <= reply.status < 500 or reply.status in (303, 304, 408):
        detail = f"HTTP {reply.status}"
        return Exchange(
            Evidence.MAYBE_DONE, None, reply.status, detail=detail, body=body
        )
    try:
        parsed_reply = masked_words(parse(reply), secrets)
    except Exception as error:  # noqa: BLE001  (a parser's bug must not lose others)
        body = masked_body(reply, secrets)
        known = isinstance(error, UnreadableReplyError)
        kind = type(error).__name__
        words = str(error) if known else f"a bug of ours: {kind} while reading it"
        detail = mask(words, secrets)
        return Exchange(
            Evidence.MAYBE_DONE, None, reply.status, detail=detail, body=body
        )
    return Exchange(Evidence.ANSWERED, parsed_reply, reply.status, body=body)


def _redirected(reply: Reply) -> Held:
    # Followed, it would carry credentials to wherever it points.
    return Held(
        f"the provider answers with a redirect (HTTP {reply.status}), which is never"
        " followed: set base_url to the address that it moved to"
    )


def _prepare(request: Request) -> requests.PreparedRequest:
    asked = requests.Request(
        request.method,
        request.url,
        headers={
            "User-Agent": "rescind/0.1",
            # A compressed bomb cannot be sent to one who takes no compression.
            "Accept-Encoding": "identity",
            **request.headers,
        },
        data=request.body,
    )
    prepared = session().prepare_request(asked)
    for name, value in prepared.headers.items():
        f"{name}{value}".encode("latin-1")
    return prepared


def _send(
    prepared: requests.PreparedRequest, policy: Policy, send_by: datetime | None
) -> Reply:
    with send(prepared, policy, send_by) as response:
        headers = {name.lower(): value for name, value in response.headers.items()}
        return Reply(response.status_code, headers, _body(response))


def _body(response: requests.Response) -> bytes:
    """The whole body, and no more than ``LARGEST_BODY``."""
    if response.headers.get("Content-Encoding", "identity") != "identity":
        raise LostError("a compressed reply, though none was asked for")
    body = bytearray()
    for part in _parts(response.raw):
        body += part
        if len(body) > LARGEST_BODY:
            raise LostError(f"a reply of more than {LARGEST_BODY} bytes")
    return bytes(body)


def _parts(raw: urllib3.HTTPResponse) -> Iterator[bytes]:
    try:
        # read1 returns with what one receive brought: a slow drip cannot keep us.
        while part := raw.read1(65536, decode_content=False):
            yield part
    except (urllib3.exceptions.HTTPError, OSError, ValueError) as error:
        raise LostError("the connection was lost in the middle of a reply") from error


def _never_sent(error: Exception) -> bool:
    """Whether the request cannot have reached the provider."""
    if isinstance(error, requests.ConnectTimeout | requests.exceptions.InvalidURL):
        return True
    never = (
        urllib3.exceptions.NewConnectionError,
        urllib3.exceptions.NameResolutionError,
        urllib3.exceptions.ConnectTimeoutError,
        urllib3.exceptions.LocationParseError,
    )
    return any(isinstance(c, never) or _in_handshake(c) for c in _causes(error))


def _in_handshake(error: BaseException) -> bool:
    # The same words come from a connection that breaks when the request is out, so
    # only where it was raised tells: nothing is sent before the handshake is over.
    trace = error.__traceback__
    while trace is not None:
        code = trace.tb_frame.f_code
        if (code.co_name, code.co_filename) == ("do_handshake", ssl.__file__):
            return True
        trace = trace.tb_next
    return False


def _causes(error: BaseException) -> Iterator[BaseException]:
    seen: set[int] = set()
    pending: list[object] = [error]
    while pending:
        cause = pending.pop()
        if not isinstance(cause, BaseException) or id(cause) in seen:
            continue
        seen.add(id(cause))
        yield cause
        pending += [cause.__cause__, cause.__context__, getattr(cause, "reason", None)]
        pending += cause.args


def _in_words(error: Exception, policy: Policy) -> str:
    unsent = _never_sent(error)
    if isinstance(error, requests.Timeout) and unsent:
        return f"no connection within {policy.connect_timeout:g} s"
    if isinstance(error, requests.Timeout):
        return f"no answer within {policy.read_timeout:g} s"
    causes = list(_causes(error))
    root = next((c for c in causes if isinstance(c, OSError) and c.errno), causes[-1])
    prefix = "not connected" if unsent else "connection lost"
    return f"{prefix}: {str(root)[:200]}"
