"""The code of ``rescind schedule list``, ``runs`` and ``check``."""

from __future__ import annotations

from datetime import datetime
from difflib import get_close_matches
from typing import Any

import typer
from sqlalchemy import Row

from rescind.cli import connections, output
from rescind.config.settings import settings
from rescind.config.times import utc_now
from rescind.errors import messages
from rescind.errors.exit_statuses import WRONG
from rescind.errors.reported import CommandError
from rescind.ledger.reading.queries import stamp
from rescind.ledger.scheduling.schedule_history import as_document, last_runs, runs_of
from rescind.ledger.storage.milliseconds import to_ms
from rescind.ledger.storage.transactions import reading
from rescind.operations.findings import status
from rescind.operations.schedule_checks import schedule_checks
from rescind.schedules.rules import Rule, Schedules, load_schedules


def need_schedules() -> Schedules:
    """The schedules file; raises ``CommandError`` if it cannot be used."""
    path = settings().schedules
    found = load_schedules(path)
    if found.missing:
        raise CommandError(
            f"there is no schedules file {path}: copy schedules.example.toml, or set"
            " RESCIND_SCHEDULES",
            problem="schedules-file",
        )
    if found.fault is not None:
        raise CommandError(found.fault, problem="schedules-file")
    return found


def need_rule(name: str) -> Rule:
    """The rule of this name; raises ``CommandError`` if it cannot be used."""
    found = need_schedules()
    if name in found.faults:
        raise CommandError(found.faults[name], problem="schedules-file")
    if name not in found.rules:
        raise CommandError(unknown(name, found), problem="schedule-unknown")
    return found.rules[name]


def unknown(name: str, found: Schedules) -> str:
    near = get_close_matches(name, found.names, 1)
    if near:
        return f"there is no schedule {name[:40]!r}: did you mean {near[0]}?"
    known = ", ".join(sorted(found.names)) or "none"
    return f"there is no schedule {name[:40]!r}; there are: {known}"


# --- rescind schedule list --------------------------------------------------------


def list_rules(*, as_json: bool) -> None:
    found, now = need_schedules(), utc_now()
    with reading(connections.need_ledger(create=True)) as connection:
        last = last_runs(connection)
    listed = [
        _document(name, found, last.get(name), now) for name in sorted(found.names)
    ]
    for warning in found.warnings:
        messages.say(warning)
    if as_json:
        for one in listed:
            output.emit_json(one)
    elif listed:
        columns = ("name", "when", "next", "last", "state", "accepted", "why")
        output.table(columns, map(_row, listed))
    else:
        messages.say("the schedules file has no rule")


def _document(
    name: str, found: Schedules, last: Row[Any] | None, now: datetime
) -> dict[str, Any]:
    rule = found.rules.get(name)
    coming = None if rule is None else rule.timing.next_after(now)
    return {
        "name": name,
        "when": rule and str(rule.timing),
        "timezone": rule and rule.zone.key,
        "max": rule and rule.max,
        "next": stamp(to_ms(coming)),
        "next_local": None if not (rule and coming) else _local(coming, rule),
        "fault": found.faults.get(name),
        "last_run": None if last is None else as_document(last),
    }


def _local(at: datetime, rule: Rule) -> str:
    return at.astimezone(rule.zone).isoformat(timespec="minutes")


def _row(one: dict[str, Any]) -> tuple[object, ...]:
    last = one["last_run"] or {}
    state = "faulty" if one["fault"] else last.get("state", "-")
    return (
        one["name"],
        one["when"] or "-",
        one["next_local"] or "-",
        last.get("due_at", "-"),
        state,
        "-" if last.get("accepted") is None else last["accepted"],
        one["fault"] or last.get("why") or "",
    )


# --- rescind schedule runs --------------------------------------------------------


def show_runs(name: str, limit: int, *, as_json: bool) -> None:
    with reading(connections.need_ledger(create=True)) as connection:
        rows = runs_of(connection, name, limit)
    if not rows:
        found = load_schedules(settings().schedules)
        if name not in found.names:
            raise CommandError(unknown(name, found), problem="schedule-unknown")
        messages.say(f"{name} has not run yet")
    elif as_json:
        for row in rows:
            output.emit_json(as_document(row))
    else:
        counts = ("found", "accepted", "duplicates", "refused")
        columns = ("due", "state", "by", "took", *counts, "why")
        output.table(columns, [_run(row, counts) for row in rows])


def _run(row: Row[Any], counts: tuple[str, ...]) -> tuple[object, ...]:
    took = "-"
    if row.finished_at is not None:
        took = f"{(row.finished_at - row.started_at) / 1000:.1f} s"
    numbers = (getattr(row, name) for name in counts)
    shown = ("-" if one is None else one for one in numbers)
    return (stamp(row.due_at), row.state, row.asked_by, took, *shown, row.why)


# --- rescind schedule check -------------------------------------------------------


def check_file(*, as_json: bool) -> None:
    need_schedules()
    found = list(schedule_checks(settings().schedules))
    for check in found:
        if as_json:
            output.emit_json(check.document())
        else:
            output.emit(check.line())
    if not found:
        messages.say("the schedules file has no rule")
    if status(found):
        messages.see("schedules-file")
        raise typer.Exit(WRONG)
