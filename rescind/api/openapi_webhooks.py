"""The webhooks that Rescind sends, in the OpenAPI document."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from rescind.ledger.plan_outcome import PlanVerdict
from rescind.ledger.states import FINAL
from rescind.webhooks.sample_event import TYPE

Schema = dict[str, Any]
_HEADERS = {
    "webhook-id": "The same for each attempt: a receiver knows repeats by it.",
    "webhook-timestamp": "Seconds since 1970, when this attempt was made.",
    "webhook-signature": "`v1,` and a signature in base64 for each secret in force.",
}
_CALLBACK = "its `callback_url`"
_ANSWERS = {
    "2XX": "Received: it is not sent again.",
    "410": "It is given up at once.",
    "default": "It is sent again later, at most ten times.",
}


@dataclass(frozen=True, slots=True)
class _Webhook:
    """One type of event: what it tells, and the schema of its ``data``."""

    type: str
    summary: str
    address: str
    """What says where it is sent."""
    data: str
    """The name of a schema."""
    known: Mapping[str, str | int]
    """The fields of which this type tells the value."""

    @property
    def name(self) -> str:
        return self.type.removeprefix("cancellation.").replace(".", "_")


_GROUP = _Webhook(
    "group.ended",
    "The last cancellation of a group has ended",
    "its `on_group_end`",
    "GroupEnd",
    {"percent": 100},
)
_TEST = _Webhook(
    TYPE,
    "A person tries a receiver",
    "the address that `rescind webhooks test` is given",
    "TestEvent",
    {"test": True},
)


def webhooks() -> dict[str, Schema]:
    """One webhook for each final state, for each verdict of a plan, for the end of a
    group, and for the test of a receiver."""
    told = (*_cancellations(), *_plans(), _GROUP, _TEST)
    return {one.type: {"post": _post(one)} for one in told}


def _cancellations() -> Iterator[_Webhook]:
    for state in sorted(FINAL):
        says = f"A cancellation has ended as `{state}`"
        known = {"state": state}
        yield _Webhook(f"cancellation.{state}", says, _CALLBACK, "Record", known)


def _plans() -> Iterator[_Webhook]:
    for verdict in PlanVerdict:
        says = f"A plan has ended: its verdict is `{verdict}`"
        known = {"verdict": verdict}
        yield _Webhook(f"plan.{verdict}", says, _CALLBACK, "PlanEnd", known)


def _post(one: _Webhook) -> Schema:
    return {
        "summary": one.summary,
        "description": f"Sent to {one.address}, signed as the Standard Webhooks"
        " specification says.",
        "operationId": f"webhook_{one.name}",
        "tags": ["webhooks"],
        "parameters": [_header(name, says) for name, says in _HEADERS.items()],
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": _event(one)}},
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


def _event(one: _Webhook) -> Schema:
    known = {name: {"const": value} for name, value in one.known.items()}
    return {
        "type": "object",
        "properties": {
            "type": {"const": one.type},
            "timestamp": {"type": "string", "format": "date-time"},
            "data": {
                "description": "What it is about, as it was at that time.",
                "allOf": [
                    {"$ref": f"#/components/schemas/{one.data}"},
                    {"type": "object", "properties": known},
                ],
            },
        },
        "required": ["type", "timestamp", "data"],
    }
