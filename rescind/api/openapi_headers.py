"""Headers that every answer of the HTTP API has, in the OpenAPI document."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from rescind.api.request_context import HEADER, LIST_AGE_HEADER

Schema = dict[str, Any]
WITHOUT_RATE = frozenset({"401", "500", "503"})
_TEXT: Schema = {"type": "string"}
HEADERS: dict[str, Schema] = {
    HEADER: {
        "description": "The request's id: the one that the caller sent, or a new one.",
        "required": True,
        "schema": {"type": "string", "minLength": 1, "maxLength": 128},
    },
    "RateLimit-Policy": {
        "description": "The token's rate: `q` requests in `w` seconds"
        " (draft-ietf-httpapi-ratelimit-headers-11).",
        "schema": _TEXT,
    },
    "RateLimit": {
        "description": "`r` requests are left; in `t` seconds there are more.",
        "schema": _TEXT,
    },
    LIST_AGE_HEADER: {
        "description": "Seconds that this list may be old: it was read from a replica"
        " of the ledger. Without this header, it is of now.",
        "schema": {"type": "number", "minimum": 0},
    },
}
LISTS = frozenset(
    {"/v1/cancellations", "/v1/groups/{group}", "/v1/webhooks", "/v1/plans"}
    | {"/v1/actions"}
)
"""The paths whose GET may be answered from a replica."""


def add_headers(document: Schema) -> None:
    """Add the headers to every response of the document."""
    document["components"]["headers"] = HEADERS
    for path, method, operation in _operations(document):
        for status, response in operation["responses"].items():
            named = [HEADER]
            if status == "200" and method == "get" and path in LISTS:
                named.append(LIST_AGE_HEADER)
            if "security" in operation and status not in WITHOUT_RATE:
                named += ["RateLimit-Policy", "RateLimit"]
            headers = {n: {"$ref": f"#/components/headers/{n}"} for n in named}
            response.setdefault("headers", {}).update(headers)


def _operations(document: Schema) -> Iterator[tuple[str, str, Schema]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield path, method, operation
