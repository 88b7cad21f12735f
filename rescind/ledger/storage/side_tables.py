"""The tables beside the cancellations, such as deliveries, schedules and counters.

No decision about a cancellation ever depends on them.
"""

from __future__ import annotations

from typing import Any, ClassVar

from sqlalchemy import (
    JSON,
    BigInteger,
    CheckConstraint,
    Column,
    Index,
    SmallInteger,
    Text,
    text,
)
from sqlmodel import Field, SQLModel

from rescind.ledger.storage.tables import table

WAITING = "state = 'waiting'"
GIVEN_UP = "state = 'given_up'"
RUN_OPEN = "state = 'running'"


def _text(*, null: bool = False, key: bool = False) -> Any:
    return Column(Text, nullable=null, primary_key=key)


def _number(*, null: bool = False, key: bool = False) -> Any:
    return Column(BigInteger, nullable=null, primary_key=key)


class QuietTarget(SQLModel, table=True):
    """A target of deliveries that asked for a wait, which holds for all workers."""

    __tablename__: ClassVar[str] = "quiet_target"

    target: str = Field(sa_column=_text(key=True))
    until: int = Field(sa_column=_number())


class Delivery(SQLModel, table=True):
    """One end to deliver to a producer, and the state of that delivery.

    The outcome is stored as it was: a new round may have begun since. The end of a plan
    or a group belongs to the cancellation whose end completed it.
    """

    __tablename__: ClassVar[str] = "delivery"
    __table_args__: ClassVar[Any] = (
        # Not IN: SQLite would build a table of its list in each check of each row.
        CheckConstraint(
            "kind = 'task' OR kind = 'webhook' OR kind = 'plan' OR kind = 'group'",
            name="ck_delivery_kind",
        ),
        CheckConstraint(
            "(document IS NOT NULL) = (kind = 'plan' OR kind = 'group')",
            name="ck_delivery_document",
        ),
        CheckConstraint(
            "state IN ('delivered', 'given_up', 'waiting')", name="ck_delivery_state"
        ),
        CheckConstraint(
            "(due_at IS NOT NULL) = (state = 'waiting')", name="ck_delivery_due"
        ),
        Index(
            "ix_delivery_due",
            "due_at",
            sqlite_where=text(WAITING),
            postgresql_where=text(WAITING),
        ),
        Index(
            "ix_delivery_target",
            "target",
            "due_at",
            sqlite_where=text(WAITING),
            postgresql_where=text(WAITING),
        ),
        Index(
            "ix_delivery_given_up",
            "updated_at",
            sqlite_where=text(GIVEN_UP),
            postgresql_where=text(GIVEN_UP),
        ),
        {"sqlite_with_rowid": False},
    )

    cancellation_id: str = Field(sa_column=_text(key=True))
    seq: int = Field(sa_column=_number(key=True))
    """``seq`` of the transition that made the cancellation final."""
    kind: str = Field(sa_column=_text(key=True))
    subject: str = Field(
        default="",
        sa_column=Column(Text, nullable=False, primary_key=True, server_default=""),
    )
    """The id of the plan, or of the ``group_end``; else empty."""
    url: str | None = Field(default=None, sa_column=_text(null=True))
    """Where the end of a plan or a group is told; others use their cancellation's."""
    document: dict[str, Any] | None = Field(
        default=None, sa_column=Column(JSON(none_as_null=True), nullable=True)
    )
    """What is told of a plan or a group, as it was at its end."""
    target: str = Field(sa_column=_text())
    """The webhook's host, or the broker: deliveries to one target share its waits."""
    state: str = Field(sa_column=_text())
    attempts: int = Field(sa_column=_number())
    due_at: int | None = Field(default=None, sa_column=_number(null=True))
    """When to try next; during an attempt, when the worker's lease runs out."""
    version: int = Field(sa_column=_number())
    status: int | None = Field(default=None, sa_column=_number(null=True))
    detail: str | None = Field(default=None, sa_column=_text(null=True))
    created_at: int = Field(sa_column=_number())
    updated_at: int = Field(sa_column=_number())
    ended_state: str = Field(sa_column=_text())
    ended_reason: str | None = Field(default=None, sa_column=_text(null=True))
    ended_code: str | None = Field(default=None, sa_column=_text(null=True))
    ended_message: str | None = Field(default=None, sa_column=_text(null=True))
    ended_attempts: int = Field(sa_column=_number())
    ended_polls: int = Field(sa_column=_number())
    ended_cancel_before: int | None = Field(default=None, sa_column=_number(null=True))
    ended_at: int = Field(sa_column=_number())


class Schedule(SQLModel, table=True):
    """Since when a schedule has had its timing: it missed no time before that."""

    __tablename__: ClassVar[str] = "schedule"

    name: str = Field(sa_column=_text(key=True))
    timing: str = Field(sa_column=_text())
    since: int = Field(sa_column=_number())


class ScheduleRun(SQLModel, table=True):
    """One run of a schedule: each due time has one row, whichever worker inserts it."""

    __tablename__: ClassVar[str] = "schedule_run"
    __table_args__: ClassVar[Any] = (
        CheckConstraint(
            "state IN ('failed', 'held', 'running', 'submitted')",
            name="ck_schedule_run_state",
        ),
        CheckConstraint(
            "(lease_ends IS NOT NULL) = (state = 'running')",
            name="ck_schedule_run_lease",
        ),
        CheckConstraint(
            "(finished_at IS NULL) = (state = 'running')",
            name="ck_schedule_run_finished",
        ),
        Index(
            "ix_schedule_run_open",
            "lease_ends",
            sqlite_where=text(RUN_OPEN),
            postgresql_where=text(RUN_OPEN),
        ),
    )

    name: str = Field(sa_column=_text(key=True))
    due_at: int = Field(sa_column=_number(key=True))
    """The due time that this run is for."""
    state: str = Field(sa_column=_text())
    asked_by: str = Field(sa_column=_text())
    attempts: int = Field(sa_column=_number())
    lease_ends: int | None = Field(default=None, sa_column=_number(null=True))
    """When a worker may claim it (again), while it is open."""
    version: int = Field(sa_column=_number())
    found: int | None = Field(default=None, sa_column=_number(null=True))
    accepted: int | None = Field(default=None, sa_column=_number(null=True))
    duplicates: int | None = Field(default=None, sa_column=_number(null=True))
    refused: int | None = Field(default=None, sa_column=_number(null=True))
    most: int | None = Field(default=None, sa_column=_number(null=True))
    """The maximum of this run, instead of its rule's."""
    requested_by: str | None = Field(default=None, sa_column=_text(null=True))
    """The operator who asked the workers for this run."""
    why: str | None = Field(default=None, sa_column=_text(null=True))
    started_at: int = Field(sa_column=_number())
    finished_at: int | None = Field(default=None, sa_column=_number(null=True))


class Tally(SQLModel, table=True):
    """A counter, raised in the transaction that does the counted thing."""

    __tablename__: ClassVar[str] = "tally"
    __table_args__: ClassVar[Any] = {"sqlite_with_rowid": False}

    slot: int = Field(sa_column=_number(key=True))
    """0: since ever; else the start of the quarter of an hour that is counted."""
    metric: str = Field(sa_column=_text(key=True))
    provider: str = Field(sa_column=_text(key=True))
    account: str = Field(sa_column=_text(key=True))
    first: str = Field(sa_column=_text(key=True))
    second: str = Field(sa_column=_text(key=True))
    third: str = Field(sa_column=_text(key=True))
    shard: int = Field(sa_column=Column(SmallInteger, primary_key=True))
    """Writers at the same time use different shards, and do not wait for each other."""
    count: int = Field(sa_column=_number())
    orders: int = Field(sa_column=_number())
    took_ms: int = Field(sa_column=_number())


class OutcomeHour(SQLModel, table=True):
    """Counts of one hour and provider, kept when the quarters of an hour are deleted.

    ``metric`` is ``outcome``, with a state and a reason, or ``wait``, with a bucket.
    """

    __tablename__: ClassVar[str] = "outcome_hour"
    __table_args__: ClassVar[Any] = {"sqlite_with_rowid": False}

    hour: int = Field(sa_column=_number(key=True))
    """The start of the hour in ms."""
    provider: str = Field(sa_column=_text(key=True))
    metric: str = Field(sa_column=_text(key=True))
    first: str = Field(sa_column=_text(key=True))
    second: str = Field(sa_column=_text(key=True))
    count: int = Field(sa_column=_number())


class Lease(SQLModel, table=True):
    """Work that only one process may do at a time, such as the sweep."""

    __tablename__: ClassVar[str] = "lease"

    name: str = Field(sa_column=_text(key=True))
    """The name of the work."""
    holder: str = Field(sa_column=_text())
    """The process that does the work."""
    ends_at: int = Field(sa_column=_number())
    """When another process may begin, if the holder has not released it before."""


DELIVERY = table(Delivery)
QUIET_TARGET = table(QuietTarget)
LEASE = table(Lease)
OUTCOME_HOUR = table(OutcomeHour)
SCHEDULE = table(Schedule)
SCHEDULE_RUN = table(ScheduleRun)
TALLY = table(Tally)
