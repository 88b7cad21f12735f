"""Decides what follows an attempt to deliver: pure, with the whole retry schedule.

The delays are the example of the Standard Webhooks specification
("Deliverability and reliability"): ten attempts in three days and some hours.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

DELAYS = tuple(
    timedelta(seconds=seconds)
    for seconds in (
        5,
        5 * 60,
        30 * 60,
        2 * 3600,
        5 * 3600,
        10 * 3600,
        14 * 3600,
        20 * 3600,
        24 * 3600,
    )
)
"""Delays after the first attempt, the second one, and so on; then it is given up."""
JITTER = 0.1
"""Longest random addition to a delay, as a part of it: it spreads retries over time."""
LONGEST_WAIT = timedelta(days=1)
"""Longest wait that we obey; after it the receiver is called again."""


class Kind(StrEnum):
    """How a delivery reaches the producer, or what other end it tells by a webhook."""

    TASK = "task"
    WEBHOOK = "webhook"
    PLAN = "plan"
    GROUP = "group"


class Result(StrEnum):
    """The result of one attempt."""

    DELIVERED = "delivered"
    RETRIED = "retried"
    GIVEN_UP = "given_up"


@dataclass(frozen=True, slots=True)
class ClaimedDelivery:
    """One delivery that a worker has claimed. ``version`` is its fencing token."""

    cancellation_id: str
    seq: int
    kind: Kind
    target: str
    version: int
    attempts: int
    """Attempts so far, with this one."""
    ended_at: str
    record: Mapping[str, Any] = field(repr=False)
    """The cancellation, plan or group as it was when it ended."""
    url: str | None = field(default=None, repr=False)
    task: str | None = None
    queue: str | None = None
    subject: str = ""
    """The id of the plan or of the ``group_end``; empty for a cancellation."""

    @property
    def webhook_id(self) -> str:
        return webhook_id(self.cancellation_id, self.seq, self.subject)

    @property
    def type(self) -> str:
        """The type of the event: what has ended, and how."""
        return event_type(self.kind, self.record)


@dataclass(frozen=True, slots=True)
class Response:
    """A receiver's response to an attempt, or why there was none."""

    accepted: bool
    status: int | None = None
    detail: str | None = None
    wait: timedelta | None = None
    """How long the receiver asks us to wait."""
    gone: bool = False
    """The receiver wants no more deliveries: there is no retry."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt and its consequence."""

    delivery: ClaimedDelivery
    response: Response
    result: Result
    due_at: datetime | None = None


def webhook_id(cancellation_id: str, seq: int, subject: str = "") -> str:
    """The webhook id of one end: the same for all attempts, and for both ways to tell a
    cancellation's."""
    return f"msg_{cancellation_id}_{seq}{'_' if subject else ''}{subject}"


def event_type(kind: str, document: Mapping[str, Any]) -> str:
    """The type of the event that tells of this document."""
    if kind == Kind.GROUP:
        return "group.ended"
    if kind == Kind.PLAN:
        return f"plan.{document['verdict']}"
    return f"cancellation.{document['state']}"


def judge(
    delivery: ClaimedDelivery, response: Response, now: datetime, chance: float
) -> Attempt:
    """What follows from a response; ``chance`` is a random number in [0, 1)."""
    if response.accepted:
        return Attempt(delivery, response, Result.DELIVERED)
    delay = None if response.gone else delay_after(delivery.attempts, chance)
    if delay is None:
        return Attempt(delivery, response, Result.GIVEN_UP)
    wait = min(response.wait or timedelta(0), LONGEST_WAIT)
    return Attempt(delivery, response, Result.RETRIED, now + max(delay, wait))


def delay_after(attempts: int, chance: float) -> timedelta | None:
    """How long to wait after so many attempts; ``None`` if there is no next one."""
    if attempts > len(DELAYS):
        return None
    return DELAYS[max(attempts, 1) - 1] * (1 + JITTER * chance)
