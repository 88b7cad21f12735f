"""Routes that hold and resume lanes: one, several, or all of a provider.

GET asks, POST does it. ``/desk/lanes`` is the page on which lanes are selected.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import RedirectResponse

from rescind.config.accounts import Lane
from rescind.dashboard.bulk.confirmation import (
    OVERVIEW,
    Confirmation,
    Nothing,
    ReasonField,
    Result,
    ask,
    tell,
)
from rescind.dashboard.bulk.lane_action import LANE_ACTIONS, LaneAction, lane_notice
from rescind.dashboard.formatting import number_of, plain
from rescind.dashboard.forms import Text, Texts
from rescind.dashboard.page_context import Dashboard
from rescind.dashboard.page_guard import (
    DashboardRoute,
    LimitedOperator,
    LimitedReader,
    RefusedError,
    TheDashboard,
)
from rescind.dashboard.rendering import page
from rescind.dashboard.sessions import Session
from rescind.dashboard.translation import _
from rescind.dashboard.unsent_forms import Sent, shows_again
from rescind.operations import actions
from rescind.operations.actions import UnknownError
from rescind.operations.lane_holds import LONGEST_NOTE, hold_note
from rescind.operations.lane_view import LaneView

router = APIRouter(route_class=DashboardRoute)
LANES = "/desk/lanes"


@router.get(LANES)
def lanes(
    request: Request,
    dashboard: TheDashboard,
    who: LimitedReader,
    done: str = "",
    lane: str = "",
) -> Response:
    """All lanes with boxes to tick, by provider."""
    by_provider: dict[str, list[LaneView]] = {}
    views = _views(dashboard, who)
    for one in views:
        by_provider.setdefault(one.lane[0], []).append(one)
    return page(
        request,
        "lanes.html",
        by_provider=by_provider,
        moment=dashboard.now(),
        notice=lane_notice(done, lane, {one.name for one in views}),
    )


def _views(dashboard: Dashboard, who: Session) -> list[LaneView]:
    """The lanes that are wholly within the limits of the session."""
    known = (dashboard.engine, dashboard.accounts, dashboard.now())
    return actions.lanes(*known, within=who.limits)


def _add(action: LaneAction) -> None:
    def asking(
        request: Request,
        dashboard: TheDashboard,
        who: LimitedReader,
        lane: Annotated[list[str], Query()] = [],  # noqa: B006  (FastAPI copies it)
        provider: str = "",
    ) -> Response:
        names = _selected(dashboard, who, lane, provider)
        return ask(request, _confirmation(action, dashboard, who, names))

    def doing(
        request: Request,
        dashboard: TheDashboard,
        who: LimitedOperator,
        lane: Texts = [],  # noqa: B006
        provider: Text = "",
        reason: Text = "",
    ) -> Response:
        names = _selected(dashboard, who, lane, provider)
        return _do(request, dashboard, action, names, who, hold_note(reason))

    def again(
        request: Request, dashboard: Dashboard, who: Session, sent: Sent
    ) -> Response:
        lanes, provider = sent.getlist("lane"), sent.get("provider", "")
        names, reason = (
            _selected(dashboard, who, lanes, provider),
            sent.get("reason", ""),
        )
        return ask(request, _confirmation(action, dashboard, who, names, reason))

    shows_again(f"{LANES}/{action.name}")(again)
    router.get(f"{LANES}/{action.name}")(asking)
    router.post(f"{LANES}/{action.name}")(doing)


for _action in LANE_ACTIONS:
    _add(_action)


def _selected(
    dashboard: Dashboard, who: Session, names: Sequence[str], provider: str
) -> list[str]:
    """The lanes' names: the given ones, and all of the provider's."""
    all_of = [v.name for v in _views(dashboard, who) if v.lane[0] == provider]
    return list(dict.fromkeys([*names, *all_of]))


# --- the question ---------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Seen:
    """The selected lanes, by whether the action would change them."""

    able: Sequence[LaneView]
    unable: Sequence[str]


def _confirmation(
    action: LaneAction,
    dashboard: Dashboard,
    who: Session,
    names: Sequence[str],
    reason: str = "",
) -> Confirmation | Nothing:
    seen = _seen(action, dashboard, who, names)
    if not seen.able:
        why = "" if seen.unable else _("Tick at least one lane.")
        return Nothing(action.nothing(), why, LANES, seen.unable)
    return Confirmation(
        path=f"{LANES}/{action.name}",
        question=action.question(seen.able),
        fields=[("lane", one.name) for one in seen.able],
        chosen=[(one.name, _waiting(one)) for one in seen.able],
        unable=seen.unable,
        unable_words=_("Others are left as they are:"),
        reason=ReasonField(LONGEST_NOTE, reason) if action.takes_reason else None,
        back=OVERVIEW if len(names) == 1 and who.limits.unlimited else LANES,
    )


def _seen(
    action: LaneAction, dashboard: Dashboard, who: Session, names: Sequence[str]
) -> _Seen:
    now = dashboard.now()
    able, unable = [], []
    for name in names:
        view = _view(dashboard, who, name)
        why = action.why_not(view, now)
        if why is None:
            able.append(view)
        else:
            unable.append(why)
    return _Seen(able, unable)


def _view(dashboard: Dashboard, who: Session, name: str) -> LaneView:
    known = (dashboard.engine, dashboard.accounts)
    try:
        return actions.lane(*known, _named(name, who), dashboard.now())
    except UnknownError as error:
        raise RefusedError(_unknown(error, who), 404) from None


def _waiting(lane: LaneView) -> str:
    """What waits on a lane, such as ``5 queued, more than 1,000 scheduled``."""
    counts = [
        _("more than %(count)s", count=number_of(count)) + f" {plain(state)}"
        if state in lane.backlog.more
        else f"{number_of(count)} {plain(state)}"
        for state, count in lane.backlog.by_state.items()
    ]
    return ", ".join(counts) or _("nothing waits")


def _named(lane: str, who: Session) -> Lane:
    """The lane; raises ``UnknownError`` if it is not wholly within the limits."""
    provider, _slash, account = lane.partition("/")
    if not who.limits.allows_lane(provider, account):
        raise UnknownError("", "no-such-lane")
    return provider, account


def _unknown(error: UnknownError, who: Session) -> str:
    # The error's own text names all lanes.
    return str(error) if who.limits.unlimited else _("There is no such lane.")


# --- the change -----------------------------------------------------------------------


def _do(
    request: Request,
    dashboard: Dashboard,
    action: LaneAction,
    names: Sequence[str],
    who: Session,
    note: str | None,
) -> Response:
    done: list[str] = []
    refused: list[str] = []
    for name in names:
        try:
            action.change(dashboard, _named(name, who), who.actor, note)
            done.append(name)
        except UnknownError as error:
            refused.append(_unknown(error, who))
    if not done:
        why = refused[0] if refused else _("there is no lane: tick at least one")
        raise RefusedError(why, 404)
    if len(names) == 1:
        query = urlencode({"done": action.done, "lane": names[0]})
        # A limited session has no overview.
        where = OVERVIEW if who.limits.unlimited else LANES
        return RedirectResponse(f"{where}?{query}", 303)
    title = action.said(len(done))
    listed = ", ".join(done)
    words = _("Others were not changed:")
    result = Result(title, listed, refused, words, LANES)
    return tell(request, dashboard, who, result)
