"""The code of ``rescind show``."""

from __future__ import annotations

from typing import Any

from rescind.cli import connections, output
from rescind.errors.messages import say
from rescind.ledger.deliveries.delivery_queries import deliveries_of
from rescind.ledger.reading.predecessors import as_after, predecessors_of
from rescind.ledger.reading.queries import as_record, history
from rescind.ledger.storage.transactions import reading
from rescind.operations.actions import found
from rescind.operations.case_export import cases_of

FIRST = ("id", "provider", "account", "order", "key", "group", "state", "reason")


def show_one(name: str, *, as_json: bool) -> None:
    with reading(connections.need_ledger()) as connection:
        row = found(connection, name)
        steps = history(connection, row.id)
        deliveries = deliveries_of(connection, row.id)
        before = predecessors_of(connection, [row.id]).get(row.id, [])
    record, after = as_record(row), as_after(before)
    if as_json:
        more = {"after": after, "history": steps, "deliveries": deliveries}
        output.emit_json({**record, **more})
        return
    _describe(record)
    for one in after:
        output.emit(f"{'after':<17} {_predecessor(one)}")
    for one in deliveries:
        output.emit(f"{'delivery':<17} {delivery_words(one)}")
    output.emit()
    for step in steps:
        output.emit(_step(step))


def show_cases(name: str) -> None:
    with reading(connections.need_ledger()) as connection:
        cases = cases_of(connection, found(connection, name))
    for case in cases:
        output.emit_json(case)
    if not cases:
        say("no reply of its provider was kept: what is understood is not stored")


def _describe(record: dict[str, Any]) -> None:
    rest = [name for name in record if name not in FIRST]
    for name in (*FIRST, *rest):
        value = record[name]
        if value not in (None, {}):
            output.emit(f"{name.replace('_', ' '):<17} {_shown(value)}")


def _predecessor(one: dict[str, Any]) -> str:
    reason = f" ({one['reason']})" if one["reason"] else ""
    is_now = f"{one['state']}{reason}" if one["state"] else "deleted since"
    return f"{one['id']}, {is_now}; wanted: {', '.join(one['only_if'])}"


def delivery_words(one: dict[str, Any]) -> str:
    """One delivery in words: its event, target, state and attempts."""
    times = f"{one['attempts']} attempt{'s' if one['attempts'] != 1 else ''}"
    state = one["state"].replace("_", " ")
    why = f": {one['detail']}" if one["detail"] else ""
    then = f"; next at {one['due_at']}" if one["due_at"] else ""
    kind = "task" if one["kind"] == "task" else "webhook"
    how = f"{one['type']} by {kind} to {one['target']}"
    return f"{how}, {state} after {times}{why}{then}"


def _shown(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name}={one}" for name, one in value.items())
    return str(value)


def _step(step: dict[str, Any]) -> str:
    before = f"{step['from']} -> " if step["from"] else ""
    reason = f" ({step['reason']})" if step["reason"] else ""
    words = _evidence(step["evidence"])
    by = f" by {step['by']}" if step["by"] else ""
    said = f": {words}" if words else ""
    line = f"{step['at']}  {before}{step['to']}{reason}{by}{said}"
    return f"{line} ({_repeats(step)})" if step["repeats"] else line


def _repeats(step: dict[str, Any]) -> str:
    return f"{step['repeats'] + 1:,} times, the last at {step['until']}"


def _evidence(evidence: dict[str, Any] | str | None) -> str:
    if not isinstance(evidence, dict):
        return evidence or ""
    parts = [f"{evidence['operation']} {evidence['evidence'].replace('_', ' ')}"]
    if "status" in evidence:
        parts.append(f"HTTP {evidence['status']}")
    if "took_ms" in evidence:
        parts.append(f"{evidence['took_ms']} ms")
    if "worker" in evidence:
        parts.append(f"worker {evidence['worker']}")
    parts += [evidence[name] for name in ("detail", "body") if name in evidence]
    return ", ".join(parts)
