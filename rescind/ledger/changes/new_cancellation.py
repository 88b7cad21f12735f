"""A cancellation to insert, and its columns that no decision changes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache, lru_cache
from typing import Any

from sqlalchemy import JSON, BigInteger, SmallInteger, Text

from rescind.ledger.access_limits import EVERYTHING, Limits
from rescind.ledger.progress import NOT_DUE, Progress
from rescind.ledger.states import State
from rescind.ledger.storage.milliseconds import to_ms
from rescind.ledger.storage.row_sets import Columns
from rescind.ledger.storage.tables import NO_DEADLINE
from rescind.provider.outcomes import InvalidRequestError

OWN: Columns = {
    "id": Text,
    "provider": Text,
    "account": Text,
    "order_id": Text,
    "key": Text,
    "group_name": Text,
    "params": JSON,
    "sealed": Text,
    "meta": JSON,
    "callback_url": Text,
    "callback_task": Text,
    "callback_queue": Text,
    "trace": Text,
    "submitted_by": Text,
    "urgency": BigInteger,
    "not_before": BigInteger,
    "cancel_before": BigInteger,
    "opened_at": BigInteger,
    "created_at": BigInteger,
    "waits_for": BigInteger,
    "followed": SmallInteger,
}
"""The columns that no decision changes: see ``own_row``."""


# Not frozen: a frozen one takes four times as long to make, and each order has one.
@dataclass(slots=True)
class NewCancellation:
    """One cancellation to insert; ``progress`` is its first state."""

    id: str
    provider: str
    account: str
    order: str
    key: str
    progress: Progress
    opened_at: datetime
    by: str
    """The actor who submits it: see ``rescind.config.actors``."""
    group: str | None = None
    params: Mapping[str, Any] = field(default_factory=dict)
    sealed: str | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)
    callback_url: str | None = None
    callback_task: str | None = None
    callback_queue: str | None = None
    on_group_end: str | None = None
    """Where the end of its group is told: a row of ``group_end``."""
    trace: str | None = None
    not_before: datetime | None = None
    cancel_before: datetime | None = None
    former_key: str | None = None
    """The key under which an older version may have stored it. Not stored itself."""
    refusal: InvalidRequestError | None = None
    """Why the entry was refused. Not stored itself."""
    within: Limits = EVERYTHING
    """The limits of the caller that submitted it. Not stored."""
    after: Sequence[Any] = ()
    """What it waits for, as ``rescind.intake.references`` has it."""
    only_if: str = ""
    """How those must end: see ``rescind.ledger.conditions``."""
    waits_for: int | None = None
    """How many predecessors keep it from being sent; ``None`` if it never waited."""
    followed: bool = False
    """Whether another cancellation may wait for it."""

    @property
    def depends(self) -> bool:
        """Whether it has to wait for others."""
        return bool(self.after) and self.progress.state is State.SCHEDULED

    @property
    def lane(self) -> tuple[str, str]:
        return (self.provider, self.account)

    @property
    def path(self) -> tuple[str, str, str]:
        return (self.provider, self.account, self.key)

    @property
    def kept(self) -> bool:
        """Whether the ledger keeps it: what a caller sends in the name of others is
        refused without a trace in their lists."""
        limits = self.within
        return limits.unlimited or limits.allows(*self.lane, self.group)


def own_row(one: NewCancellation, at: int) -> dict[str, Any]:
    """The columns that no decision changes."""
    before = to_ms(one.cancel_before)
    return {
        "id": one.id,
        "provider": one.provider,
        "account": one.account,
        "order_id": one.order,
        "key": one.key,
        "group_name": one.group,
        "params": one.params,
        "sealed": one.sealed,
        "meta": one.metadata,
        "callback_url": one.callback_url,
        "callback_task": one.callback_task,
        "callback_queue": one.callback_queue,
        "trace": one.trace,
        "submitted_by": one.by,
        "urgency": NO_DEADLINE if before is None else before,
        "not_before": to_ms(one.not_before),
        "cancel_before": before,
        "opened_at": to_ms(one.opened_at),
        "created_at": at,
        "waits_for": one.waits_for,
        "followed": 1 if one.followed else None,
    }


def beginning(not_before: datetime | None, now: datetime) -> Progress:
    """The first state of a valid cancellation: queued, or scheduled for later."""
    if not_before is not None and not_before > now:
        return Progress(State.SCHEDULED, due_at=not_before)
    return _queued(now)


@lru_cache(maxsize=4)
def _queued(now: datetime) -> Progress:
    # One object for a whole message, so that ``insertion`` makes its columns once.
    return Progress(State.QUEUED, due_at=now)


@cache
def waiting() -> Progress:
    """The first state of a cancellation that waits for its predecessors."""
    return Progress(State.SCHEDULED, due_at=NOT_DUE)
