"""The tables of the search for a part of an order, a key, a group or a metadata value.

They are filled some seconds later, outside the transactions that accept and cancel. An
index of trigrams (all parts of three characters) finds the words: FTS5 in SQLite, GIN
over a function of ours in PostgreSQL. No extension is needed.
"""

from __future__ import annotations

from typing import Any, ClassVar

from sqlalchemy import BigInteger, Column, Integer, Text, UniqueConstraint
from sqlmodel import Field, SQLModel

from rescind.ledger.storage.tables import table

FULL_TEXT = "search_text"
"""SQLite's FTS5 table. It and its own tables begin with this name."""
TRIGRAMS = "search_trigrams"
"""PostgreSQL's function: the distinct trigrams of a text; ``ix_search_words`` has
them."""


class SearchEntry(SQLModel, table=True):
    """The words of one cancellation, in lower case."""

    __tablename__: ClassVar[str] = "search_entry"
    __table_args__: ClassVar[Any] = (
        UniqueConstraint("cancellation_id", name="uq_search_entry"),
    )

    position: int = Field(
        sa_column=Column(
            BigInteger().with_variant(Integer, "sqlite"),
            primary_key=True,
            autoincrement=True,
        )
    )
    """In the order of acceptance, but for those that were committed late."""
    cancellation_id: str = Field(sa_column=Column(Text, nullable=False))
    words: str = Field(sa_column=Column(Text, nullable=False))


class SearchProgress(SQLModel, table=True):
    """How far each pass of ``rescind.browse.search_indexing`` has come."""

    __tablename__: ClassVar[str] = "search_progress"

    lag_seconds: int = Field(
        sa_column=Column(BigInteger, primary_key=True, autoincrement=False)
    )
    last_id: str = Field(sa_column=Column(Text, nullable=False))


SEARCH_ENTRY = table(SearchEntry)
SEARCH_PROGRESS = table(SearchProgress)
