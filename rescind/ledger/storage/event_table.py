"""The table of the events that providers have sent.

No decision about a cancellation ever depends on it.
"""

from __future__ import annotations

from typing import Any, ClassVar

from sqlalchemy import BigInteger, Column, Index, Text
from sqlmodel import Field, SQLModel

from rescind.ledger.storage.tables import table


class SeenEvent(SQLModel, table=True):
    """An event that was taken in, so that a repeated one is known as such."""

    __tablename__: ClassVar[str] = "seen_event"
    __table_args__: ClassVar[Any] = (Index("ix_seen_event", "seen_at"),)

    digest: str = Field(sa_column=Column(Text, primary_key=True))
    """The seal's digest of the lane and of the event's own id or content."""
    seen_at: int = Field(sa_column=Column(BigInteger, nullable=False))


SEEN_EVENT = table(SeenEvent)
