"""The filter of the list of activity, as its addresses and its form write it.

A field means the same as in the filter of cancellations: see ``listing_filter``.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated
from urllib.parse import urlencode

from fastapi import Depends, Request

from rescind.browse.action_listing import WantedActions
from rescind.dashboard.actor_names import actors_meant
from rescind.dashboard.listing_filter import one_of
from rescind.dashboard.page_guard import TheDashboard
from rescind.dashboard.periods import ALWAYS, Period, period_of
from rescind.dashboard.submission.browser_zone import local_now
from rescind.dashboard.translation import _
from rescind.ledger.action_kinds import Action
from rescind.provider.text import storable

ACTIVITY = "/desk/actions"


@dataclass(frozen=True, slots=True)
class ActivityFilter:
    """A filter, checked; empty texts match all."""

    by: str = ""
    action: str = ""
    period: Period = ALWAYS

    def wanted(self) -> WantedActions:
        return WantedActions(
            by=actors_meant(self.by),
            action=self.action or None,
            since=self.period.first,
            until=self.period.end,
        )

    def path(self, **more: str) -> str:
        """The address of the list."""
        fields = {
            "by": self.by,
            "action": self.action,
            "since": self.period.since,
            "until": self.period.until,
            **more,
        }
        query = urlencode({name: value for name, value in fields.items() if value})
        return f"{ACTIVITY}?{query}" if query else ACTIVITY

    def since(self, written: str) -> ActivityFilter:
        """This filter from that time on: a preset, which was checked by us."""
        return replace(self, period=Period(since=written))

    @property
    def narrows(self) -> bool:
        return self != ActivityFilter()


def _in_query(
    request: Request,
    dashboard: TheDashboard,
    by: str = "",
    action: str = "",
    since: str = "",
    until: str = "",
) -> ActivityFilter:
    """A dependency: the filter in the address; raises ``RefusedError``."""
    now = local_now(request, dashboard.now())
    return ActivityFilter(
        by=storable(by).strip(),
        action=one_of(action, list(Action), _("kind of action")),
        period=period_of(since, until, now),
    )


ActivityFilterInQuery = Annotated[ActivityFilter, Depends(_in_query)]


def kinds() -> list[tuple[Action, str]]:
    """The kinds of actions, each with its name."""
    return [
        (Action.SUBMIT, _("submissions")),
        (Action.HOLD, _("holds")),
        (Action.RESUME, _("resumed lanes")),
        (Action.RETRY, _("retries")),
        (Action.WITHDRAW, _("withdrawals")),
        (Action.RELEASE, _("releases")),
        (Action.SKIP, _("skips")),
        (Action.RESEND, _("resent notifications")),
        (Action.RUN, _("schedules run by hand")),
        (Action.TEST, _("test events")),
        (Action.PRUNE, _("deletions of old records")),
        (Action.RECONCILE, _("readings after a restore")),
        (Action.ROTATE, _("new keys for personal data")),
    ]
