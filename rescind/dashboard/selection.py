"""Filters ended cancellations, and says which of them can be retried."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from sqlalchemy import Connection

from providers.registry import BY_NAME
from rescind.dashboard.advice import advice
from rescind.dashboard.page_guard import RefusedError
from rescind.ledger.access_limits import EVERYTHING, Limits
from rescind.ledger.changes.retries import REFUSED_KEY
from rescind.ledger.reading.listing import Filter, list_rows
from rescind.ledger.reading.queries import as_record
from rescind.ledger.states import State
from rescind.provider.text import storable

PAGE = 50
ENDED = (State.FAILED, State.EXPIRED, State.REJECTED)
MOST = 1_000
"""Cancellations that one form can retry."""


@dataclass(frozen=True, slots=True)
class Listed:
    """A listed cancellation, with advice."""

    record: dict[str, Any]

    @property
    def advice(self) -> str:
        one = self.record
        return advice(one["provider"], one["state"], one["reason"])

    @property
    def retryable(self) -> bool:
        return may_be_retried(self.record)


def may_be_retried(record: dict[str, Any]) -> bool:
    """Whether it can be retried: it has ended, and its submission was valid."""
    return record["state"] in ENDED and not record["key"].startswith(REFUSED_KEY)


@dataclass(frozen=True, slots=True)
class Page:
    """A page of matching cancellations, the newest first."""

    rows: Sequence[Listed]
    older: str | None
    """The id before which the next page begins, or ``None``."""


@dataclass(frozen=True, slots=True)
class Listing:
    """The filter of a list, as the form's fields give it."""

    state: State
    provider: str
    account: str
    group: str
    within: Limits = EVERYTHING
    """The limits of the session that asks."""

    def filter(self) -> Filter:
        return Filter(
            states=[self.state],
            provider=self.provider or None,
            account=self.account or None,
            group=self.group or None,
            within=self.within,
        )

    def fields(self) -> dict[str, str]:
        whole = {
            "state": str(self.state),
            "provider": self.provider,
            "account": self.account,
            "group": self.group,
        }
        return {name: value for name, value in whole.items() if value}

    def query(self, **more: str) -> str:
        """The filter as the query part of an address."""
        return urlencode({**self.fields(), **more})

    def read(self, connection: Connection, before: str = "") -> Page:
        rows = list_rows(connection, self.filter(), PAGE + 1, before or None)
        shown = [Listed(as_record(row)) for row in rows[:PAGE]]
        older = rows[PAGE - 1].id if len(rows) > PAGE else None
        return Page(shown, older)

    def newest(self, connection: Connection) -> list[dict[str, Any]]:
        """The newest matches: ``MOST + 1`` of them if there are more than ``MOST``."""
        return [as_record(r) for r in list_rows(connection, self.filter(), MOST + 1)]


def listing_of(
    state: str, provider: str, account: str, group: str, within: Limits
) -> Listing:
    """The filter of an address or a form; raises ``RefusedError`` for wrong values."""
    if state not in ENDED:
        listed = ", ".join(ENDED)
        raise RefusedError(f"There is no such list: the lists are {listed}.", 422)
    if provider and provider not in BY_NAME:
        listed = ", ".join(sorted(BY_NAME))
        raise RefusedError(f"There is no such provider: they are {listed}.", 422)
    return Listing(State(state), provider, storable(account), storable(group), within)
