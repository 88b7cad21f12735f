"""The table that says which versions of the program may use the ledger."""

from __future__ import annotations

from typing import ClassVar

from sqlalchemy import Column, Text
from sqlmodel import Field, SQLModel

from rescind.ledger.storage.tables import table


class SchemaRange(SQLModel, table=True):
    """One row. A program that does not know the migration ``oldest`` must not use the
    ledger; a newer program may, and so may one that knows ``oldest`` and not the
    ledger's newest migrations."""

    __tablename__: ClassVar[str] = "schema_range"

    oldest: str = Field(sa_column=Column(Text, primary_key=True))


SCHEMA_RANGE = table(SchemaRange)
