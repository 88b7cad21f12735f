"""The ledger's main tables; the database itself checks their invariants.

Times are integers, milliseconds since 1970 UTC: the same in SQLite, in PostgreSQL and
in the JSON parameters of statements over many rows.
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
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlmodel import Field, SQLModel

from rescind.ledger.states import FINAL, State

NO_DEADLINE = 2**62
"""``urgency`` of a cancellation without ``cancel_before``: sorts after all others."""

# Conditions of partial indexes. SQLite uses one only for a query with the same text.
LOOKED_AT = "finished_at IS NULL AND state <> 'queued'"

WITH_DEADLINE = "state = 'scheduled' AND cancel_before IS NOT NULL"

# Without ``sending``: rows stay there only for a moment, and ix_to_look_at has them.
LISTED = "state <> 'sending'"

GROUPED = "group_name IS NOT NULL AND state <> 'sending'"

SEALED = "sealed IS NOT NULL"

ENDED = "finished_at IS NOT NULL"

# Failed ones for which others wait.
FAILED_PREDECESSOR = "followed = 1 AND state = 'failed'"

# Where the order itself is the key, the unique constraint's index finds it.
OTHER_KEY = "order_id <> key"


def _is_one_of(states: frozenset[State] | set[State]) -> str:
    # Not IN: SQLite would build a table of its list in each check of each row, which
    # was three tenths of the time of an UPDATE.
    each = " OR ".join(f"state = '{state}'" for state in sorted(states))
    return f"({each})"


def _index(name: str, *columns: str, where: str) -> Index:
    """A partial index."""
    held = text(where)
    return Index(name, *columns, sqlite_where=held, postgresql_where=held)


def _text(*, null: bool = True) -> Any:
    return Column(Text, nullable=null)


def _time(*, null: bool = True) -> Any:
    return Column(BigInteger, nullable=null)


def _counter() -> Any:
    return Column(BigInteger, nullable=False, server_default="0")


class Cancellation(SQLModel, table=True):
    """One cancellation of one order at one provider: the row that is the truth."""

    __tablename__: ClassVar[str] = "cancellation"
    __table_args__: ClassVar[Any] = (
        UniqueConstraint("provider", "account", "key", name="uq_cancellation_key"),
        CheckConstraint(_is_one_of(set(State)), name="ck_state"),
        CheckConstraint(
            f"(finished_at IS NOT NULL) = {_is_one_of(FINAL)}",
            name="ck_finished_when_final",
        ),
        CheckConstraint(
            f"(due_at IS NULL) = {_is_one_of(FINAL)}", name="ck_due_when_open"
        ),
        CheckConstraint(
            f"reason IS NOT NULL OR NOT {_is_one_of(FINAL)}",
            name="ck_reason_when_final",
        ),
        CheckConstraint("attempts >= 0 AND spent >= 0", name="ck_attempts"),
        _index(
            "ix_to_send",
            "provider",
            "account",
            "urgency",
            "due_at",
            where="state = 'queued'",
        ),
        # Queued rows are in the index above, so most rows enter this one only once.
        _index(
            "ix_to_look_at", "provider", "account", "state", "due_at", where=LOOKED_AT
        ),
        # Queued rows are found by their deadline in ix_to_send.
        _index("ix_deadline", "provider", "account", "urgency", where=WITH_DEADLINE),
        _index("ix_group", "group_name", "state", "id", where=GROUPED),
        _index("ix_state", "provider", "account", "state", "id", where=LISTED),
        # Lists of what ended, by the time of the end. A row enters it once a round.
        _index(
            "ix_ended", "provider", "account", "state", "finished_at", "id", where=ENDED
        ),
        _index("ix_order", "order_id", "id", where=OTHER_KEY),
        Index("ix_updated", "updated_at", "id"),
        # Sorted as the rotation of the seal key reads: open rows first. It is small.
        _index("ix_sealed", "finished_at", "id", where=SEALED),
        _index("ix_failed_predecessor", "id", where=FAILED_PREDECESSOR),
    )

    id: str = Field(sa_column=Column(Text, primary_key=True))
    provider: str = Field(sa_column=_text(null=False))
    account: str = Field(sa_column=_text(null=False))
    order_id: str = Field(sa_column=_text(null=False))
    key: str = Field(sa_column=_text(null=False))
    group_name: str | None = Field(default=None, sa_column=_text())
    params: dict[str, Any] = Field(sa_column=Column(JSON, nullable=False))
    sealed: str | None = Field(default=None, sa_column=_text())
    meta: dict[str, Any] = Field(sa_column=Column(JSON, nullable=False))
    callback_url: str | None = Field(default=None, sa_column=_text())
    callback_task: str | None = Field(default=None, sa_column=_text())
    callback_queue: str | None = Field(default=None, sa_column=_text())
    trace: str | None = Field(default=None, sa_column=_text())
    """The producer's trace context (W3C ``traceparent``)."""
    submitted_by: str | None = Field(default=None, sa_column=_text())
    """The actor of the first transition: see ``rescind.config.actors``."""
    state: str = Field(sa_column=_text(null=False))
    reason: str | None = Field(default=None, sa_column=_text())
    provider_code: str | None = Field(default=None, sa_column=_text())
    provider_message: str | None = Field(default=None, sa_column=_text())
    attempts: int = Field(sa_column=Column(BigInteger, nullable=False))
    spent: int = Field(sa_column=Column(BigInteger, nullable=False))
    polls: int = Field(sa_column=Column(BigInteger, nullable=False))
    lost: int = Field(sa_column=Column(SmallInteger, nullable=False))
    hint: str | None = Field(default=None, sa_column=_text())
    sent_at: int | None = Field(default=None, sa_column=_time())
    since: int | None = Field(default=None, sa_column=_time())
    step: int = Field(sa_column=Column(BigInteger, nullable=False))
    batch_cap: int | None = Field(default=None, sa_column=_time())
    due_at: int | None = Field(default=None, sa_column=_time())
    urgency: int = Field(sa_column=_time(null=False))
    not_before: int | None = Field(default=None, sa_column=_time())
    cancel_before: int | None = Field(default=None, sa_column=_time())
    cancellable_until: int | None = Field(default=None, sa_column=_time())
    """The provider's own deadline, as far as its replies told one."""
    opened_at: int = Field(sa_column=_time(null=False))
    created_at: int = Field(sa_column=_time(null=False))
    updated_at: int = Field(sa_column=_time(null=False))
    finished_at: int | None = Field(default=None, sa_column=_time())
    reread: int | None = Field(default=None, sa_column=_time())
    """When a further reading was asked for, while a worker held it. 0 while a worker
    reads it and none was asked for; ``None`` if no worker reads it."""
    version: int = Field(sa_column=_time(null=False))
    waits_for: int | None = Field(default=None, sa_column=_time())
    """How many predecessors keep it from being sent; ``None`` if it has none, or if an
    operator has decided in their place."""
    followed: int | None = Field(
        default=None, sa_column=Column(SmallInteger, nullable=True)
    )
    """1 if another cancellation has ever waited for it, or if it is a step of a plan:
    something may follow its end."""


class Transition(SQLModel, table=True):
    """One change of state. Deleted only with its final cancellation, or when
    ``changes.repeated_steps`` counts it in an earlier one."""

    __tablename__: ClassVar[str] = "transition"
    # WITHOUT ROWID: one B-tree instead of two.
    __table_args__: ClassVar[Any] = {"sqlite_with_rowid": False}

    cancellation_id: str = Field(sa_column=Column(Text, primary_key=True))
    seq: int = Field(sa_column=Column(BigInteger, primary_key=True))
    at: int = Field(sa_column=_time(null=False))
    from_state: str | None = Field(default=None, sa_column=_text())
    to_state: str = Field(sa_column=_text(null=False))
    reason: str | None = Field(default=None, sa_column=_text())
    evidence: str | None = Field(default=None, sa_column=_text())
    call_id: str | None = Field(default=None, sa_column=_text())
    by: str | None = Field(default=None, sa_column=_text())
    """Its actor; ``None`` is Rescind itself. The first has it in ``submitted_by``."""
    repeats: int = Field(default=0, sa_column=_counter())
    """How many times the same happened again: claimed, and put back unsent."""
    until: int | None = Field(default=None, sa_column=_time())
    """When it happened last; ``None`` if it happened once."""


class Lane(SQLModel, table=True):
    """One provider and account: whether it may be called now, and why not."""

    __tablename__: ClassVar[str] = "lane"

    provider: str = Field(sa_column=Column(Text, primary_key=True))
    account: str = Field(sa_column=Column(Text, primary_key=True))
    failures: int = Field(default=0, sa_column=_counter())
    paused_until: int | None = Field(default=None, sa_column=_time())
    pause_reason: str | None = Field(default=None, sa_column=_text())
    held_at: int | None = Field(default=None, sa_column=_time())
    held_reason: str | None = Field(default=None, sa_column=_text())
    probe_at: int | None = Field(default=None, sa_column=_time())
    stalled_since: int | None = Field(default=None, sa_column=_time())
    """Since when the lane makes no progress, though work is due and allowed."""
    held_by: str | None = Field(default=None, sa_column=_text())
    """The actor who holds the lane; ``None`` if a fault of the account does."""
    restored_at: int | None = Field(default=None, sa_column=_time())
    """When the ledger was last restored from an older copy; ``None`` if the row is
    newer than that: ``ledger_restore`` has the time then."""
    held_note: str | None = Field(default=None, sa_column=_text())
    """Why the actor of ``held_by`` holds the lane, in that actor's words."""


def table(model: type[SQLModel]) -> Table:
    """The SQLAlchemy Core table of a model, for statements over many rows."""
    found: Table = model.__table__  # type: ignore[attr-defined]
    return found


CANCELLATION = table(Cancellation)
TRANSITION = table(Transition)
LANE = table(Lane)
