"""Questions about the ledger, and their answers in the form of the contract."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Row, func, select

from ledger.states import FINAL, State
from ledger.tables import CALL, CANCELLATION, TRANSITION, from_ms, to_ms

C = CANCELLATION.c


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


def list_rows(connection: Connection, wanted: Filter, limit: int) -> list[Row[Any]]:
    """The newest ``limit`` rows that fit, newest first."""
    chosen = select(CANCELLATION).order_by(C.id.desc()).limit(limit)
    if wanted.states:
        chosen = chosen.where(C.state.in_(list(wanted.states)))
    if wanted.provider is not None:
        chosen = chosen.where(C.provider == wanted.provider)
    if wanted.account is not None:
        chosen = chosen.where(C.account == wanted.account)
    if wanted.group is not None:
        chosen = chosen.where(C.group_name == wanted.group)
    return list(connection.execute(chosen).all())


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


def outcomes(connection: Connection) -> list[tuple[str, str, str | None, int]]:
    """Provider, state, reason and how many, over the whole ledger."""
    chosen = (
        select(C.provider, C.state, C.reason, func.count())
        .group_by(C.provider, C.state, C.reason)
        .order_by(C.provider, C.state, C.reason)
    )
    return [(p, s, r, n) for p, s, r, n in connection.execute(chosen)]


def calls_made(connection: Connection) -> list[tuple[str, str, str, int]]:
    """Provider, operation, evidence and how many calls, over the whole ledger."""
    columns = (CALL.c.provider, CALL.c.operation, CALL.c.evidence)
    chosen = select(*columns, func.count()).group_by(*columns).order_by(*columns)
    return [(p, o, e, n) for p, o, e, n in connection.execute(chosen)]


@dataclass(frozen=True, slots=True)
class Backlog:
    """One lane's open work."""

    by_state: dict[str, int]
    oldest: datetime | None
    """When the oldest that is due was accepted, or was due to begin."""


def backlogs(connection: Connection, now: datetime) -> dict[tuple[str, str], Backlog]:
    """Open cancellations by lane; one that is scheduled for later is not waiting."""
    waiting = C.state != State.SCHEDULED
    chosen = (
        select(
            C.provider,
            C.account,
            C.state,
            func.count(),
            func.min(C.opened_at).filter(waiting, C.opened_at <= to_ms(now)),
        )
        .where(C.finished_at.is_(None))
        .group_by(C.provider, C.account, C.state)
    )
    found: dict[tuple[str, str], Backlog] = {}
    for provider, account, state, count, oldest in connection.execute(chosen):
        before = found.get((provider, account), Backlog({}, None))
        opened = [t for t in (before.oldest, from_ms(oldest)) if t is not None]
        by_state = {**before.by_state, state: count}
        found[provider, account] = Backlog(by_state, min(opened, default=None))
    return found


def open_count(connection: Connection) -> int:
    """How many are not final."""
    chosen = select(func.count()).where(C.finished_at.is_(None))
    return int(connection.execute(chosen).scalar_one())


def is_final(state: str) -> bool:
    return State(state) in FINAL
