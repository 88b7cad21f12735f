"""Other cancellations of one order: which of them waits for which, in sentences."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row

from providers.registry import BY_NAME
from rescind.dashboard.translation import _
from rescind.engine.order_precedence import covers, goes_first, overlaps
from rescind.ledger.access_limits import Limits
from rescind.ledger.changes.same_order import Sibling, siblings
from rescind.ledger.reading.limited import sees
from rescind.ledger.reading.queries import rows_of
from rescind.ledger.states import FINAL, UNSENT, State
from rescind.ledger.storage.milliseconds import from_ms
from rescind.provider.outcomes import Reason

Params = Mapping[str, Any]


def same_order(
    connection: Connection, row: Row[Any], limits: Limits, now: datetime
) -> list[dict[str, Any]]:
    """The others of the same order that matter to ``row`` and are within ``limits``,
    each with a sentence on who waits for whom."""
    order = (row.provider, row.account, row.order_id)
    others = siblings(connection, [order]).get(order, [])
    known = {one.id: one for one in others if one.id != row.id}
    rows = rows_of(connection, list(known))
    return [
        {
            "id": one.id,
            "key": limits.shown_key(one.key),
            "state": one.state,
            "reason": one.reason,
            "says": _says(row, known[one.id], now),
        }
        for one in rows
        if sees(limits, one) and _overlap(row, known[one.id])
    ]


def _overlap(row: Row[Any], other: Sibling) -> bool:
    provider = BY_NAME.get(row.provider)
    return provider is None or overlaps(provider, other.params, row.params or {})


def _covers(row: Row[Any], done: Params, wanted: Params) -> bool:
    provider = BY_NAME.get(row.provider)
    return provider is not None and covers(provider, done, wanted)


def _says(row: Row[Any], other: Sibling, now: datetime) -> str:
    params = row.params or {}
    if row.state in FINAL:
        return _of_ended(row, other)
    if other.state is State.CANCELLED and _covers(row, other.params, params):
        return _("It has cancelled the order: nothing is sent for this one.")
    if other.state is State.FAILED:
        return _unknown(row)
    return _between(row, other, now)


def _unknown(row: Row[Any]) -> str:
    if row.state not in UNSENT:
        return _("Nobody knows whether it has cancelled the order.")
    return _(
        "Nobody knows whether it has cancelled the order: the provider is asked"
        " before this one is sent."
    )


def _between(row: Row[Any], other: Sibling, now: datetime) -> str:
    """Both are open, or what ``other`` did is not all that ``row`` asks for."""
    if other.state in FINAL:
        return _("It has cancelled a part of the order.")
    if row.state in UNSENT and goes_first(other, row.id, now):
        return _(
            "This one waits for it: no second cancel is sent while the first may work."
        )
    if other.state is State.QUEUED and goes_first(_as_sibling(row), other.id, now):
        return _(
            "It waits for this one: no second cancel is sent while the first may work."
        )
    return _("Only one of the two calls the provider at a time.")


def _of_ended(row: Row[Any], other: Sibling) -> str:
    if other.state in FINAL or row.state != State.CANCELLED:
        return ""
    if _covers(row, row.params or {}, other.params):
        return _("Nothing is sent for it: this one has cancelled the order.")
    return ""


def _as_sibling(row: Row[Any]) -> Sibling:
    reason = Reason(row.reason) if row.reason else None
    due = from_ms(row.due_at)
    return Sibling(row.id, State(row.state), reason, due, row.params or {})
