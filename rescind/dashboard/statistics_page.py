"""The page of outcomes, throughput and time to outcome, over an hour up to a month."""

from __future__ import annotations

from datetime import UTC

from fastapi import APIRouter, Request, Response

from rescind.browse.outcome_history import FOREVER, outcome_history
from rescind.dashboard.aged_lists import read_list
from rescind.dashboard.formatting import number_of, seconds
from rescind.dashboard.formatting import span as duration
from rescind.dashboard.page_guard import (
    DashboardRoute,
    Reader,
    RefusedError,
    TheDashboard,
)
from rescind.dashboard.rendering import page
from rescind.dashboard.statistics import STATES, Span, first_moment, statistics_of
from rescind.dashboard.submission.browser_zone import local_now
from rescind.dashboard.translation import _
from rescind.ledger.storage.counters import NO_LANE, WAITS

router = APIRouter(route_class=DashboardRoute)


@router.get("/desk/statistics")
def statistics(
    request: Request, dashboard: TheDashboard, who: Reader, over: str = "day"
) -> Response:
    del who
    if over not in list(Span):
        listed = ", ".join(Span)
        raise RefusedError(_("The periods are %(periods)s.", periods=listed), 422)
    span, now = Span(over), local_now(request, dashboard.now())
    counts = read_list(request, lambda c: outcome_history(c, first_moment(span, now)))
    return page(
        request,
        "statistics.html",
        found=statistics_of(span, counts, now),
        spans=spans(),
        states=STATES,
        within=within,
        per_hour=per_hour,
        nobody=NO_LANE[0],
        utc=UTC,
        zone=now.tzinfo,
    )


def spans() -> list[tuple[Span, str]]:
    """The periods, each with its name."""
    return [
        (Span.HOUR, _("Last hour")),
        (Span.DAY, _("Last 24 hours")),
        (Span.WEEK, _("Last 7 days")),
        (Span.MONTH, _("Last 30 days")),
    ]


def within(ms: int | None) -> str:
    """The bound of a time to outcome, as text."""
    if ms is None:
        return "–"
    if ms == FOREVER:
        return _("more than %(time)s", time=duration(WAITS[-1] / 1000))
    if ms < 1000:
        return f"{ms} ms"
    return duration(ms / 1000) if ms >= 120_000 else seconds(ms / 1000)


def per_hour(number: int, hours: float) -> str:
    """How many ended in an hour, on average."""
    rate = number / hours
    return number_of(rate, 0 if rate >= 10 else 1)
