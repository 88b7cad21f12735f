"""Lists: what ended so that somebody must look, what fits a search, groups."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from providers.registry import BY_NAME
from rescind.dashboard.page_guard import DeskRoute, Reader, RefusedError, TheDesk
from rescind.dashboard.rendering import page
from rescind.dashboard.selection import ENDED, listing_of
from rescind.ledger.reading.groups import COUNTED, groups_from, standing
from rescind.ledger.reading.queries import as_record
from rescind.ledger.reading.search import search as search_ledger
from rescind.ledger.storage.transactions import reading
from rescind.provider.text import storable

FOUND = 50
GROUPS = 50
LONGEST = 500
"""Characters of what may be looked for; a path of three parts is the longest."""

router = APIRouter(route_class=DeskRoute)


@router.get("/desk/ended")
def ended(
    request: Request,
    desk: TheDesk,
    who: Reader,
    state: str = "failed",
    provider: str = "",
    account: str = "",
    group: str = "",
    before: str = "",
) -> Response:
    """What ended otherwise than cancelled, and what to do about each."""
    del who
    wanted = listing_of(state, provider, account, group)
    with reading(desk.engine) as connection:
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
def search(request: Request, desk: TheDesk, who: Reader, q: str = "") -> Response:
    """Whatever is exactly so: an order, a key, an id, provider/account/key, a group."""
    del who
    words = storable(q.strip())
    if len(words) > LONGEST:
        raise RefusedError("That is too long to be an order, a key or an id.", 422)
    records, group = [], None
    if words:
        with reading(desk.engine) as connection:
            found = search_ledger(connection, words, FOUND)
            records = [as_record(row) for row in found]
            group = standing(connection, words)
    return page(
        request, "search.html", words=words, records=records, group=group, most=FOUND
    )


@router.get("/desk/groups")
def groups(
    request: Request, desk: TheDesk, who: Reader, after: str = "", name: str = ""
) -> Response:
    """Groups in the order of their names, each with what became of it."""
    del who
    with reading(desk.engine) as connection:
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
