"""The cancellations that a form selects: the ticked ones, or all that match a filter.

A form gives ``id`` for each ticked one, or ``every`` with the fields of a filter (see
``listing_filter``). A confirmation repeats them and adds ``shown_at``.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Depends, Request
from fastapi.concurrency import run_in_threadpool

from rescind.dashboard.list_pages import first_matches
from rescind.dashboard.listing_filter import Listing, MultiDict, read_listing
from rescind.dashboard.page_context import Dashboard
from rescind.dashboard.page_guard import LimitedReader, RefusedError
from rescind.dashboard.sessions import Session
from rescind.dashboard.translation import _
from rescind.ledger.access_limits import EVERYTHING, Limits
from rescind.ledger.reading.limited import sees
from rescind.ledger.reading.queries import as_record, rows_of
from rescind.ledger.states import State
from rescind.ledger.storage.transactions import reading
from rescind.provider.text import storable

TICKED = 200
"""Ticked cancellations in one form; a page shows fewer."""
MOST = 1_000
"""Cancellations that one form can change."""


@dataclass(frozen=True, slots=True)
class Selection:
    """The cancellations that a form selects."""

    ids: Sequence[str]
    listing: Listing | None
    shown_at: str
    """When the confirmation was shown: those that came later were not counted."""
    within: Limits = EVERYTHING
    """The limits of the session: what is outside them is not selected."""

    def fields(self) -> list[tuple[str, str]]:
        """What a confirmation repeats, without ``shown_at``."""
        if self.listing is None:
            return [("id", one) for one in self.ids]
        return [("every", "yes"), *self.listing.fields()]

    def records(
        self, dashboard: Dashboard, among: Collection[State] = frozenset(State)
    ) -> list[dict[str, Any]]:
        """Their current records: more than ``MOST`` if more match. A filter gives only
        those in ``among`` that were accepted, or had ended, at ``shown_at``.
        """
        with reading(dashboard.engine) as connection:
            if self.listing is None:
                rows = rows_of(connection, self.ids)
                return [as_record(row) for row in rows if sees(self.within, row)]
            listing = self.listing.among(among)
            found = listing and first_matches(connection, listing, MOST)
        return [one for one in found or () if self._was_shown(one)]

    def _was_shown(self, record: dict[str, Any]) -> bool:
        at: str = record["finished_at"] or record["created_at"]
        return not self.shown_at or at <= self.shown_at


async def selection(request: Request, who: LimitedReader) -> Selection:
    """A dependency: the form's selection; raises ``RefusedError``."""
    form = await request.form()
    return await run_in_threadpool(selection_of, request, who, form)


def selection_in_query(request: Request, who: LimitedReader) -> Selection:
    """A dependency: the selection in the address; raises ``RefusedError``."""
    return selection_of(request, who, request.query_params)


def selection_of(request: Request, who: Session, given: MultiDict) -> Selection:
    """The selection in the fields of a form or an address; raises ``RefusedError``."""
    if given.get("every"):
        listing = read_listing(request, who, given)
        return Selection((), listing, str(given.get("shown_at", "")), who.limits)
    ids = [str(one) for one in given.getlist("id")]
    if len(ids) > TICKED:
        raise RefusedError(
            _("At most %(most)s can be ticked at once.", most=TICKED), 422
        )
    return Selection(tuple(dict.fromkeys(map(storable, ids))), None, "", who.limits)


TheSelection = Annotated[Selection, Depends(selection)]
SelectionInQuery = Annotated[Selection, Depends(selection_in_query)]
