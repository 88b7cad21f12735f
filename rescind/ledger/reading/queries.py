"""Reads single cancellations, their history, and their JSON form of the contract."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    Connection,
    Row,
    select,
)

from providers.registry import BY_NAME
from rescind.ledger.states import State
from rescind.ledger.storage.call_table import CALL
from rescind.ledger.storage.milliseconds import from_ms, to_ms
from rescind.ledger.storage.tables import CANCELLATION, TRANSITION
from rescind.provider.deadlines import earlier, provider_deadline

C = CANCELLATION.c
WAITS = State.SCHEDULED


def stamp(value: int | None) -> str | None:
    """A time as ISO 8601 in UTC, to the millisecond."""
    moment = from_ms(value)
    if moment is None:
        return None
    text = moment.astimezone(UTC).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")


def as_record(row: Row[Any]) -> dict[str, Any]:
    """A cancellation as the record that users get. No personal data."""
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
        "cancellable_until": stamp(to_ms(cancellable_until(row))),
        # One that waits for others has no time of its own.
        "due_at": None if row.state == WAITS and row.waits_for else stamp(row.due_at),
        "created_at": stamp(row.created_at),
        "updated_at": stamp(row.updated_at),
        "finished_at": stamp(row.finished_at),
        "by": row.submitted_by,
    }


def cancellable_until(row: Row[Any]) -> datetime | None:
    """The provider's own deadline: as its class sees it now, or as a reply told it.

    ``cancel_before`` is never later than what was known when it was set."""
    provider, told = BY_NAME.get(row.provider), from_ms(row.cancellable_until)
    if provider is None:
        return told
    return earlier(told, provider_deadline(provider, row.order_id, row.params))


def find(connection: Connection, name: str) -> Row[Any] | None:
    """The row with this id, or with this ``provider/account/key`` (a key may hold
    slashes)."""
    row = connection.execute(select(CANCELLATION).where(C.id == name)).one_or_none()
    parts = name.split("/", 2)
    if row is not None or len(parts) != 3:
        return row
    path = (C.provider == parts[0], C.account == parts[1], C.key == parts[2])
    return connection.execute(select(CANCELLATION).where(*path)).one_or_none()


def history(connection: Connection, cancellation_id: str) -> list[dict[str, Any]]:
    """Every change of state, oldest first, with the call that caused it."""
    chosen = (
        select(TRANSITION, CALL.c.operation, CALL.c.evidence.label("call_evidence"))
        .add_columns(CALL.c.status, CALL.c.took_ms, CALL.c.detail, CALL.c.body)
        .add_columns(CALL.c.worker, C.submitted_by)
        .select_from(TRANSITION.outerjoin(CALL, TRANSITION.c.call_id == CALL.c.id))
        .join(CANCELLATION, TRANSITION.c.cancellation_id == C.id)
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
        "by": row.by if row.from_state else row.submitted_by,
        "repeats": row.repeats,
        "until": stamp(row.until),
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
        "worker": row.worker,
    }
    return {name: value for name, value in call.items() if value is not None}


def rows_of(connection: Connection, ids: Sequence[str]) -> list[Row[Any]]:
    """The rows of these ids, in the order of the ids; unknown ones are left out."""
    found: dict[str, Row[Any]] = {}
    for start in range(0, len(ids), 500):
        chosen = select(CANCELLATION).where(C.id.in_(ids[start : start + 500]))
        found |= {row.id: row for row in connection.execute(chosen)}
    return [found[one] for one in ids if one in found]
