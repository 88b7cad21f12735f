"""The table of those who are told of a group's end.

An insertion only adds a row: so those who insert into one group at the same time do not
wait for each other. A row is pending until the end is told; then it says when.
"""

from __future__ import annotations

from typing import Any, ClassVar

from sqlalchemy import BigInteger, Column, Index, Text, text
from sqlmodel import Field, SQLModel

from rescind.ledger.storage.tables import table

PENDING = "told_at IS NULL"


def _text(*, null: bool = False, key: bool = False) -> Any:
    return Column(Text, nullable=null, primary_key=key)


class GroupEnd(SQLModel, table=True):
    """One end of a group, and where it is told."""

    __tablename__: ClassVar[str] = "group_end"
    __table_args__: ClassVar[Any] = (
        Index("ix_group_end_group", "group_name", "id"),
        Index(
            "ix_group_end_pending",
            "group_name",
            "id",
            sqlite_where=text(PENDING),
            postgresql_where=text(PENDING),
        ),
        {"sqlite_with_rowid": False},
    )

    id: str = Field(sa_column=_text(key=True))
    group_name: str = Field(sa_column=_text())
    url: str = Field(sa_column=_text())
    by: str | None = Field(default=None, sa_column=_text(null=True))
    """The actor who asked for it; ``None`` is Rescind itself, after a retry."""
    created_at: int = Field(sa_column=Column(BigInteger, nullable=False))
    told_at: int | None = Field(
        default=None, sa_column=Column(BigInteger, nullable=True)
    )
    """When the delivery was created."""


GROUP_END = table(GroupEnd)
