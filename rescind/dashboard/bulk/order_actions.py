"""Routes of the actions on cancellations: ``/desk/NAME`` asks, ``…/now`` does it.

A list's form is sent by POST, and led to the question's own address, so that the
browser's way back from the result shows the question again. Another action is one more
element of ``ACTIONS``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Form, Request, Response
from fastapi.responses import RedirectResponse
from sqlalchemy import Row

from rescind.config.access_tokens import Scope
from rescind.dashboard.bulk.confirmation import (
    Confirmation,
    NewDeadline,
    Nothing,
    Result,
    ask,
    tell,
)
from rescind.dashboard.bulk.order_action import Order, OrderAction
from rescind.dashboard.bulk.order_names import with_orders
from rescind.dashboard.bulk.release_action import Release
from rescind.dashboard.bulk.retry_action import Retry
from rescind.dashboard.bulk.skip_action import Skip
from rescind.dashboard.bulk.withdraw_action import Withdraw
from rescind.dashboard.formatting import number_of
from rescind.dashboard.forms import deadline_of
from rescind.dashboard.page_context import Dashboard
from rescind.dashboard.page_guard import (
    DashboardRoute,
    LimitedOperator,
    LimitedReader,
    TheDashboard,
    check_scope,
)
from rescind.dashboard.selection import (
    MOST,
    Selection,
    SelectionInQuery,
    TheSelection,
    selection_of,
)
from rescind.dashboard.sessions import Session
from rescind.dashboard.translation import _, ngettext
from rescind.dashboard.unsent_forms import Sent, shows_again
from rescind.ledger.reading.queries import rows_of, stamp
from rescind.ledger.storage.milliseconds import from_ms, in_ms
from rescind.ledger.storage.transactions import reading

ACTIONS: tuple[OrderAction, ...] = (Retry(), Withdraw(), Release(), Skip())
LONGEST_ADDRESS = 6_000
"""Characters of a question's address: proxies and servers take 8,000 and more."""

router = APIRouter(route_class=DashboardRoute)


def actions_on(
    row: Row[Any], dashboard: Dashboard, now: datetime
) -> dict[str, OrderAction]:
    """The actions that can change ``row``, by name."""
    able = (one for one in ACTIONS if one.why_not(row, dashboard, now) is None)
    return {one.name: one for one in able}


def _add(action: OrderAction) -> None:
    def asked(
        request: Request,
        dashboard: TheDashboard,
        who: LimitedOperator,
        selected: TheSelection,
    ) -> Response:
        del who
        where = f"/desk/{action.name}?{urlencode(selected.fields())}"
        if len(where) <= LONGEST_ADDRESS:
            return RedirectResponse(where, 303)
        return ask(request, _confirmation(action, dashboard, selected))

    def asking(
        request: Request,
        dashboard: TheDashboard,
        who: LimitedReader,
        selected: SelectionInQuery,
    ) -> Response:
        check_scope(who, Scope.OPERATE)
        return ask(request, _confirmation(action, dashboard, selected))

    def doing(
        request: Request,
        dashboard: TheDashboard,
        who: LimitedOperator,
        selected: TheSelection,
        deadline: Annotated[str, Form()] = "",
    ) -> Response:
        now = dashboard.now()
        before = deadline_of(deadline, now) if action.takes_deadline else None
        order = Order(now, who.actor, before)
        return _do(request, dashboard, action, selected, order, who)

    def again(
        request: Request, dashboard: Dashboard, who: Session, sent: Sent
    ) -> Response:
        selected = selection_of(request, who, sent)
        deadline = sent.get("deadline", "")
        return ask(request, _confirmation(action, dashboard, selected, deadline))

    shows_again(f"/desk/{action.name}/now")(again)
    router.post(f"/desk/{action.name}")(asked)
    router.get(f"/desk/{action.name}")(asking)
    router.post(f"/desk/{action.name}/now")(doing)


for _action in ACTIONS:
    _add(_action)


# --- the question ---------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Chosen:
    """The selected cancellations, by whether the action can change them."""

    able: Sequence[Row[Any]]
    unable: Sequence[str]
    """Why others cannot be changed."""
    more: bool
    """Whether more match than one form can change."""


def _chosen(
    action: OrderAction, dashboard: Dashboard, selected: Selection, now: datetime
) -> _Chosen:
    named = selected.listing is None or selected.listing.states
    states = action.states if named else action.by_default
    records = selected.records(dashboard, states)
    ids = [one["id"] for one in records[:MOST]]
    able, unable = [], []
    with reading(dashboard.engine) as connection:
        rows = rows_of(connection, ids)
    for row in rows:
        why = action.why_not(row, dashboard, now)
        if why is None:
            able.append(row)
        else:
            unable.append(why)
    return _Chosen(able, with_orders(unable, rows), len(records) > MOST)


def _confirmation(
    action: OrderAction, dashboard: Dashboard, selected: Selection, deadline: str = ""
) -> Confirmation | Nothing:
    now = dashboard.now()
    chosen = _chosen(action, dashboard, selected, now)
    if not chosen.able:
        title, unable, none = action.nothing()
        why = unable if chosen.unable else none
        return Nothing(title, why, unable=chosen.unable)
    return Confirmation(
        path=f"/desk/{action.name}/now",
        question=action.question(chosen.able),
        fields=_fields(selected, chosen.able, now),
        chosen=_named(chosen.able),
        unable=chosen.unable,
        unable_words=action.unable(len(chosen.unable)),
        more=_more(len(chosen.able)) if chosen.more else "",
        deadline=_deadline(chosen.able, now, deadline)
        if action.takes_deadline
        else None,
    )


def _fields(
    selected: Selection, able: Sequence[Row[Any]], now: datetime
) -> list[tuple[str, str]]:
    if selected.listing is None:
        return [("id", row.id) for row in able]
    return [*selected.fields(), ("shown_at", stamp(in_ms(now)) or "")]


def _named(able: Sequence[Row[Any]]) -> list[tuple[str, str]]:
    if len(able) == 1:
        (row,) = able
        return [(f"{row.provider}/{row.account}", row.order_id)]
    counts = Counter(f"{row.provider}/{row.account}" for row in able)
    return [
        (
            lane,
            ngettext("%(num)s cancellation", "%(num)s cancellations", count),
        )
        for lane, count in sorted(counts.items())
    ]


def _more(count: int) -> str:
    return _(
        "More cancellations match: this concerns the first %(count)s only. Repeat it"
        " for the others.",
        count=number_of(count),
    )


def _deadline(
    able: Sequence[Row[Any]], now: datetime, written: str = ""
) -> NewDeadline:
    deadlines = [from_ms(row.cancel_before) for row in able]
    late = sum(one is not None and one <= now for one in deadlines)
    return NewDeadline(late, required=late == len(able), written=written)


# --- the change -----------------------------------------------------------------------


def _do(
    request: Request,
    dashboard: Dashboard,
    action: OrderAction,
    selected: Selection,
    order: Order,
    who: Session,
) -> Response:
    chosen = _chosen(action, dashboard, selected, order.now)
    ids = [row.id for row in chosen.able]
    changed = action.change(dashboard, ids, order)
    changed.refused = with_orders(changed.refused, chosen.able)
    changed.refused += chosen.unable if selected.listing is None else []
    if len(changed.rows) == 1 and not changed.refused:
        where = f"/desk/cancellations/{changed.rows[0].id}?done={action.done}"
        return RedirectResponse(where, 303)
    title, done, refused = action.said(changed)
    done = done if changed.rows else ""
    more = _more(len(ids)) if chosen.more else ""
    result = Result(title, done, changed.refused, refused, more=more)
    return tell(request, dashboard, who, result)
