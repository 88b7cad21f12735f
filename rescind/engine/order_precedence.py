"""Which of several cancellations of one order goes first: pure functions.

The engine obeys them before each call, and the dashboard shows what they say.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

from rescind.ledger.changes.same_order import IN_FLIGHT, Sibling
from rescind.ledger.states import State
from rescind.provider.guarded import asked
from rescind.provider.interface import Provider

Params = Mapping[str, Any]


def overlaps(provider: Provider[Any], one: Params, other: Params) -> bool:
    """Whether one must wait for the other: yes, if the provider cannot say."""
    return asked(provider, lambda: provider.overlap(one, other), lambda _: True)


def covers(provider: Provider[Any], done: Params, wanted: Params) -> bool:
    """Whether nothing is left to do: no, if the provider cannot say."""
    return asked(provider, lambda: provider.covers(done, wanted), lambda _: False)


def goes_first(
    other: Sibling, one_id: str, now: datetime, together: Collection[str] = ()
) -> bool:
    """Whether the one with this id waits for ``other``: ``other`` is calling, or was
    submitted first. ``together`` are the ids that were claimed together with it."""
    came_first = other.id < one_id
    if other.id in together:
        return came_first
    due = other.due_at is None or other.due_at <= now
    return other.state in IN_FLIGHT or (
        other.state is State.QUEUED and came_first and due
    )
