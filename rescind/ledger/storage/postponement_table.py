"""The table of judgements that are left to a later transaction.

The end of one cancellation may concern many others, and those may concern more. One
transaction judges a bounded number of them, and writes here what is left. The sweep
does it soon after. A row is written in the transaction of the end, so that none is
lost.
"""

from __future__ import annotations

from enum import StrEnum, auto
from typing import Any, ClassVar

from sqlalchemy import BigInteger, CheckConstraint, Column, Index, Text
from sqlmodel import Field, SQLModel

from rescind.ledger.storage.tables import table


class Concerned(StrEnum):
    """Which cancellations are still to be judged."""

    ITSELF = auto()
    """The cancellation that the row names."""
    SUCCESSORS = auto()
    """Those that wait for the cancellation that the row names."""


def _text() -> Any:
    return Column(Text, nullable=False, primary_key=True)


class PostponedJudgement(SQLModel, table=True):
    """A cancellation that is to be judged by its predecessors, or whose successors are.

    It is written and deleted only while the row of the cancellation is locked.
    """

    __tablename__: ClassVar[str] = "postponed_judgement"
    __table_args__: ClassVar[Any] = (
        CheckConstraint(
            "concerned = 'itself' OR concerned = 'successors'", name="ck_concerned"
        ),
        Index("ix_postponed_due", "concerned", "due_at", "cancellation_id"),
        {"sqlite_with_rowid": False},
    )

    cancellation_id: str = Field(sa_column=_text())
    concerned: str = Field(sa_column=_text())
    due_at: int = Field(sa_column=Column(BigInteger, nullable=False))


POSTPONED = table(PostponedJudgement)
