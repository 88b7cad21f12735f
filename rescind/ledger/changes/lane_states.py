"""Lane states: whether a provider's account may be called now, and why not.

A lane is *paused* while its provider is down or throttles, and resumes by itself. It is
*held* when an operator must act; after a while one probe call tests it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from sqlalchemy import Connection, Row, Select, Text, func, or_, select, true

from rescind.ledger.changes.lane_probes import may_probe
from rescind.ledger.storage import counters
from rescind.ledger.storage.milliseconds import from_ms, to_ms
from rescind.ledger.storage.restore_table import LAST_RESTORE
from rescind.ledger.storage.row_sets import Columns, Rows, incoming, parameters
from rescind.ledger.storage.tables import LANE
from rescind.ledger.storage.upsert import inserting
from rescind.provider.policy import Policy

L = LANE.c
Lane = tuple[str, str]
HELD_BY_OPERATOR = "held by an operator"
_KEY: Columns = {"provider": Text, "account": Text}
_COLUMNS: Columns = {c.name: type(c.type) for c in LANE.c if c is not L.stalled_since}
_TIMES = ("paused_until", "held_at", "probe_at", "restored_at")
_STATE: Mapping[str, Any] = {
    **{name: L[name] for name in _COLUMNS if name not in _KEY},
    "failures": func.coalesce(L.failures, 0),
    # A lane that is newer than the restore has no time of its own.
    "restored_at": func.coalesce(L.restored_at, LAST_RESTORE),
}


@dataclass(frozen=True, slots=True)
class LaneState:
    """What is known of one lane's provider."""

    failures: int = 0
    """Calls that failed in a row."""
    paused_until: datetime | None = None
    pause_reason: str | None = None
    held_at: datetime | None = None
    held_reason: str | None = None
    probe_at: datetime | None = None
    held_by: str | None = None
    """The actor who holds it; ``None`` if a fault of the account does."""
    restored_at: datetime | None = None
    """When the ledger was last restored from an older copy: see ``ledger.restored``."""
    held_note: str | None = None
    """Why the actor of ``held_by`` holds it, in that actor's words."""

    @property
    def good(self) -> bool:
        """Whether nothing restrains its calls, and none has failed."""
        return replace(self, restored_at=None) == LaneState()


def may_call(
    lane: LaneState, policy: Policy, now: datetime, changed_at: datetime | None = None
) -> int:
    """How many calls may run at once: 0, 1 (see ``may_probe``), or all."""
    if lane.paused_until is not None and now < lane.paused_until:
        return 0
    if lane.held_at is not None:
        return int(may_probe(lane.probe_at, policy, now, changed_at))
    if lane.failures >= policy.trip_after:
        return 1
    return policy.concurrency


def after_success(lane: LaneState) -> LaneState:
    """The state after a readable answer: the lane works again."""
    # A throttle from another call stays in force, and so does an operator's hold.
    if lane.failures > 0:
        lane = replace(lane, failures=0, paused_until=None, pause_reason=None)
    if lane.held_reason == HELD_BY_OPERATOR:
        return lane
    return replace(lane, held_at=None, held_reason=None, probe_at=None)


def after_failure(
    lane: LaneState, why: str, policy: Policy, now: datetime
) -> LaneState:
    """The state after a call that did not arrive, or whose answer did not."""
    failures = lane.failures + 1
    if failures < policy.trip_after:
        return replace(lane, failures=failures)
    step = min(failures - policy.trip_after, len(policy.backoff) - 1)
    return replace(
        lane,
        failures=failures,
        paused_until=now + policy.backoff[step],
        pause_reason=f"{failures} calls failed in a row; the last: {why}",
    )


def after_throttle(
    lane: LaneState, wait: timedelta, why: str, now: datetime
) -> LaneState:
    """The state after the provider asked the whole lane to wait."""
    until = now + wait
    if lane.paused_until is not None and lane.paused_until > until:
        return lane
    return replace(lane, paused_until=until, pause_reason=why)


def held(lane: LaneState, why: str, policy: Policy, now: datetime) -> LaneState:
    """The state after a fault of the account: an operator must act."""
    if lane.held_reason == HELD_BY_OPERATOR:
        return lane
    return replace(
        lane,
        held_at=lane.held_at or now,
        held_reason=why,
        probe_at=now + policy.probe_after,
    )


def hold_for_operator(
    lane: LaneState, now: datetime, by: str, note: str | None = None
) -> LaneState:
    """The state held until ``rescind resume``: no probe releases it."""
    lane = replace(lane, held_at=now, held_by=by, held_note=note)
    return replace(lane, held_reason=HELD_BY_OPERATOR, probe_at=None)


# --- in the ledger ----------------------------------------------------------------


def register_lanes(connection: Connection, lanes: Iterable[Lane]) -> None:
    """Insert a row for each lane that has none."""
    _insert(connection, dict.fromkeys(lanes, LaneState()), overwrite=False)


def all_lanes(connection: Connection) -> dict[Lane, LaneState]:
    """Every lane that ever had work, by provider and account."""
    chosen = select(L.provider, L.account, *_STATE.values())
    rows = connection.execute(chosen.order_by(L.provider, L.account))
    return {(row[0], row[1]): _state(row) for row in rows}


def read_lanes(
    connection: Connection, lanes: Iterable[Lane], *, for_update: bool = False
) -> dict[Lane, LaneState]:
    """The states of those ``lanes`` that have trouble. A lane that is not in the result
    equals ``LaneState()``.

    ``for_update`` locks the rows until the transaction ends. A caller that will write a
    state must lock it first, or it may overwrite another's change, such as a hold.
    """
    ordered = sorted(set(lanes))
    if not ordered:
        return {}
    dialect = connection.dialect.name
    given = parameters(dialect, {}, tuple(_KEY), ordered)
    rows = connection.execute(_read(dialect, for_update=for_update), given)
    found = {(row[0], row[1]): _state(row) for row in rows}
    if for_update and len(found) < len(ordered):
        # Those that have no row cannot be locked.
        found |= read_lanes(connection, set(ordered) - found.keys())
    return {lane: state for lane, state in found.items() if state != LaneState()}


@cache
def _read(dialect: str, *, for_update: bool) -> Select[Any]:
    asked = incoming(dialect, _KEY, tuple(_KEY))
    same = (L.provider == asked.c.provider) & (L.account == asked.c.account)
    chosen = select(asked.c.provider, asked.c.account, *_STATE.values())
    if for_update:
        # In the order of the parameters: see ``_insert``.
        return chosen.select_from(asked.join(LANE, same)).with_for_update(of=LANE)
    troubled = (one.is_not(None) for name, one in _STATE.items() if name != "failures")
    # The restore concerns lanes that have no row yet, too.
    every = chosen.select_from(asked.outerjoin(LANE, same))
    return every.where(or_(L.failures > 0, *troubled))


def read_lane(
    connection: Connection, lane: Lane, *, for_update: bool = False
) -> LaneState:
    """``read_lanes`` of one lane; ``LaneState()`` if it is unknown."""
    found = read_lanes(connection, [lane], for_update=for_update)
    return found.get(lane, LaneState())


def write_lanes(connection: Connection, states: Mapping[Lane, LaneState]) -> None:
    """Set each lane's state, whether or not the lane has a row."""
    _count_holds(connection, states)
    _insert(connection, states, overwrite=True)


def write_lane(connection: Connection, lane: Lane, state: LaneState) -> None:
    """``write_lanes`` of one lane."""
    write_lanes(connection, {lane: state})


def _insert(
    connection: Connection, states: Mapping[Lane, LaneState], *, overwrite: bool
) -> None:
    if states:
        # Sorted: two transactions that write the same lanes must not deadlock.
        given = [_row(lane, states[lane]) for lane in sorted(states)]
        dialect, rows = connection.dialect.name, Rows(given, _COLUMNS, _KEY)
        statement = _write(dialect, rows.differing, overwrite=overwrite)
        connection.execute(statement, rows.parameters(dialect))


@cache
def _write(dialect: str, differing: tuple[str, ...], *, overwrite: bool) -> Any:
    new = incoming(dialect, _COLUMNS, differing)
    # Without a WHERE in the SELECT, SQLite reads ON CONFLICT as a join's ON.
    rows = select(new).where(true())
    made = inserting(dialect, LANE).from_select(list(_COLUMNS), rows)
    if not overwrite:
        return made.on_conflict_do_nothing()
    changed = {n: made.excluded[n] for n in _COLUMNS if n not in _KEY}
    return made.on_conflict_do_update(index_elements=list(_KEY), set_=changed)


def _count_holds(connection: Connection, states: Mapping[Lane, LaneState]) -> None:
    held = {lane: one for lane, one in states.items() if one.held_at is not None}
    before = read_lanes(connection, held)
    for lane, state in held.items():
        was = before.get(lane, LaneState())
        by_operator = state.held_reason == HELD_BY_OPERATOR
        again = by_operator and was.held_reason != HELD_BY_OPERATOR
        if was.held_at is None or again:
            who = "operator" if by_operator else "fault"
            counters.count(connection, counters.HOLD, lane, who)


def _row(lane: Lane, state: LaneState) -> dict[str, Any]:
    values = asdict(state) | {name: to_ms(getattr(state, name)) for name in _TIMES}
    return {"provider": lane[0], "account": lane[1], **values}


def _state(row: Row[Any]) -> LaneState:
    """The state in a row that begins with the key and goes on as ``_STATE``."""
    values: dict[str, Any] = dict(zip(_STATE, row[len(_KEY) :], strict=True))
    values.update({name: from_ms(values[name]) for name in _TIMES})
    if values["held_reason"] != HELD_BY_OPERATOR:
        # A process of an earlier version resumes a lane without clearing the note.
        values["held_note"] = None
    return LaneState(**values)
