"""The page of one cancellation: its state, advice, story and notifications."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from fastapi import APIRouter, Request, Response
from sqlalchemy import Row

from rescind.dashboard.advice import headline
from rescind.dashboard.bulk.order_actions import actions_on
from rescind.dashboard.bulk.retry_action import refuses_again
from rescind.dashboard.lane_notes import notes_on_order
from rescind.dashboard.order_neighbours import read_neighbours
from rescind.dashboard.own_words import advice_on
from rescind.dashboard.page_guard import (
    DashboardRoute,
    LimitedReader,
    RefusedError,
    TheDashboard,
)
from rescind.dashboard.rendering import page
from rescind.dashboard.self_update import self_update, unchanged
from rescind.dashboard.story import story
from rescind.dashboard.translation import N_, _
from rescind.ledger.access_limits import Limits
from rescind.ledger.deliveries.delivery_queries import deliveries_of
from rescind.ledger.reading.limited import sees
from rescind.ledger.reading.queries import as_record, find, history
from rescind.ledger.states import FINAL, State
from rescind.ledger.storage.transactions import reading
from rescind.provider.text import storable

NOTICES = {
    "retried": N_("A new round has begun: its next steps appear below."),
    "withdrawn": N_("It is withdrawn: nothing is sent to the provider."),
    "released": N_("It is released: it is sent, whatever becomes of the others."),
    "skipped": N_("It is skipped: nothing is sent to the provider."),
    "accepted": N_("It was accepted: its next steps appear below."),
    "accepted-respelled": N_(
        "It was accepted: its next steps appear below. The order is sent as it stands"
        " above, which is another spelling of what was typed."
    ),
    "known": N_("It was submitted before: this changed nothing."),
    "known-respelled": N_(
        "It was submitted before: this changed nothing. The order stands above in"
        " another spelling than it was typed."
    ),
}

router = APIRouter(route_class=DashboardRoute)


@router.get("/desk/cancellations/{name}")
def one(
    request: Request,
    dashboard: TheDashboard,
    who: LimitedReader,
    name: str,
    done: str = "",
) -> Response:
    now = dashboard.now()
    with reading(dashboard.engine) as connection:
        row = find(connection, storable(name))
        # What is outside the limits is answered as if it did not exist.
        if row is None or not sees(who.limits, row):
            raise RefusedError(
                _("There is no such cancellation: it may have been deleted."), 404
            )
        steps = history(connection, row.id)
        deliveries = deliveries_of(connection, row.id)
        others = read_neighbours(connection, row, who.limits, now)
    able = actions_on(row, dashboard, now)
    content = _content(row, steps, who.limits)
    waits, in_hold = notes_on_order(dashboard, row)
    is_open = State(row.state) not in FINAL or any(map(_is_waiting, deliveries))
    instead = others.advice or in_hold
    shown = (content, sorted(able), waits, deliveries, others)
    update = self_update(row.updated_at, now, *shown) if is_open else None
    return unchanged(request, update) or page(
        request,
        "one.html",
        **content | ({"advice": instead} if instead else {}),
        others=others,
        update=update,
        waits=waits,
        able=able,
        deliveries=deliveries,
        notice=_(NOTICES[done]) if done in NOTICES else None,
    )


def _is_waiting(delivery: Mapping[str, Any]) -> bool:
    return bool(delivery["state"] == "waiting")


def _content(
    row: Row[Any], steps: Sequence[Mapping[str, Any]], within: Limits
) -> dict[str, Any]:
    record = {**as_record(row), "key": within.shown_key(row.key)}
    reason, attempts = record["reason"], record["attempts"]
    return {
        "record": record,
        "story": story(steps),
        "headline": headline(reason, attempts, _last_detail(steps)),
        "refused_again": refuses_again(record["state"]),
        "advice": advice_on(record),
        "told": bool(row.callback_url or row.callback_task),
    }


def _last_detail(steps: Sequence[Mapping[str, Any]]) -> str | None:
    """Why the last call did not reach the provider, if one did not."""
    calls = (s["evidence"] for s in reversed(steps) if isinstance(s["evidence"], dict))
    unsent = (call for call in calls if call["evidence"] == "not_sent")
    return next((str(call["detail"]) for call in unsent if call.get("detail")), None)
