"""The filter of a list of cancellations, as addresses and forms write it.

The same fields have the same meaning on every page: ``state`` (may be given several
times), and those of ``NAMES``. ``list_links.list_path`` makes links to lists.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import Depends, Request
from starlette.datastructures import ImmutableMultiDict

from providers.registry import BY_NAME
from rescind.browse.browse_ranges import BY_STATE
from rescind.browse.browsing import Sort
from rescind.browse.wanted import Wanted
from rescind.dashboard.actor_names import actors_meant
from rescind.dashboard.list_links import LIST
from rescind.dashboard.page_context import Dashboard, dashboard_of
from rescind.dashboard.page_guard import LimitedReader, RefusedError
from rescind.dashboard.periods import ALWAYS, Period, period_of
from rescind.dashboard.sessions import Session
from rescind.dashboard.submission.browser_zone import local_now
from rescind.dashboard.translation import _
from rescind.intake.values import provider_in_any_case
from rescind.ledger.access_limits import EVERYTHING, Limits
from rescind.ledger.states import State
from rescind.operations.known_providers import check_known
from rescind.provider.outcomes import InvalidRequestError, Reason
from rescind.provider.text import storable

NAMES = (
    *("provider", "account", "group", "reason", "by", "since", "until"),
    *("q", "sort"),
)
"""The fields that are given once; ``state`` may come often."""
MultiDict = ImmutableMultiDict[str, Any]
LONGEST = 500
"""Characters in a search text; ``provider/account/key`` is the longest kind."""


@dataclass(frozen=True, slots=True)
class Listing:
    """A filter and an order, checked; empty texts match all."""

    states: tuple[State, ...] = ()
    provider: str = ""
    account: str = ""
    group: str = ""
    reason: str = ""
    by: str = ""
    q: str = ""
    sort: Sort = Sort.NEWEST
    period: Period = ALWAYS
    within: Limits = EVERYTHING
    """The limits of the session that asks. No field of a form or an address."""

    def wanted(self) -> Wanted:
        return Wanted(
            states=self.states,
            provider=self.provider or None,
            account=self.account or None,
            group=self.group or None,
            reason=self.reason or None,
            by=actors_meant(self.by),
            since=self.period.first,
            until=self.period.end,
            within=EVERYTHING if self.within.unlimited else self.within,
        )

    def fields(self) -> list[tuple[str, str]]:
        """The filter as fields of a form or an address; ``state`` may come often."""
        sort = "" if self.sort is Sort.NEWEST else str(self.sort)
        whole = [
            *(("state", str(state)) for state in self.states),
            ("provider", self.provider),
            ("account", self.account),
            ("group", self.group),
            ("reason", self.reason),
            ("by", self.by),
            ("since", self.period.since),
            ("until", self.period.until),
            ("q", self.q),
            ("sort", sort),
        ]
        return [(name, value) for name, value in whole if value]

    @property
    def narrows(self) -> bool:
        """Whether it leaves any cancellation out, besides by its states."""
        return any(name not in ("state", "sort") for name, _value in self.fields())

    def query(self, **more: str) -> str:
        """The filter as the query part of an address."""
        return urlencode([*self.fields(), *more.items()])

    def path(self, **more: str) -> str:
        """The address of the list."""
        query = self.query(**more)
        return f"{LIST}?{query}" if query else LIST

    def since(self, written: str) -> Listing:
        """This filter from that time on: a preset, which was checked by us."""
        return replace(self, period=Period(since=written))

    def among(self, states: Iterable[State]) -> Listing | None:
        """This filter for only these states; ``None`` if it then matches nothing."""
        kept = tuple(s for s in State if s in set(states) & set(self.states or State))
        return replace(self, states=kept) if kept else None


# --- checks ---------------------------------------------------------------------------


def listing_of(
    now: datetime,
    within: Limits,
    states: Sequence[str] = (),
    provider: str = "",
    account: str = "",
    group: str = "",
    reason: str = "",
    by: str = "",
    since: str = "",
    until: str = "",
    q: str = "",
    sort: str = "",
) -> Listing:
    """The filter of an address or a form; raises ``RefusedError`` for wrong values.

    ``provider`` may be any name: see ``check_provider``.
    """
    words = storable(q.strip())
    if len(words) > LONGEST:
        raise RefusedError(_("The search text is too long: give a part of it."), 422)
    order = Sort(one_of(sort or Sort.NEWEST, list(Sort), _("sort order")))
    # What a search finds is in the order of acceptance.
    order = Sort.NEWEST if words else order
    asked = [State(one_of(one, list(State), _("state"))) for one in states if one]
    _check_order(order, asked)
    return Listing(
        states=tuple(s for s in State if s in asked),
        provider=str(provider_in_any_case(storable(provider))),
        account=storable(account),
        group=storable(group),
        reason=one_of(reason, list(Reason), _("reason")),
        by=storable(by),
        q=words,
        sort=order,
        period=period_of(since, until, now),
        within=within,
    )


def one_of(value: str, known: Sequence[str], what: str) -> str:
    """``value``, if it is empty or one of ``known``; else raises ``RefusedError``."""
    if value and value not in known:
        listed = ", ".join(known)
        why = _("There is no such %(what)s: use one of %(known)s.")
        raise RefusedError(why % {"what": what, "known": listed}, 422)
    return value


def _check_order(order: Sort, asked: Sequence[State]) -> None:
    able = BY_STATE[order.value]
    if asked and not able & set(asked):
        listed = ", ".join(s for s in State if s in able)
        why = _("This order lists only the states %(states)s.", states=listed)
        raise RefusedError(why, 422)


def read_listing(request: Request, who: Session, given: MultiDict) -> Listing:
    """The filter in the fields of an address or a form; raises ``RefusedError``."""
    dashboard = dashboard_of(request)
    now = local_now(request, dashboard.now())
    named = {name: str(given.get(name, "")) for name in NAMES}
    states = [*map(str, given.getlist("state"))]
    listing = listing_of(now, who.limits, states, **named)
    check_provider(dashboard, listing.provider)
    return listing


def listing_in_query(request: Request, who: LimitedReader) -> Listing:
    """A dependency: the filter in the address; raises ``RefusedError``."""
    return read_listing(request, who, request.query_params)


def check_provider(dashboard: Dashboard, asked: str) -> None:
    """Raises ``RefusedError`` for a provider that is not installed and has no rows."""
    try:
        if asked:
            check_known(dashboard.engine, asked)
    except InvalidRequestError:
        one_of(asked, sorted(BY_NAME), _("provider"))


ListingInQuery = Annotated[Listing, Depends(listing_in_query)]
