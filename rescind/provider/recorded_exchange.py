"""A recorded exchange as a test case: what a provider answered, and how we read it.

A case is a JSON object: ``provider``, ``call`` (``cancel`` or ``read``), ``orders``
(each with ``id`` and ``params``), ``status``, ``body`` (JSON) or ``text`` (anything
else), and ``means``, which is what ``meaning`` gives for the rest. Correct ``means`` by
hand where it is wrong, and the case is a test that fails until the provider's code
agrees.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any

from rescind.provider.guarded import parsed
from rescind.provider.http_messages import Reply, Request
from rescind.provider.interface import Provider
from rescind.provider.outcomes import (
    BatchRefused,
    Finding,
    Findings,
    Held,
    Order,
    Parsed,
    TokenRefused,
)
from rescind.provider.replies import evidence_of, received

NOWHERE = Request("POST", "https://provider.invalid")


def case_of(
    provider: Provider[Any],
    call: str,
    orders: Sequence[Order],
    status: int,
    body: str,
) -> dict[str, Any]:
    """The case of one exchange, with what it means to this version."""
    case = {
        "provider": provider.name,
        "call": call,
        "orders": [{"id": one.id, "params": dict(one.params)} for one in orders],
        "status": status,
        **_content(body),
    }
    return {**case, "means": meaning(provider, case)}


def meaning(provider: Provider[Any], case: Mapping[str, Any]) -> dict[str, Any]:
    """How ``provider`` reads the reply of a case: ``evidence``, and what it says of
    each order, or of the account."""
    orders = [Order(one["id"], one.get("params", {})) for one in case["orders"]]
    text = case["text"] if "text" in case else json.dumps(case["body"])
    reply = Reply(case["status"], {}, text.encode())
    answer = received(NOWHERE, reply, ())
    now = datetime.now(UTC)
    parse = partial(parsed, provider, case["call"], orders)
    result = evidence_of(answer, parse, provider.policy, now)
    return {"evidence": str(result.evidence), **_said(result.parsed, orders)}


def _content(body: str) -> dict[str, Any]:
    try:
        return {"body": json.loads(body)}
    except ValueError:
        return {"text": body}


def _said(parsed: Parsed | None, orders: Sequence[Order]) -> dict[str, Any]:
    match parsed:
        case Findings():
            return {"orders": {one.id: _finding(parsed.of(one.id)) for one in orders}}
        case BatchRefused(finding):
            return {"batch_refused": _finding(finding)}
        case Held(why) | TokenRefused(why):
            return {"account": why}
        case _:
            return {}


def _finding(finding: Finding) -> dict[str, Any]:
    return {
        "outcome": str(finding.outcome),
        "reason": finding.reason and str(finding.reason),
        "code": finding.code,
        "message": finding.message,
    }
