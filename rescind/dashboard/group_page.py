"""The page of one group: how many have ended and how, and who is told of its end."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter, Request, Response

from rescind.dashboard.aged_lists import read_list
from rescind.dashboard.formatting import number_of, percent_of
from rescind.dashboard.page_guard import (
    DashboardRoute,
    LimitedReader,
    RefusedError,
)
from rescind.dashboard.rendering import page
from rescind.dashboard.translation import _, ngettext
from rescind.ledger.deliveries.group_receivers import group_seen
from rescind.ledger.reading.group_summary import GroupSummary
from rescind.ledger.states import RETRYABLE, UNSENT, State
from rescind.provider.text import storable

RETRIED = RETRYABLE - {State.WITHDRAWN}

router = APIRouter(route_class=DashboardRoute)


@router.get("/desk/group")
def group(request: Request, who: LimitedReader, name: str = "") -> Response:
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
    summary = found.summary
    return page(
        request, "group.html", group=summary, told=found.told, **_states(summary)
    )


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
