"""Schemas of the fields that a cancellation of any provider has."""

from __future__ import annotations

from typing import Any

from rescind.intake.references import LONGEST, MOST
from rescind.intake.validation import LONGEST_TEXT

Schema = dict[str, Any]


def nullable(schema: Schema, says: str) -> Schema:
    return {"anyOf": [schema, {"type": "null"}], "description": says}


def _text(says: str) -> Schema:
    limits = {"minLength": 1, "maxLength": LONGEST_TEXT}
    return nullable({"type": "string", **limits}, f"{says} Printable characters.")


def timed(says: str) -> Schema:
    form = "ISO 8601 with an offset from UTC, or such as `+15m`."
    return nullable({"type": "string", "examples": ["+1h"]}, f"{says} {form}")


def _reference() -> Schema:
    return {"type": "string", "minLength": 1, "maxLength": LONGEST}


def _references() -> Schema:
    return {"type": "array", "items": _reference()}


COMMON: dict[str, Schema] = {
    "account": nullable(
        {"type": "string", "pattern": r"^[A-Za-z0-9_.\-]{1,64}$"},
        "One of the provider's accounts in the accounts file; `default` unless given.",
    ),
    "key": _text("Identifies a cancellation that is sent again: the order, if null."),
    "not_before": timed("The provider is not called earlier."),
    "cancel_before": timed("The deadline: it expires if it was not sent by then."),
    "group": _text("A name that several cancellations share."),
    "metadata": nullable(
        {"type": "object"}, "Kept with it and given back; 16,384 bytes at most."
    ),
    "callback_url": nullable(
        {"type": "string", "maxLength": 2000}, "Gets a webhook with the outcome."
    ),
    "callback_task": _text("Refused by HTTP: only for producers on the broker."),
    "callback_queue": _text("Refused by HTTP, as callback_task is."),
    "on_group_end": nullable(
        {"type": "string", "maxLength": 2000},
        "Gets a webhook when the last of its `group` has ended.",
    ),
    "ref": nullable(
        _reference(), "A name by which later entries of this request wait for it."
    ),
    "after": nullable(
        {
            "anyOf": [
                _reference(),
                {**_references(), "maxItems": MOST},
            ]
        },
        "What it waits for: an id, `provider/account/key`, or the `ref` of an earlier"
        " entry of this request.",
    ),
    "only_if": nullable(
        {"anyOf": [_reference(), _references()]},
        "With `after`: the ends for which it is sent, such as `rejected/not_found`, or"
        " `any`; `cancelled` if null.",
    ),
}
"""All fields but ``provider``, ``order`` and ``params``, which providers define."""
