"""The page of one group: how many have ended and how, and who is told of its end."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter, Request, Response

from rescind.dashboard.formatting import number_of
from rescind.dashboard.page_guard import (
    DashboardRoute,
    LimitedReader,
    RefusedError,
    TheDashboard,
)
from rescind.dashboard.rendering import page
from rescind.dashboard.translation import _, ngettext
from rescind.ledger.deliveries.group_receivers import told_of
from rescind.ledger.reading.group_summary import GroupSummary, summary_of
from rescind.ledger.states import RETRYABLE, UNSENT, State
from rescind.ledger.storage.transactions import reading
from rescind.provider.text import storable

RETRIED = RETRYABLE - {State.WITHDRAWN}

router = APIRouter(route_class=DashboardRoute)


@router.get("/desk/group")
def group(
    request: Request, dashboard: TheDashboard, who: LimitedReader, name: str = ""
) -> Response:
    """The group of this name, as far as it is within the limits of the session."""
    named, limits = storable(name), who.limits
    with reading(dashboard.engine) as connection:
        found = summary_of(connection, named, limits)
        # Who is told of the whole group is not for those who see a part of it.
        told = told_of(connection, named) if limits.allows_group(named) else []
    if not found.total:
        why = _("There is no such group: its cancellations may have been deleted.")
        raise RefusedError(why, 404)
    return page(request, "group.html", group=found, told=told, **_states(found))


def _states(found: GroupSummary) -> Mapping[str, Any]:
    percent = f"{found.percent} %"
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
