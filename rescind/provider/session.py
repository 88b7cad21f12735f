"""The session that calls a provider, and the adapter that makes its calls safe.

A library must never send a cancel twice, follow a redirect, or take another call's
answer for this call's. ``CallAdapter`` prevents that; the rest is ``requests``.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import requests
from requests.adapters import BaseAdapter
from requests.structures import CaseInsensitiveDict

from rescind.provider.connection import Prepared
from rescind.provider.http_messages import Reply
from rescind.provider.response_reader import Patience
from rescind.provider.wire import SOCKETS, Wire


class NotSentError(Exception):
    """No byte of the request was sent. ``__cause__`` is the library's error, if any."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """The time limits of one call, which ``requests`` passes on as ``timeout``."""

    connect: float
    """Seconds that connecting may take."""
    latest: float
    """When the request must have been sent, by the monotonic clock."""
    send_by: datetime | None
    """The same by the time of day; ``None`` if there is no deadline."""
    patience: Patience


class CallAdapter(BaseAdapter):
    """Sends a request once, within its ``Bounds``, on a connection of its own.

    It raises ``NotSentError`` only if nothing was sent. After any other error the
    provider may have acted. It never retries, and limits the size of a reply.
    """

    def __init__(self, wire: Wire) -> None:
        super().__init__()
        self._wire = wire

    def send(  # type: ignore[override]  # accepts only our request and timeout
        self,
        request: Prepared,
        stream: bool = False,
        timeout: Bounds | None = None,
        verify: bool | str = True,
        cert: object = None,
        proxies: Mapping[str, str] | None = None,
    ) -> CallResponse:
        """The complete response; its body is not decoded (see ``content_coding``)."""
        if timeout is None:
            raise NotSentError("a call without bounds")
        try:
            connection = self._wire.connect(request.head, timeout.connect, verify)
        except Exception as error:
            raise NotSentError from error
        connection.prepare(timeout.patience)
        if self._is_late(timeout):
            connection.leave()
            raise NotSentError("connected too late to be sent")
        body = request.body if isinstance(request.body, bytes) else b""
        return CallResponse(request, connection.ask(body, timeout.patience))

    def close(self) -> None:
        """Nothing to close: each thread keeps its connections."""

    def _is_late(self, bounds: Bounds) -> bool:
        """Whether it is too late to send, by either clock. Only the time of day shows
        that the machine was suspended. Only the monotonic clock is right if the time
        of day is set back."""
        by_day = bounds.send_by
        late = by_day is not None and self._wire.now() > by_day
        return late or self._wire.monotonic() > bounds.latest


class CallResponse(requests.Response):
    """A response whose body has been read, with the reply for the provider's parser."""

    def __init__(self, request: Prepared, reply: Reply) -> None:
        # The parent's __init__ is not called: it makes a cookie jar, which takes longer
        # than reading a reply. No cookie is ever kept.
        self.reply = reply
        self.request, self.url = request, str(request.url)
        self.status_code = reply.status
        self.history: list[requests.Response] = []
        self.raw = None

    @property
    def headers(self) -> CaseInsensitiveDict[str]:  # type: ignore[override]
        return CaseInsensitiveDict(self.reply.headers)

    @property
    def content(self) -> bytes:
        return self.reply.body


def reply_of(response: requests.Response) -> Reply:
    """The reply in a response of ``CallAdapter``; raises ``TypeError`` for others."""
    if not isinstance(response, CallResponse):
        raise TypeError("not a response of CallAdapter")
    return response.reply


class _Session(requests.Session):
    def resolve_redirects(self, *_args: Any, **_options: Any) -> Iterator[Any]:
        """No redirect is followed, or even read here. See ``redirects``."""
        return iter(())


_local = threading.local()
"""This thread's session, and the wire that it sends on."""


def session(wire: Wire = SOCKETS) -> requests.Session:
    """This thread's session: threads that share a session slow each other down."""
    kept: tuple[Wire, requests.Session] | None = getattr(_local, "kept", None)
    if kept is None or kept[0] is not wire:
        kept = _local.kept = (wire, _new(wire))
    return kept[1]


def _new(wire: Wire) -> requests.Session:
    made = _Session()
    # No proxies, .netrc or CA bundles from the environment: the accounts file alone
    # decides where credentials go.
    made.trust_env = False
    adapter = CallAdapter(wire)
    made.mount("https://", adapter)
    made.mount("http://", adapter)
    return made
