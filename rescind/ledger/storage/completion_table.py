"""The table of plans that a later transaction completes.

The end of one cancellation may complete thousands of plans, and tell the end of each.
One transaction looks at a bounded number of them, and writes here where it stopped. The
sweep goes on from there. A row is written in the transaction of the end, so that no
plan is lost.
"""

from __future__ import annotations

from typing import Any, ClassVar

from sqlalchemy import BigInteger, Column, Index, Text
from sqlmodel import Field, SQLModel

from rescind.ledger.storage.tables import table


class PostponedCompletion(SQLModel, table=True):
    """A cancellation that has ended, and whose plans are still to be looked at.

    It is written and deleted only while the row of the cancellation is locked.
    """

    __tablename__: ClassVar[str] = "postponed_completion"
    __table_args__: ClassVar[Any] = (
        Index("ix_completion_due", "due_at", "cancellation_id"),
        {"sqlite_with_rowid": False},
    )

    cancellation_id: str = Field(
        sa_column=Column(Text, nullable=False, primary_key=True)
    )
    after_plan: str = Field(sa_column=Column(Text, nullable=False))
    """The id of the last plan that was looked at; empty if none was."""
    due_at: int = Field(sa_column=Column(BigInteger, nullable=False))


COMPLETION = table(PostponedCompletion)
