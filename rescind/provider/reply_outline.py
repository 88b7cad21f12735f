"""The outline of a successful reply: its shape, and the words that tell of an order.

A success often carries the whole order, with names and addresses of people. Where it
leaves open what became of an order, a person has to see its words, and nothing more.
"""

from __future__ import annotations

import json
from typing import Any

from rescind.provider.http_messages import Reply
from rescind.provider.outcomes import UnreadableReplyError

TELLING = frozenset(
    {
        *("status", "status_id", "status_code", "code", "state", "success", "result"),
        *("current_status", "current_status_code", "cancel_status", "cancel"),
        *("error", "errors", "message", "html_message", "remark", "remarks", "reason"),
        *("detail", "non_field_errors", "remains", "order", "orders", "id", "pk"),
        *("order_id", "awb", "awb_no", "payment_key", "order_item", "cancelled"),
    }
)
"""The names of members whose values tell what became of which order."""
HIDDEN = "***"


def outline(reply: Reply) -> Reply:
    """``reply`` with every text and number hidden that has no telling name; an empty
    body if it is not JSON, or nested too deeply."""
    try:
        shown = _shown(reply.json(), telling=False)
        written = json.dumps(shown, ensure_ascii=False)
    except (UnreadableReplyError, RecursionError):
        return Reply(reply.status, reply.headers)
    return Reply(reply.status, reply.headers, written.encode("utf-8", "replace"))


def _shown(value: Any, *, telling: bool) -> Any:
    if isinstance(value, dict):
        return {
            name: _shown(one, telling=name.lower() in TELLING)
            for name, one in value.items()
        }
    if isinstance(value, list):
        return [_shown(one, telling=telling) for one in value]
    plain = value is None or isinstance(value, bool)
    return value if telling or plain else HIDDEN
