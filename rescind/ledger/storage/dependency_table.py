"""The table of dependencies: which cancellation waits for the end of which others.

A row is written with its successor, in one transaction, and never changed. Both ends
exist then, and the predecessor existed before. So the dependencies have no cycle.
"""

from __future__ import annotations

from typing import Any, ClassVar

from sqlalchemy import BigInteger, Column, Index, Text
from sqlmodel import Field, SQLModel

from rescind.ledger.storage.tables import table


def _text(*, key: bool = False) -> Any:
    return Column(Text, nullable=False, primary_key=key)


class Dependency(SQLModel, table=True):
    """One cancellation waits for another one, and wants it to end in some way."""

    __tablename__: ClassVar[str] = "dependency"
    __table_args__: ClassVar[Any] = (
        Index("ix_dependency_predecessor", "predecessor_id", "successor_id"),
        {"sqlite_with_rowid": False},
    )

    successor_id: str = Field(sa_column=_text(key=True))
    predecessor_id: str = Field(sa_column=_text(key=True))
    condition: str = Field(sa_column=_text())
    """The ends that the successor wants: see ``rescind.ledger.conditions``."""
    depth: int = Field(sa_column=Column(BigInteger, nullable=False))
    """The length of the longest chain of predecessors that ends in this row."""


DEPENDENCY = table(Dependency)
