"""The table of the providers' words that no vocabulary knows."""

from __future__ import annotations

from typing import Any, ClassVar

from sqlalchemy import BigInteger, Column, Text
from sqlmodel import Field, SQLModel

from rescind.ledger.storage.tables import table


def _text(*, null: bool = False, key: bool = False) -> Any:
    return Column(Text, nullable=null, primary_key=key)


def _number() -> Any:
    return Column(BigInteger, nullable=False)


class UnknownWord(SQLModel, table=True):
    """Words of a provider that left open what became of an order. No decision about a
    cancellation ever depends on this table."""

    __tablename__: ClassVar[str] = "unknown_word"

    id: str = Field(sa_column=_text(key=True))
    """Made of the four columns below."""
    provider: str = Field(sa_column=_text())
    operation: str = Field(sa_column=_text())
    code: str | None = Field(default=None, sa_column=_text(null=True))
    message: str | None = Field(default=None, sa_column=_text(null=True))
    """Masked, and without numbers."""
    seen: int = Field(sa_column=_number())
    """How many orders they were about."""
    first_at: int = Field(sa_column=_number())
    last_at: int = Field(sa_column=_number())
    example: str = Field(sa_column=_text())
    """The latest cancellation that met them."""


UNKNOWN_WORD = table(UnknownWord)
