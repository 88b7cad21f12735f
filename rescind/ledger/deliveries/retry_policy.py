"""What becomes of an attempt to tell a producer: pure, and all of the schedule.

The delays are those that the Standard Webhooks specification gives as its example
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
"""After the first attempt, after the second one, and so on; then it is given up."""
JITTER = 0.1
"""By how much of itself a delay is longer at most: what failed together comes apart."""
LONGEST_WAIT = timedelta(days=1)
"""A receiver that asks for a longer wait than this is asked again after it."""


class Kind(StrEnum):
    """How a producer is told."""

    TASK = "task"
    WEBHOOK = "webhook"


class Result(StrEnum):
    """What one attempt has come to."""

    DELIVERED = "delivered"
    RETRIED = "retried"
    GIVEN_UP = "given_up"


@dataclass(frozen=True, slots=True)
class Telling:
    """One delivery that a worker holds. ``version`` is its fencing token."""

    cancellation_id: str
    seq: int
    kind: Kind
    target: str
    version: int
    attempts: int
    """This one among them."""
    ended_at: str
    record: Mapping[str, Any] = field(repr=False)
    """The cancellation as it was when it ended."""
    url: str | None = field(default=None, repr=False)
    task: str | None = None
    queue: str | None = None

    @property
    def webhook_id(self) -> str:
        return webhook_id(self.cancellation_id, self.seq)


@dataclass(frozen=True, slots=True)
class Heard:
    """What came of an attempt: whether it was taken, and what was said if not."""

    taken: bool
    status: int | None = None
    detail: str | None = None
    wait: timedelta | None = None
    """How long the receiver asks to be left alone."""
    gone: bool = False
    """It wants no more of this: nothing is tried again."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt, and what follows from it."""

    telling: Telling
    heard: Heard
    result: Result
    due_at: datetime | None = None


def webhook_id(cancellation_id: str, seq: int) -> str:
    """The same for one outcome, however often and by whatever way it is told."""
    return f"msg_{cancellation_id}_{seq}"


def judge(telling: Telling, heard: Heard, now: datetime, chance: float) -> Attempt:
    """What follows from what was heard; ``chance`` is of [0, 1)."""
    if heard.taken:
        return Attempt(telling, heard, Result.DELIVERED)
    delay = None if heard.gone else delay_after(telling.attempts, chance)
    if delay is None:
        return Attempt(telling, heard, Result.GIVEN_UP)
    wait = min(heard.wait or timedelta(0), LONGEST_WAIT)
    return Attempt(telling, heard, Result.RETRIED, now + max(delay, wait))


def delay_after(attempts: int, chance: float) -> timedelta | None:
    """How long to wait after so many attempts; ``None``: there is no other one."""
    if attempts > len(DELAYS):
        return None
    return DELAYS[max(attempts, 1) - 1] * (1 + JITTER * chance)
