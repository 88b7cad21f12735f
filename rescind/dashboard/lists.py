"""Pages with lists: ended cancellations, search results, and groups."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from providers.registry import BY_NAME
from rescind.dashboard.page_guard import (
    DashboardRoute,
    LimitedReader,
    Reader,
    RefusedError,
    TheDashboard,
)
from rescind.dashboard.rendering import page
from rescind.dashboard.selection import ENDED, listing_of
from rescind.ledger.reading.groups import COUNTED, groups_from, standing
from rescind.ledger.reading.limited import sees
from rescind.ledger.reading.queries import as_record
from rescind.ledger.reading.search import search as search_ledger
from rescind.ledger.storage.transactions import reading
from rescind.provider.text import storable

FOUND = 50
GROUPS = 50
LONGEST = 500
"""Characters in a search text; ``provider/account/key`` is the longest kind."""

router = APIRouter(route_class=DashboardRoute)


@router.get("/desk/ended")
def ended(
    request: Request,
    dashboard: TheDashboard,
    who: LimitedReader,
    state: str = "failed",
    provider: str = "",
    account: str = "",
    group: str = "",
    before: str = "",
) -> Response:
    """Cancellations that failed, expired or were rejected, each with advice."""
    wanted = listing_of(state, provider, account, group, who.limits)
    with reading(dashboard.engine) as connection:
        found = wanted.read(connection, storable(before))
    return page(
        request,
        "ended.html",
        wanted=wanted,
        found=found,
        states=ENDED,
        providers=sorted(BY_NAME),
    )


@router.get("/desk/search")
def search(
    request: Request, dashboard: TheDashboard, who: LimitedReader, q: str = ""
) -> Response:
    """Exact matches: an order, a key, an id, provider/account/key, or a group."""
    words = storable(q.strip())
    if len(words) > LONGEST:
        raise RefusedError("This is too long to be an order, a key or an id.", 422)
    records, group = [], None
    if words:
        with reading(dashboard.engine) as connection:
            found = search_ledger(connection, words, FOUND)
            records = [as_record(row) for row in found if sees(who.limits, row)]
            # A group is counted as a whole, whosever its orders are.
            group = standing(connection, words) if who.limits.unlimited else None
    return page(
        request, "search.html", words=words, records=records, group=group, most=FOUND
    )


@router.get("/desk/groups")
def groups(
    request: Request,
    dashboard: TheDashboard,
    who: Reader,
    after: str = "",
    name: str = "",
) -> Response:
    """Groups sorted by name, each with its number of cancellations per state."""
    del who
    with reading(dashboard.engine) as connection:
        if name:
            one = standing(connection, storable(name))
            listed = [] if one is None else [one]
        else:
            listed = groups_from(connection, storable(after), GROUPS + 1)
    return page(
        request,
        "groups.html",
        groups=listed[:GROUPS],
        more=len(listed) > GROUPS,
        most=COUNTED,
    )
