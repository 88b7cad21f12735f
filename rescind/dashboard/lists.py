"""Pages with lists: cancellations that match a filter or a search, and groups."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse
from sqlalchemy import Connection

from rescind.browse.browsing import Sort
from rescind.browse.part_search import unsearched
from rescind.browse.search_words import LEAST
from rescind.dashboard.aged_lists import read_list
from rescind.dashboard.list_links import LIST, list_path
from rescind.dashboard.list_pages import read_page
from rescind.dashboard.listing_filter import Listing, ListingInQuery
from rescind.dashboard.page_guard import (
    DashboardRoute,
    LimitedReader,
    Reader,
    TheDashboard,
)
from rescind.dashboard.periods import period_fields
from rescind.dashboard.reason_phrases import reasons_by_state
from rescind.dashboard.rendering import page
from rescind.dashboard.translation import _
from rescind.ledger.access_limits import Limits
from rescind.ledger.reading.groups import COUNTED, Standing, groups_from, standing
from rescind.ledger.reading.plans import PlanFilter, plan_page
from rescind.ledger.states import State
from rescind.operations.known_providers import known_providers
from rescind.provider.text import storable

GROUPS = 50

router = APIRouter(route_class=DashboardRoute)


@router.get(LIST)
def cancellations(
    request: Request,
    dashboard: TheDashboard,
    who: LimitedReader,
    wanted: ListingInQuery,
    after: str = "",
) -> Response:
    """The cancellations that match a filter; for a search, exact matches first."""
    values = read_list(request, lambda c: _listed(c, wanted, after, who.limits))
    return page(
        request,
        "cancellations.html",
        wanted=wanted,
        short=0 < len(wanted.q) < LEAST,
        value=_value_named(wanted.q),
        states=list(State),
        **values,
        reasons=reasons_by_state(),
        orders=orders(),
        **period_fields(request, wanted.period),
    )


def _listed(
    connection: Connection, wanted: Listing, after: str, limits: Limits
) -> dict[str, Any]:
    """What the page of cancellations reads from the ledger."""
    seen = filter(limits.touches_provider, known_providers(connection))
    # A group is counted as a whole, whosever its orders are.
    counted = wanted.q and limits.unlimited
    group = standing(connection, wanted.q) if counted else None
    return {
        "found": read_page(connection, wanted, after),
        "gap": unsearched(connection) if wanted.q else None,
        "group": None if group is None else group.name,
        "plans": _has_plan(connection, wanted.q, limits),
        "providers": sorted({*seen, *filter(None, [wanted.provider])}),
    }


def _value_named(words: str) -> str:
    """The value in ``name=value``, as pages show metadata; else empty."""
    found = re.fullmatch(r"[^\s=]+=(.*[^=].*)", words)
    return found[1].strip() if found else ""


def _has_plan(connection: Connection, key: str, limits: Limits) -> bool:
    """Whether there is a plan with this key within ``limits``."""
    if not key:
        return False
    return bool(plan_page(connection, PlanFilter(key=key, within=limits), 1).plans)


def orders() -> list[tuple[Sort, str]]:
    """The orders of a list, each with its name."""
    return [
        (Sort.NEWEST, _("accepted, newest first")),
        (Sort.OLDEST, _("accepted, oldest first")),
        (Sort.ENDED, _("ended, latest first")),
        (Sort.DUE, _("next step due, soonest first")),
    ]


@router.get("/desk/ended")
def ended(request: Request, who: LimitedReader) -> Response:
    """The list of what ended, at its earlier address."""
    del who
    query = request.url.query
    named = "state" in request.query_params
    whole = query if named else "&".join(filter(None, ["state=failed", query]))
    return RedirectResponse(f"{LIST}?{whole}", 307)


@router.get("/desk/search")
def search_all(who: LimitedReader, q: str = "") -> Response:
    """The search, at its earlier address."""
    del who
    return RedirectResponse(list_path(q=q), 307)


@router.get("/desk/groups")
def groups(
    request: Request,
    who: Reader,
    after: str = "",
    name: str = "",
) -> Response:
    """Groups sorted by name, each with its number of cancellations per state."""
    del who
    listed = read_list(request, lambda c: _groups(c, storable(name), storable(after)))
    return page(
        request,
        "groups.html",
        groups=listed[:GROUPS],
        more=len(listed) > GROUPS,
        most=COUNTED,
    )


def _groups(connection: Connection, name: str, after: str) -> Sequence[Standing]:
    """The group of this name, or those behind ``after``."""
    if name:
        one = standing(connection, name)
        return [] if one is None else [one]
    return groups_from(connection, after, GROUPS + 1)
