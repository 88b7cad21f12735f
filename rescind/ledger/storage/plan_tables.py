"""The tables of plans: what was submitted together, and under which names.

A plan has no state. What is said of it is made of the present states of its steps.
"""

from __future__ import annotations

from typing import Any, ClassVar

from sqlalchemy import JSON, BigInteger, Column, Index, Text, UniqueConstraint
from sqlmodel import Field, SQLModel

from rescind.ledger.storage.tables import table


def _text(*, null: bool = False, key: bool = False) -> Any:
    return Column(Text, nullable=null, primary_key=key)


def _number(*, null: bool = False) -> Any:
    return Column(BigInteger, nullable=null)


class Plan(SQLModel, table=True):
    """One plan that was submitted."""

    __tablename__: ClassVar[str] = "plan"
    __table_args__: ClassVar[Any] = (
        # The key first: it is looked for without the name, too.
        UniqueConstraint("key", "name", name="uq_plan_key"),
        Index("ix_plan_name", "name", "id"),
    )

    id: str = Field(sa_column=_text(key=True))
    """Sorts by time."""
    name: str = Field(sa_column=_text())
    """The name of its template."""
    key: str = Field(sa_column=_text())
    """With ``name``, what makes a plan the same one when it is submitted again."""
    version: str = Field(sa_column=_text())
    """The version of its template when it was submitted."""
    title: str | None = Field(default=None, sa_column=_text(null=True))
    callback_url: str | None = Field(default=None, sa_column=_text(null=True))
    by: str = Field(sa_column=_text())
    """The actor who submitted it: see ``rescind.config.actors``."""
    created_at: int = Field(sa_column=_number())
    ended_at: int | None = Field(default=None, sa_column=_number(null=True))
    """When the last of its steps ended; ``None`` while a step is open."""


class PlanStep(SQLModel, table=True):
    """A step of a plan, and the cancellation that it is. Never changed."""

    __tablename__: ClassVar[str] = "plan_step"
    __table_args__: ClassVar[Any] = (
        Index("ix_plan_step_cancellation", "cancellation_id", "plan_id"),
        {"sqlite_with_rowid": False},
    )

    plan_id: str = Field(sa_column=_text(key=True))
    step: str = Field(sa_column=_text(key=True))
    position: int = Field(sa_column=_number())
    """Its place in the template, from 0 on."""
    cancellation_id: str = Field(sa_column=_text())
    after: list[str] = Field(sa_column=Column(JSON, nullable=False))
    """The names of the steps that it waits for."""
    condition: str | None = Field(default=None, sa_column=_text(null=True))
    """The ends that it wants of those: see ``rescind.ledger.conditions``."""


PLAN = table(Plan)
PLAN_STEP = table(PlanStep)
