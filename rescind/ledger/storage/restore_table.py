"""The table of the times at which the ledger was restored from an older copy."""

from __future__ import annotations

from typing import ClassVar

from sqlalchemy import BigInteger, Column, func, select
from sqlmodel import Field, SQLModel

from rescind.ledger.storage.tables import table


class LedgerRestore(SQLModel, table=True):
    """One restore, as ``rescind reconcile`` has noted it."""

    __tablename__: ClassVar[str] = "ledger_restore"

    restored_at: int = Field(
        sa_column=Column(BigInteger, primary_key=True, autoincrement=False)
    )


RESTORE = table(LedgerRestore)
LAST_RESTORE = select(func.max(RESTORE.c.restored_at)).scalar_subquery()
