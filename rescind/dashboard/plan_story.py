"""Sentences for cancellations that wait for others: how they were let go, or not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rescind.dashboard.formatting import plain
from rescind.dashboard.reason_phrases import because
from rescind.dashboard.translation import _
from rescind.ledger.changes.plan_decisions import RELEASE, SKIP
from rescind.ledger.changes.releases import RELEASED
from rescind.ledger.conditions import ANY, Predecessor

Step = Mapping[str, Any]


def let_go(step: Step) -> str:
    """It is not scheduled any more: its time came, or others have ended."""
    if step["evidence"] == RELEASED:
        return _("What it waited for has ended: it waits to be sent.")
    if step["evidence"] == RELEASE:
        return _("Released: it is sent, whatever becomes of what it waited for.")
    return _("Its start time came: it waits to be sent.")


def withdrawn(step: Step) -> str:
    """It ended before it was sent."""
    if step["evidence"] == SKIP:
        return _("Skipped: it is not sent.")
    if step["reason"] == "not_wanted":
        says = _("Not sent: what it waited for did not end in the way that it needs")
        return f"{says}: {step['evidence']}"
    return _("Withdrawn before it was sent.")


def waited_for(
    predecessors: Sequence[Predecessor], shown: Mapping[str, Any]
) -> list[dict[str, Any]]:
    """The predecessors, for the page of their successor. ``shown`` has the rows that
    the reader may see, by id."""
    return [
        {
            "id": one.id if one.id in shown else None,
            "order": shown[one.id].order_id if one.id in shown else "",
            "state": one.state,
            "reason": one.reason,
            "wanted": _wanted(one.condition),
            "failed": one.state == "failed" and not one.met,
        }
        for one in predecessors
    ]


def _wanted(condition: str) -> str:
    if condition == ANY:
        return _("any end")
    return "; ".join(map(_end, condition.split()))


def _end(word: str) -> str:
    state, _slash, reason = word.partition("/")
    return f"{plain(state)}: {because(state, reason)}" if reason else plain(state)
