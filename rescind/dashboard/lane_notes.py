"""Says of a lane that makes no calls why it does not, and what follows for orders."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row

from rescind.browse.past_holds import hold_at
from rescind.config.accounts import Lane
from rescind.dashboard.formatting import actor
from rescind.dashboard.known_sentences import known
from rescind.dashboard.page_context import Dashboard
from rescind.dashboard.translation import _, ngettext
from rescind.ledger.changes.lane_states import LaneState, read_lane
from rescind.ledger.states import FINAL, State
from rescind.ledger.storage.milliseconds import from_ms
from rescind.ledger.storage.transactions import reading
from rescind.operations import actions
from rescind.operations.lane_view import LaneView


def notes_on_order(
    dashboard: Dashboard, row: Row[Any]
) -> tuple[str | None, str | None]:
    """Why the order's lane makes no calls, or made none when the order expired, and
    what to do instead of the usual; ``None`` if that is no matter."""
    lane, now = (row.provider, row.account), dashboard.now()
    if State(row.state) not in FINAL:
        view = _lane(dashboard, lane)
        return _why_no_calls(view, now), _advice(view, row, now)
    ended = from_ms(row.finished_at)
    if row.state != State.EXPIRED or row.attempts or ended is None:
        return None, None
    return _expired(dashboard, lane, ended), None


def _lane(dashboard: Dashboard, lane: Lane) -> LaneView:
    where = (dashboard.engine, dashboard.accounts)
    return actions.lane(*where, lane, dashboard.now(), most=1)


def _why_no_calls(view: LaneView, now: datetime) -> str | None:
    status, why = view.status(now)
    if status == "open":
        return None
    if view.held_by is not None:
        said = _("Its lane %(lane)s is held by %(actor)s: no call is made.")
        whole = said % {"lane": view.name, "actor": actor(view.held_by)}
        return _with_reason(whole, view.held_note)
    said = _("Its lane %(lane)s makes no calls now: %(why)s")
    return said % {"lane": view.name, "why": known(why or status)}


def _with_reason(said: str, note: str | None) -> str:
    """The sentence on a hold, and why the operator holds the lane, if it is known."""
    why = _("Reason: %(note)s", note=note)
    return f"{said} {why}" if note else said


def _advice(view: LaneView, row: Row[Any], now: datetime) -> str | None:
    status, _why = view.status(now)
    if status == "open":
        return None
    if status == "paused":
        return _("Nothing to do yet: the lane makes calls again by itself.")
    said = _("Find out why the lane is held, and resume it. Nothing is sent before.")
    if row.cancel_before is None:
        return said
    late = _("If the deadline passes first, the order ends as expired, unsent.")
    return f"{said} {late}"


def _expired(dashboard: Dashboard, lane: Lane, ended: datetime) -> str | None:
    with reading(dashboard.engine) as connection:
        state = read_lane(connection, lane) or LaneState()
        still = state.held_at is not None and state.held_at <= ended
        by, note = state.held_by, state.held_note
        if not still:
            by, note = hold_at(connection, lane, ended) or (None, None)
    if by is not None:
        said = _("Its lane %(lane)s was held by %(actor)s when its deadline passed.")
        return _with_reason(said % {"lane": "/".join(lane), "actor": actor(by)}, note)
    said = _("Its lane %(lane)s was held when its deadline passed.")
    return said % {"lane": "/".join(lane)} if still else None


def notes_on_lanes(dashboard: Dashboard, lanes: Iterable[Lane | None]) -> Sequence[str]:
    """A note on each lane of these orders that makes no calls now: how many wait."""
    numbers: Mapping[Lane, int] = Counter(lane for lane in lanes if lane)
    notes = (
        _note(_lane(dashboard, one), dashboard.now(), number)
        for one, number in sorted(numbers.items())
    )
    return [note for note in notes if note]


def _note(view: LaneView, now: datetime, number: int) -> str | None:
    status, why = view.status(now)
    if status == "open":
        return None
    if status == "held":
        return ngettext(
            "The lane %(lane)s is held: %(why)s. One order waits until a person resumes"
            " it, or expires at its deadline.",
            "The lane %(lane)s is held: %(why)s. %(num)s orders wait until a person"
            " resumes it, or expire at their deadlines.",
            number,
            lane=view.name,
            why=known(why or status),
        )
    return ngettext(
        "The lane %(lane)s makes no calls now: %(why)s. One order waits until it makes"
        " calls again by itself.",
        "The lane %(lane)s makes no calls now: %(why)s. %(num)s orders wait until it"
        " makes calls again by itself.",
        number,
        lane=view.name,
        why=known(why or status),
    )
