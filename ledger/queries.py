"""Questions about the ledger, and their answers in the form of the contract."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC
from functools import cache
from heapq import nlargest
from itertools import islice
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    Select,
    TextClause,
    bindparam,
    func,
    select,
    text,
)

from ledger.states import FINAL, State
from ledger.tables import (
    CALL,
    CANCELLATION,
    GROUPED,
    LISTED,
    LOOKED_AT,
    OTHER_KEY,
    TRANSITION,
    from_ms,
)
from ledger.walk import lanes_in

C = CANCELLATION.c
MOST_LANES = 200
"""Beyond it a list reads rows, and not a part of an index for each lane and state."""

MOST = "most"

Where = ColumnElement[bool] | TextClause
Range = tuple[Select[Any], dict[str, str]]
"""A part of an index: the statement that reads its newest ids, and its values."""


def stamp(value: int | None) -> str | None:
    """A time as ISO 8601 in UTC, to the millisecond."""
    moment = from_ms(value)
    if moment is None:
        return None
    text = moment.astimezone(UTC).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")


def as_record(row: Row[Any]) -> dict[str, Any]:
    """A cancellation as everybody outside sees it. No personal data."""
    return {
        "id": row.id,
        "provider": row.provider,
        "account": row.account,
        "order": row.order_id,
        "key": row.key,
        "group": row.group_name,
        "params": row.params,
        "metadata": row.meta,
        "state": row.state,
        "reason": row.reason,
        "provider_code": row.provider_code,
        "provider_message": row.provider_message,
        "attempts": row.attempts,
        "polls": row.polls,
        "not_before": stamp(row.not_before),
        "cancel_before": stamp(row.cancel_before),
        "due_at": stamp(row.due_at),
        "created_at": stamp(row.created_at),
        "updated_at": stamp(row.updated_at),
        "finished_at": stamp(row.finished_at),
    }


def find(connection: Connection, name: str) -> Row[Any] | None:
    """The row of an id, or of ``provider/account/key`` (a key may hold slashes)."""
    row = connection.execute(select(CANCELLATION).where(C.id == name)).one_or_none()
    parts = name.split("/", 2)
    if row is not None or len(parts) != 3:
        return row
    path = (C.provider == parts[0], C.account == parts[1], C.key == parts[2])
    return connection.execute(select(CANCELLATION).where(*path)).one_or_none()


def history(connection: Connection, cancellation_id: str) -> list[dict[str, Any]]:
    """Every change of state, oldest first, with the call that it rests on."""
    chosen = (
        select(TRANSITION, CALL.c.operation, CALL.c.evidence.label("call_evidence"))
        .add_columns(CALL.c.status, CALL.c.took_ms, CALL.c.detail, CALL.c.body)
        .select_from(TRANSITION.outerjoin(CALL, TRANSITION.c.call_id == CALL.c.id))
        .where(TRANSITION.c.cancellation_id == cancellation_id)
        .order_by(TRANSITION.c.seq)
    )
    return [_step(row) for row in connection.execute(chosen)]


def _step(row: Row[Any]) -> dict[str, Any]:
    return {
        "at": stamp(row.at),
        "from": row.from_state,
        "to": row.to_state,
        "reason": row.reason,
        "evidence": _evidence(row),
    }


def _evidence(row: Row[Any]) -> dict[str, Any] | str | None:
    if row.call_id is None or row.operation is None:
        text: str | None = row.evidence
        return text
    call = {
        "call": row.call_id,
        "operation": row.operation,
        "evidence": row.call_evidence,
        "status": row.status,
        "took_ms": row.took_ms,
        "detail": row.evidence or row.detail,
        "body": row.body,
    }
    return {name: value for name, value in call.items() if value is not None}


@dataclass(frozen=True, slots=True)
class Filter:
    """Which cancellations are meant; an empty one means all."""

    states: Sequence[str] = ()
    provider: str | None = None
    account: str | None = None
    group: str | None = None
    order: str | None = None

    def conditions(self) -> list[Where]:
        """What is asked of every row, but for its state."""
        given = {
            C.provider: self.provider,
            C.account: self.account,
            C.group_name: self.group,
            C.order_id: self.order,
        }
        return [column == one for column, one in given.items() if one is not None]

    def fits(self, lane: tuple[str, str]) -> bool:
        """Whether a lane's rows may be meant."""
        asked = (self.provider, self.account)
        return all(one in (None, its) for one, its in zip(asked, lane, strict=True))


def list_rows(
    connection: Connection, wanted: Filter, limit: int, before: str | None = None
) -> list[Row[Any]]:
    """The newest ``limit`` rows that fit, newest first; of ids before ``before``."""
    page: list[Where] = [] if before is None else [C.id < before]
    ranges = _ranges(connection, wanted)
    if ranges is None:
        asked = [*wanted.conditions(), *page, C.state.in_(_states(wanted))]
        return list(connection.execute(_newest(CANCELLATION, *asked), {MOST: limit}))
    ids: list[str] = []
    for chosen, values in ranges:
        paged = chosen.where(*page) if page else chosen
        ids += connection.execute(paged, {**values, MOST: limit}).scalars()
    return rows_of(connection, nlargest(limit, ids))


def _newest(what: Any, *where: Where) -> Select[Any]:
    return select(what).where(*where).order_by(C.id.desc()).limit(bindparam(MOST))


def _ranges(connection: Connection, wanted: Filter) -> list[Range] | None:
    """Parts of indexes, each in the order of ids, that hold all that fits.

    ``None`` where reading every row, the newest first, is as good or better.
    """
    asked, states = wanted.conditions(), _states(wanted)
    if wanted.order is not None:
        return list(_ranges_of_order(connection, wanted.order, asked, states))
    if wanted.group is not None:
        return _ranges_of_group(connection, asked, states)
    if not asked and not wanted.states:
        return None
    found = islice(lanes_in(connection, LISTED), MOST_LANES + 1)
    lanes = {*found, *lanes_in(connection, LOOKED_AT)}
    if len(lanes) > MOST_LANES:
        return None
    return [
        _range(lane, state) for lane in lanes if wanted.fits(lane) for state in states
    ]


def _ranges_of_group(
    connection: Connection, asked: list[Where], states: Sequence[str]
) -> list[Range]:
    chosen = _newest(C.id, text(GROUPED), *asked, C.state == bindparam("its_state"))
    listed = [(chosen, {"its_state": s}) for s in states if s != State.SENDING]
    if State.SENDING not in states:
        return listed
    lanes = lanes_in(connection, LOOKED_AT)
    under_way = [_range(lane, State.SENDING) for lane in lanes]
    return [*listed, *((its.where(*asked), values) for its, values in under_way)]


def _ranges_of_order(
    connection: Connection, order: str, asked: list[Where], states: Sequence[str]
) -> Iterator[Range]:
    """Mostly the order is the key, which each lane has one row of at the most."""
    fits = [*asked, C.state.in_(states)]
    yield _newest(C.id, text(OTHER_KEY), *fits), {}
    for provider, account in lanes_of_all(connection):
        lane = (C.provider == provider, C.account == account, C.key == order)
        yield _newest(C.id, *lane, *fits), {}


def lanes_of_all(connection: Connection) -> set[tuple[str, str]]:
    """Every lane that the ledger has a row of."""
    return {*lanes_in(connection, LISTED), *lanes_in(connection, LOOKED_AT)}


def _states(wanted: Filter) -> Sequence[str]:
    return wanted.states or list(State)


def _range(lane: tuple[str, str], state: str) -> Range:
    its = {"its_provider": lane[0], "its_account": lane[1], "its_state": state}
    return _under_way() if state == State.SENDING else _listed(), its


@cache
def _listed() -> Select[Any]:
    return _newest(C.id, text(LISTED), *_its())


@cache
def _under_way() -> Select[Any]:
    # In no order and all of them: they are few, and no index has their ids in order.
    return select(C.id).where(text(LOOKED_AT), *_its())


def _its() -> list[Where]:
    named = {C.provider: "its_provider", C.account: "its_account", C.state: "its_state"}
    return [column == bindparam(name) for column, name in named.items()]


def rows_of(connection: Connection, ids: Sequence[str]) -> list[Row[Any]]:
    """The rows of these ids, in the order of the ids; unknown ones are left out."""
    found: dict[str, Row[Any]] = {}
    for start in range(0, len(ids), 500):
        chosen = select(CANCELLATION).where(C.id.in_(ids[start : start + 500]))
        found |= {row.id: row for row in connection.execute(chosen)}
    return [found[one] for one in ids if one in found]


def states_of(connection: Connection, ids: Sequence[str]) -> dict[str, int]:
    """How many of these ids are in which state."""
    counts: dict[str, int] = {}
    for start in range(0, len(ids), 500):
        chosen = (
            select(C.state, func.count())
            .where(C.id.in_(ids[start : start + 500]))
            .group_by(C.state)
        )
        for state, count in connection.execute(chosen):
            counts[state] = counts.get(state, 0) + count
    return counts


def states_of_group(connection: Connection, group: str) -> dict[str, int]:
    """How many of a group are in which state."""
    listed = select(C.state, func.count()).where(text(GROUPED), C.group_name == group)
    counted = connection.execute(listed.group_by(C.state))
    counts: dict[str, int] = {row[0]: row[1] for row in counted}
    under_way = select(func.count()).where(text(LOOKED_AT), C.group_name == group)
    for lane in lanes_in(connection, LOOKED_AT):
        its = {"its_provider": lane[0], "its_account": lane[1]}
        sending = under_way.where(*_its())
        found = connection.execute(sending, {**its, "its_state": State.SENDING})
        counts[State.SENDING] = counts.get(State.SENDING, 0) + found.scalar_one()
    return {state: n for state, n in counts.items() if n}


def is_final(state: str) -> bool:
    return State(state) in FINAL
