"""One HTTP request and one HTTP reply as values, and JSON read without ambiguity."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from rescind.provider.outcomes import ContradictoryReplyError, UnreadableReplyError


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request, ready to be sent by ``rescind.provider.http``."""

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes = field(default=b"", repr=False)
    secrets: tuple[str, ...] = field(default=(), repr=False)
    """Secrets that this request alone carries, such as its signature: masked as the
    account's are. The Authorization header needs no mention."""
    keeps: frozenset[str] | None = None
    """The JSON members of the reply that may be kept, for a reply with personal data,
    such as a message's text or a customer's name. The values of all others are masked,
    except members that are named by a word of this request. ``None``: all are kept."""


@dataclass(frozen=True, slots=True)
class Reply:
    """One HTTP reply. Header names are lower case."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""

    @property
    def ok(self) -> bool:
        return 200 <= self.status < 300

    def json(self) -> Any:
        """The body as JSON; raises ``UnreadableReplyError`` for any fault in it."""
        try:
            return _READER.decode(_text(self.body))
        except UnreadableReplyError:
            raise
        except (ValueError, RecursionError) as error:
            raise UnreadableReplyError(
                f"HTTP {self.status} with a body that is not JSON"
            ) from error

    def json_object(self) -> dict[str, Any]:
        """The body as a JSON object, or ``UnreadableReplyError``."""
        document = self.json()
        if not isinstance(document, dict):
            raise UnreadableReplyError(
                f"HTTP {self.status} with JSON that is not an object"
            )
        return document


def _text(body: bytes) -> str:
    try:
        return body.decode("utf-8-sig")
    except UnicodeDecodeError:
        # 2026-11-29 [C]: Turkish gateways answer in Windows-1254 without saying so.
        # JSON's own characters, codes and English words are the same in both.
        return body.decode("cp1254", "replace")


def _said_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """The object; raises ``ContradictoryReplyError`` if one name has two values."""
    found = dict(pairs)
    if len(found) < len(pairs) and any(found[name] != value for name, value in pairs):
        raise ContradictoryReplyError("JSON in which a name has two values")
    return found


# Shared: making a decoder takes longer than reading a short reply.
_READER = json.JSONDecoder(object_pairs_hook=_said_once)
_WRITER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))


def form_request(
    method: str,
    url: str,
    values: Mapping[str, str],
    headers: Mapping[str, str] | None = None,
) -> Request:
    """A request whose body is ``values`` as a form (URL-encoded)."""
    base = {
        "Accept": "application/json",
        "Content-Type": "application/x-www-form-urlencoded",
    }
    return Request(method, url, {**base, **(headers or {})}, urlencode(values).encode())


def json_request(
    method: str,
    url: str,
    document: object = None,
    headers: Mapping[str, str] | None = None,
) -> Request:
    """A request whose body is ``document`` as JSON (none when it is ``None``)."""
    base = {"Accept": "application/json"}
    if document is None:
        return Request(method, url, {**base, **(headers or {})})
    body = _WRITER.encode(document).encode()
    base["Content-Type"] = "application/json"
    return Request(method, url, {**base, **(headers or {})}, body)
