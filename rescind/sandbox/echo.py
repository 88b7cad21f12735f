"""Adds the request to error replies, as some careless gateways do."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import Any

from rescind.sandbox.raw_http import JSON, Reply, Request

WORDS = frozenset(
    {"error", "message", "detail", "non_field_errors", "html_message", "remark"}
)
"""Fields of a reply that hold text for a person."""
SENT = ("access-token", "authorization")
IBAN = re.compile(r"[A-Z]{2}[0-9]{24}")


def quoting(reply: Reply, request: Request) -> Reply:
    """``reply`` with ``request`` quoted in its text fields, if it has any."""
    quoted = _quote(request)
    if reply.kind != JSON:
        return replace(reply, body=reply.body + quoted.encode())
    document = _added(json.loads(reply.body), quoted)
    return replace(reply, body=json.dumps(document, ensure_ascii=False).encode())


def _quote(request: Request) -> str:
    body = request.body.decode("utf-8", "replace")
    headers = " ".join(
        request.headers[name] for name in SENT if name in request.headers
    )
    return f" (you sent {headers} {body}, {IBAN.sub(_grouped, body).lower()})"


def _grouped(match: re.Match[str]) -> str:
    return " ".join(re.findall(".{1,4}", match[0]))


def _added(value: Any, quoted: str, words: bool = False) -> Any:
    if isinstance(value, dict):
        return {k: _added(v, quoted, words=k in WORDS) for k, v in value.items()}
    if isinstance(value, list):
        return [_added(one, quoted, words=words) for one in value]
    return value + quoted if words and isinstance(value, str) and value else value
