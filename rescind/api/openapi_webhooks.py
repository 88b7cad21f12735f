"""The webhooks that Rescind sends, in the OpenAPI document."""

from __future__ import annotations

from typing import Any

from rescind.ledger.states import FINAL, State

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


def webhooks(group: Schema) -> dict[str, Schema]:
    """One webhook for each final state, and one for the end of a group.

    ``group`` is the schema of a group: a webhook has all of it but ``told``.
    """
    found = {f"cancellation.{state}": _cancellation(state) for state in sorted(FINAL)}
    return {**found, "group.ended": _group(group)}


def _cancellation(state: State) -> Schema:
    ended = {"type": "object", "properties": {"state": {"const": state}}}
    record = {"$ref": "#/components/schemas/Record"}
    data = {
        "description": "The record, as it was when it ended.",
        "allOf": [record, ended],
    }
    summary = f"A cancellation has ended as `{state}`"
    told = _post(summary, "callback_url", _event(f"cancellation.{state}", data))
    return {"post": {**told, "operationId": f"webhook_{state}"}}


def _group(group: Schema) -> Schema:
    summary = "The last cancellation of a group has ended"
    fields = {name: one for name, one in group["properties"].items() if name != "told"}
    says = "The group, as it was when its last cancellation had ended."
    data = {**group, "properties": fields, "required": [*fields], "description": says}
    told = _post(summary, "on_group_end", _event("group.ended", data))
    return {"post": {**told, "operationId": "webhook_group_ended"}}


def _post(summary: str, field: str, event: Schema) -> Schema:
    return {
        "summary": summary,
        "description": f"Sent to its `{field}`, signed as the Standard Webhooks"
        " specification says.",
        "tags": ["webhooks"],
        "parameters": [_header(name, says) for name, says in _HEADERS.items()],
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": event}},
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


def _event(kind: str, data: Schema) -> Schema:
    return {
        "type": "object",
        "properties": {
            "type": {"const": kind},
            "timestamp": {"type": "string", "format": "date-time"},
            "data": data,
        },
        "required": ["type", "timestamp", "data"],
    }
