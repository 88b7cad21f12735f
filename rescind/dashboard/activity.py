"""The page that lists who did what."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request, Response
from sqlalchemy import Row

from rescind.browse.action_listing import as_action, find_actions
from rescind.dashboard.activity_filter import ACTIVITY, ActivityFilterInQuery, kinds
from rescind.dashboard.aged_lists import read_list
from rescind.dashboard.list_links import list_path
from rescind.dashboard.page_guard import DashboardRoute, Reader
from rescind.dashboard.periods import period_fields
from rescind.dashboard.rendering import page
from rescind.dashboard.translation import _, ngettext
from rescind.ledger.action_kinds import Action
from rescind.ledger.reading.queries import stamp
from rescind.provider.text import storable

PAGE = 50
A_MINUTE = 60_000
"""Milliseconds; a shorter time is shown as one."""

router = APIRouter(route_class=DashboardRoute)


@router.get(ACTIVITY)
def activity(
    request: Request, who: Reader, chosen: ActivityFilterInQuery, before: str = ""
) -> Response:
    """Who submitted, held, resumed, retried or resent, the newest first."""
    del who
    behind, wanted = storable(before) or None, chosen.wanted()
    found = read_list(request, lambda c: find_actions(c, wanted, PAGE, behind))
    return page(
        request,
        "activity.html",
        actions=[_shown(row) for row in found.rows],
        found=found,
        chosen=chosen,
        kinds=kinds(),
        **period_fields(request, chosen.period),
    )


def _shown(row: Row[Any]) -> dict[str, Any]:
    return {
        **as_action(row),
        "did": _did(row.action, row.number or 0),
        "lasted": row.until is not None and row.until - row.at >= A_MINUTE,
        "list": _submitted(row),
    }


def _submitted(row: Row[Any]) -> str | None:
    """The address of what the entry counts; ``None`` if it is not a list."""
    if row.action != Action.SUBMIT or row.target is not None:
        return None
    fields = {"provider": row.provider, "account": row.account, "group": row.detail}
    known = {name: value for name, value in fields.items() if value is not None}
    # Both times are of acceptance, and the list ends before ``until``.
    period = {"since": stamp(row.at) or "", "until": stamp(row.until + 1) or ""}
    return list_path(by=row.by, **known, **period)


def _did(action: str, number: int) -> str:
    """The action in words; a later version's action as it is."""
    submitted = ngettext(
        "submitted %(num)s cancellation", "submitted %(num)s cancellations", number
    )
    retried = ngettext(
        "retried %(num)s cancellation", "retried %(num)s cancellations", number
    )
    withdrew = ngettext(
        "withdrew %(num)s cancellation", "withdrew %(num)s cancellations", number
    )
    resent = ngettext(
        "resent %(num)s notification", "resent %(num)s notifications", number
    )
    words = {
        "submit": submitted,
        "hold": _("held the lane"),
        "resume": _("resumed the lane"),
        "retry": retried,
        "withdraw": withdrew,
        "release": _("released a cancellation that waited for others"),
        "skip": _("skipped a cancellation that waited for others"),
        "resend": resent,
        "run": _("ran the schedule"),
        "test": _("sent a test event to"),
        "prune": _("deleted what ended before"),
        "reconcile": _("had all open orders read back after the ledger was restored"),
        "rotate": _("encrypted personal data with a new key"),
    }
    return words.get(action, action)
