"""The page of one group: how many have ended and how, and who is told of its end."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from fastapi import APIRouter, Request, Response

from rescind.dashboard.aged_lists import read_list
from rescind.dashboard.formatting import number_of, percent_of
from rescind.dashboard.page_guard import (
    DashboardRoute,
    LimitedReader,
    RefusedError,
    TheDashboard,
)
from rescind.dashboard.rendering import page
from rescind.dashboard.self_update import SelfUpdate, self_update, unchanged
from rescind.dashboard.translation import _, ngettext
from rescind.ledger.deliveries.group_receivers import GroupSeen, group_seen
from rescind.ledger.reading.group_summary import GroupSummary
from rescind.ledger.states import RETRYABLE, UNSENT, State
from rescind.provider.text import storable

OFTEN = 1_000
"""The most cancellations of a group whose page may update itself every other second."""
RETRIED = RETRYABLE - {State.WITHDRAWN}

router = APIRouter(route_class=DashboardRoute)


@router.get("/desk/group")
def group(
    request: Request, dashboard: TheDashboard, who: LimitedReader, name: str = ""
) -> Response:
    """The group of this name, as far as it is within the limits of the session."""
    found = read_list(
        request,
        lambda c: group_seen(c, storable(name), who.limits),
        # A new group may not be in the replica yet.
        lacking=lambda read: read.is_unknown,
    )
    if found.is_unknown:
        why = _("There is no such group: its cancellations may have been deleted.")
        raise RefusedError(why, 404)
    update = _update(found, dashboard.now())
    return unchanged(request, update) or page(
        request,
        "group.html",
        group=found.summary,
        told=found.told,
        update=update,
        **_states(found.summary),
    )


def _update(found: GroupSeen, now: datetime) -> SelfUpdate | None:
    its = found.summary
    if its.ended >= its.total and all(one["told_at"] for one in found.told):
        return None
    # All rows of a group are counted each time.
    times = (its.last_created_at or 0, its.finished_at or 0)
    changed = max(times) if its.total <= OFTEN else None
    return self_update(changed, now, sorted(its.counts.items()), found.told)


def _states(found: GroupSummary) -> Mapping[str, Any]:
    percent = percent_of(found.percent)
    return {
        "says": ngettext(
            "%(ended)s of one cancellation has ended (%(percent)s)",
            "%(ended)s of %(num)s cancellations have ended (%(percent)s)",
            found.total,
            ended=number_of(found.ended),
            percent=percent,
        ),
        # The states in their own order, each with its reasons.
        "ends": sorted(found.counts.items(), key=lambda one: _place(*one[0])),
        "unsent": [state for state in found.states if state in UNSENT],
        "retryable_states": [state for state in found.states if state in RETRIED],
    }


def _place(state: State, reason: str) -> tuple[int, str]:
    return list(State).index(state), reason
