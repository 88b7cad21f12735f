"""The table of the calls to providers."""

from __future__ import annotations

from typing import Any, ClassVar

from sqlalchemy import JSON, BigInteger, Column, Index, Text, text
from sqlmodel import Field, SQLModel

from rescind.ledger.storage.tables import table

# The condition of a partial index: calls that the provider cannot have acted on.
NO_EFFECT = "evidence = 'not_sent' OR evidence = 'throttled'"


def _number(*, null: bool = False) -> Any:
    return Column(BigInteger, nullable=null)


class Call(SQLModel, table=True):
    """One call to a provider: its operation, and what it proves."""

    __tablename__: ClassVar[str] = "call"
    __table_args__: ClassVar[Any] = (
        Index(
            "ix_call_no_effect",
            "provider",
            "account",
            "operation",
            "id",
            sqlite_where=text(NO_EFFECT),
            postgresql_where=text(NO_EFFECT),
        ),
    )

    id: str = Field(sa_column=Column(Text, primary_key=True))
    provider: str = Field(sa_column=Column(Text, nullable=False))
    account: str = Field(sa_column=Column(Text, nullable=False))
    operation: str = Field(sa_column=Column(Text, nullable=False))
    evidence: str = Field(sa_column=Column(Text, nullable=False))
    status: int | None = Field(default=None, sa_column=_number(null=True))
    took_ms: int = Field(sa_column=_number())
    detail: str | None = Field(default=None, sa_column=Column(Text))
    body: str | None = Field(default=None, sa_column=Column(Text))
    orders: int = Field(sa_column=_number())
    cancellations: list[str] = Field(sa_column=Column(JSON, nullable=False))
    at: int = Field(sa_column=_number())
    repeats: int = Field(
        default=0, sa_column=Column(BigInteger, nullable=False, server_default="0")
    )
    """How many later calls of the lane said the same, and have no row."""
    until: int | None = Field(default=None, sa_column=_number(null=True))
    """When the last of them was made; ``None`` if there was none."""
    worker: str | None = Field(default=None, sa_column=Column(Text))
    """The process that made it, as ``host pid``; ``None`` before migration 0028. Later
    calls that are counted here may be of other processes."""


CALL = table(Call)
