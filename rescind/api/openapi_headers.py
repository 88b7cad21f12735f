"""Headers that every answer of the HTTP API has, in the OpenAPI document."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from rescind.api.request_context import HEADER

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
}


def add_headers(document: Schema) -> None:
    """Add the headers to every response of the document."""
    document["components"]["headers"] = HEADERS
    for operation in _operations(document):
        for status, response in operation["responses"].items():
            named = [HEADER]
            if "security" in operation and status not in WITHOUT_RATE:
                named += ["RateLimit-Policy", "RateLimit"]
            headers = {n: {"$ref": f"#/components/headers/{n}"} for n in named}
            response.setdefault("headers", {}).update(headers)


def _operations(document: Schema) -> Iterator[Schema]:
    for path in document["paths"].values():
        yield from path.values()
