"""The tables of who uses the system: operators' actions, and sessions that ended.

No decision about a cancellation ever depends on them.
"""

from __future__ import annotations

from typing import Any, ClassVar

from sqlalchemy import BigInteger, Column, Text
from sqlmodel import Field, SQLModel

from rescind.ledger.storage.tables import table


def _text(*, null: bool = False, key: bool = False) -> Any:
    return Column(Text, nullable=null, primary_key=key)


def _number(*, null: bool = False) -> Any:
    return Column(BigInteger, nullable=null)


class EndedSession(SQLModel, table=True):
    """A session of the dashboard, or all of an actor's, ended before they expired."""

    __tablename__: ClassVar[str] = "ended_session"

    subject: str = Field(sa_column=_text(key=True))
    ended_at: int = Field(sa_column=_number())
    until: int = Field(sa_column=_number())
    """When the row is not needed any more."""


class OperatorAction(SQLModel, table=True):
    """What a person or a program asked Rescind to do. Only an entry that counts
    submissions is updated."""

    __tablename__: ClassVar[str] = "operator_action"

    id: str = Field(sa_column=_text(key=True))
    """Sorts by time."""
    at: int = Field(sa_column=_number())
    by: str = Field(sa_column=_text())
    """The actor: see ``rescind.config.actors``."""
    action: str = Field(sa_column=_text())
    provider: str | None = Field(default=None, sa_column=_text(null=True))
    account: str | None = Field(default=None, sa_column=_text(null=True))
    """With ``provider``, the lane that the action concerns, if it is a single one."""
    target: str | None = Field(default=None, sa_column=_text(null=True))
    """A cancellation's id, or a schedule's name."""
    number: int | None = Field(default=None, sa_column=_number(null=True))
    """How many cancellations or notifications it changed or submitted."""
    detail: str | None = Field(default=None, sa_column=_text(null=True))
    until: int | None = Field(default=None, sa_column=_number(null=True))
    """For submissions, when the last one was made that the entry counts."""


ENDED_SESSION = table(EndedSession)
OPERATOR_ACTION = table(OperatorAction)
