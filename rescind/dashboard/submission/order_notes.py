"""Notes on the orders of valid rows: how each is sent, and who else asked for it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from typing import Any

from sqlalchemy import Connection

from rescind.dashboard.formatting import plain
from rescind.dashboard.translation import _
from rescind.intake.spellings import canonical_order, respelled
from rescind.ledger.access_limits import Limits
from rescind.ledger.changes.insertion import standing_ids
from rescind.ledger.changes.same_order import MATTERS, OrderOf, siblings
from rescind.ledger.reading.limited import sees
from rescind.ledger.reading.queries import rows_of
from rescind.ledger.states import State

AT_ONCE = 1000
"""Orders that one statement looks up."""
Entry = Mapping[str, Any]


def spelling_note(entry: Entry, *, new: bool) -> str | None:
    """How the order is sent, or kept, if that is not what was written."""
    order = respelled(entry)
    if order is None:
        return None
    if new:
        return _("it is sent as %(order)s", order=order)
    return _("it is kept as %(order)s", order=order)


def order_of(entry: Entry) -> OrderOf | None:
    """The lane and the order of an entry; ``None`` if the order is not valid."""
    order = canonical_order(entry)
    if order is None:
        return None
    return str(entry["provider"]), str(entry.get("account") or "default"), order


def same_order_notes(
    connection: Connection, orders: Iterable[OrderOf], within: Limits
) -> dict[OrderOf, str]:
    """For each order that another cancellation within the limits has cancelled, or
    may cancel: its state and its key."""
    asked, found = list(dict.fromkeys(orders)), dict[OrderOf, str]()
    for start in range(0, len(asked), AT_ONCE):
        found |= _some(connection, asked[start : start + AT_ONCE], within)
    return found


def _some(
    connection: Connection, orders: Sequence[OrderOf], within: Limits
) -> dict[OrderOf, str]:
    ids = _ids(connection, orders)
    rows = [one for one in rows_of(connection, ids) if sees(within, one)]
    # The one that matters most is written last.
    rows.sort(key=lambda one: (one.state == State.CANCELLED, one.state in MATTERS))
    return {
        (one.provider, one.account, one.order_id): _(
            "another cancellation of this order is %(state)s, with the key %(key)s",
            state=plain(one.state),
            key=within.shown_key(one.key),
        )
        for one in rows
        if one.state in MATTERS or one.lost
    }


def _ids(connection: Connection, orders: Sequence[OrderOf]) -> list[str]:
    """The ids of all cancellations of the orders: most have the order as their key."""
    others = chain.from_iterable(siblings(connection, orders).values())
    keyed = standing_ids(connection, orders).values()
    return list(dict.fromkeys([*keyed, *(one.id for one in others)]))
