"""The interface of actions on cancellations."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from sqlalchemy import Row

from rescind.dashboard.bulk.confirmation import Question
from rescind.dashboard.page_context import Dashboard
from rescind.ledger.states import State


@dataclass(frozen=True, slots=True)
class Order:
    """What an operator asked for: when, with which new deadline, and who it was."""

    now: datetime
    by: str
    """The session's actor, as the ledger keeps it."""
    deadline: datetime | None = None


@dataclass(slots=True)
class Changed:
    """The cancellations that were changed, and why others were not."""

    rows: list[Row[Any]] = field(default_factory=list)
    """The changed rows, after the change."""
    refused: list[str] = field(default_factory=list)
    """A sentence for each cancellation that was not changed."""


class OrderAction(Protocol):
    """One action: which cancellations it can change, its words, and the change."""

    name: str
    """The last part of its address, ``/desk/NAME``."""
    done: str
    """The notice of the page of a single changed cancellation: ``?done=``."""
    states: frozenset[State]
    """The states in which a cancellation may be changed."""
    by_default: frozenset[State]
    """Those of ``states`` that a filter selects which names no state."""
    takes_deadline: bool
    """Whether a new deadline can be given."""

    def why_not(self, row: Row[Any], dashboard: Dashboard, now: datetime) -> str | None:
        """Why ``row`` cannot be changed, in a sentence; ``None`` if it can."""

    def question(self, rows: Sequence[Row[Any]]) -> Question:
        """What is asked about ``rows``, which can be changed."""

    def nothing(self) -> tuple[str, str, str]:
        """The title if none can be changed; why; and why if none was selected."""

    def unable(self, count: int) -> str:
        """A sentence on others, which cannot be changed."""

    def change(self, dashboard: Dashboard, ids: Sequence[str], order: Order) -> Changed:
        """Change those of ``ids`` that can be changed, and notify their lanes."""

    def said(self, changed: Changed) -> tuple[str, str, str]:
        """The result's title; what was done; and a sentence on the refused."""
