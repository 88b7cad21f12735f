"""Twilio's status callbacks: who signed one, and which message it is about.

Pages, read 2026-11-30: ``Secure webhooks``, ``Outbound Message Status in Status
Callbacks``, ``57012: Signature invalid``; twilio-python, ``request_validator.py``.
"""

from __future__ import annotations

import hmac
from base64 import b64encode
from urllib.parse import parse_qsl, urlsplit

from rescind.provider import Event, EventNews, UnreadableEventError

PORTS = {"https": 443, "http": 80}


def is_signed_by(token: str, url: str, event: Event) -> bool:
    """Whether ``X-Twilio-Signature`` is that of ``event``, for the address ``url`` that
    Twilio was given. Twilio signs it with or without its port [C]."""
    shown = event.headers.get("x-twilio-signature", "").encode("utf-8", "replace")
    rights = [_signature(token, one, event.body) for one in _with_and_without_port(url)]
    # Both are compared, so that the time does not tell which one is closer.
    found = [hmac.compare_digest(shown, right) for right in rights]
    return any(found)


def news_of(event: Event) -> EventNews:
    """The message of a callback; raises ``UnreadableEventError`` if it names none."""
    sid = dict(_fields(event.body)).get("MessageSid")
    if not sid:
        raise UnreadableEventError("a callback without a MessageSid")
    return EventNews([sid])


def _signature(token: str, url: str, body: bytes) -> bytes:
    """The HMAC-SHA1, in base64, of the address and of each field with its value,
    sorted, without anything between them [D]."""
    said = url + "".join(name + value for name, value in sorted(_fields(body)))
    message = said.encode("utf-8", "replace")
    return b64encode(hmac.digest(token.encode(), message, "sha1"))


def _fields(body: bytes) -> list[tuple[str, str]]:
    text = body.decode("utf-8", "replace")
    return parse_qsl(text, keep_blank_values=True)


def _with_and_without_port(url: str) -> tuple[str, str]:
    parts = urlsplit(url)
    host = parts.netloc.removesuffix(f":{parts.port}") if parts.port else parts.netloc
    port = parts.port or PORTS.get(parts.scheme, 443)
    return (
        parts._replace(netloc=host).geturl(),
        parts._replace(netloc=f"{host}:{port}").geturl(),
    )
