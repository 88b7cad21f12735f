"""The webhooks that Rescind sends, in the OpenAPI document."""

from __future__ import annotations

from typing import Any

from rescind.ledger.states import FINAL

Schema = dict[str, Any]
_HEADERS = {
    "webhook-id": "The same for each attempt: a receiver knows repeats by it.",
    "webhook-timestamp": "Seconds since 1970, when this attempt was made.",
    "webhook-signature": "`v1,` and a signature in base64 for each secret in force.",
}
_ANSWERS = {
    "2XX": "Received: it is not sent again.",
    "410": "It is given up at once.",
    "default": "It is sent again later, at most ten times.",
}


def webhooks() -> dict[str, Schema]:
    """One webhook for each final state."""
    return {f"cancellation.{state}": {"post": _post(state)} for state in sorted(FINAL)}


def _post(state: str) -> Schema:
    return {
        "summary": f"A cancellation has ended as `{state}`",
        "description": "Sent to its `callback_url`, signed as the Standard Webhooks"
        " specification says.",
        "operationId": f"webhook_{state}",
        "tags": ["webhooks"],
        "parameters": [_header(name, says) for name, says in _HEADERS.items()],
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": _event(state)}},
        },
        "responses": {
            status: {"description": says} for status, says in _ANSWERS.items()
        },
        "security": [],
    }


def _header(name: str, says: str) -> Schema:
    return {
        "name": name,
        "in": "header",
        "required": True,
        "description": says,
        "schema": {"type": "string"},
    }


def _event(state: str) -> Schema:
    ended = {"type": "object", "properties": {"state": {"const": state}}}
    record = {"$ref": "#/components/schemas/Record"}
    return {
        "type": "object",
        "properties": {
            "type": {"const": f"cancellation.{state}"},
            "timestamp": {"type": "string", "format": "date-time"},
            "data": {
                "description": "The record, as it was when it ended.",
                "allOf": [record, ended],
            },
        },
        "required": ["type", "timestamp", "data"],
    }
