"""Reads orders from an HTTP feed, by one GET of limited time and size.

The code connects and reads as it does for providers: no variable of the environment
decides where headers are sent, no redirect is followed, and a slow reply has a time
limit.
"""

from __future__ import annotations

import time
from ipaddress import ip_address
from typing import Self
from urllib.parse import urlsplit

from pydantic import Field, model_validator

from rescind.provider.connection import connected, prepare
from rescind.provider.content_coding import CodedError, uncoded
from rescind.provider.http_messages import Reply, Request
from rescind.provider.response_reader import LostError, Patience, receive
from rescind.schedules.rule_secrets import Secret
from rescind.schedules.source_rows import (
    CONNECT_SECONDS,
    LARGEST,
    SECONDS,
    Address,
    Headers,
    Row,
    SourceError,
    Written,
    secret_value,
)
from rescind.schedules.tabular import Format, table

SILENCE = 30.0
"""The most seconds that a feed may send nothing."""


class FeedSource(Written):
    """A feed: its ``url``, its format and the headers that it needs."""

    url: Address
    format: Format
    headers: Headers = Field(default_factory=dict)
    items: str | None = None
    insecure: bool = False

    @model_validator(mode="after")
    def _checked(self) -> Self:
        if self.url.literal:
            _check(self.url.value(), insecure=self.insecure)
        return self

    def secrets(self) -> list[Secret]:
        return [self.url, *self.headers.values()]

    def read(self, most: int) -> list[Row]:
        url = secret_value(self.url)
        try:
            _check(url, insecure=self.insecure)
        except ValueError as error:
            raise SourceError(str(error)) from None
        shown = _shown(url)
        headers = {name: secret_value(one) for name, one in self.headers.items()}
        reply = _get(url, headers, shown)
        if reply.status != 200:
            raise _refused(reply, shown)
        try:
            reply = uncoded(reply, LARGEST)
        except CodedError as error:
            raise SourceError(f"{shown}: {error}") from None
        return table(reply.body, shown, self.format, self.items, most)


def _check(url: str, *, insecure: bool) -> None:
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        host, parts = None, urlsplit("")
    good = parts.scheme in ("http", "https") and host and url.isprintable()
    if not good or " " in url:
        raise ValueError("url must be an http or https address")
    if parts.username is not None or parts.password is not None:
        raise ValueError("url must not have a user and password: use headers")
    if parts.scheme == "http" and not insecure and not _is_loopback(str(host)):
        raise ValueError("url is plain http: use https, or set insecure = true")


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _shown(url: str) -> str:
    """The scheme and host of ``url``; the rest of an address may hold a secret."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def _get(url: str, headers: dict[str, str], shown: str) -> Reply:
    # Libraries' messages may quote the headers, so no error shows them.
    end_by = time.monotonic() + SECONDS
    try:
        head = prepare(Request("GET", url, headers)).head
    except Exception:  # noqa: BLE001
        raise SourceError(f"{shown} cannot be asked: a header is wrong") from None
    try:
        connection = connected(head, CONNECT_SECONDS, verify=True)
    except Exception as error:  # noqa: BLE001
        says = f"{shown} cannot be reached: {_system_says(error)}"
        raise SourceError(says, passing=True) from None
    try:
        sock = connection.sock
        sock.settimeout(SILENCE)
        sock.sendall(head.data)
        reply, _ = receive(sock, Patience(end_by, SILENCE), LARGEST)
    except LostError as error:
        raise SourceError(f"{shown}: {error}", passing=True) from None
    except OSError as error:
        says = f"{shown} hung up: {_system_says(error)}"
        raise SourceError(says, passing=True) from None
    finally:
        connection.close()
    return reply


def _system_says(error: BaseException) -> str:
    """The operating system's reason, which libraries may have wrapped."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, OSError) and cause.strerror:
            return cause.strerror
        if isinstance(cause, TimeoutError):
            return f"no connection within {CONNECT_SECONDS:g} s"
        cause = cause.__cause__ or cause.__context__
    return type(error).__name__


def _refused(reply: Reply, shown: str) -> SourceError:
    if 300 <= reply.status < 400:
        return SourceError(
            f"{shown} answers with a redirect (HTTP {reply.status}), which Rescind does"
            " not follow: set url to the new address"
        )
    advice = ": check its headers" if reply.status in (401, 403) else ""
    passing = reply.status >= 500 or reply.status in (408, 429)
    says = f"{shown} answers with HTTP {reply.status}{advice}"
    return SourceError(says, passing=passing)
