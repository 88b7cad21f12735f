"""``rescind prune``: deletes or counts cancellations that ended long ago."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Engine

from rescind.cli import connections, output
from rescind.config.actors import command_actor
from rescind.config.settings import retention_of, settings
from rescind.config.times import utc_now
from rescind.errors.reported import CommandError
from rescind.ledger.action_kinds import Action
from rescind.ledger.changes.deletion import Pruning, count_ended
from rescind.ledger.changes.operator_actions import Subject, record_action
from rescind.ledger.reading.queries import stamp
from rescind.ledger.storage.milliseconds import to_ms
from rescind.ledger.storage.transactions import reading, writing


def prune(older_than: str | None, *, dry_run: bool, as_json: bool) -> None:
    before = utc_now() - _age(older_than)
    engine = connections.need_ledger()
    found = _count(engine, before) if dry_run else _delete(engine, before)
    document = {"before": stamp(to_ms(before)), "deleted": not dry_run, **found}
    if as_json:
        output.emit_json(document)
    else:
        output.emit(_sentence(document))


def _age(given: str | None) -> timedelta:
    if given is not None:
        return retention_of("--older-than", given)
    age = settings().keep_for
    if age is None:
        raise CommandError(
            "no retention is set: set RESCIND_RETENTION, or give --older-than 365d",
            problem="retention",
        )
    return age


def _count(engine: Engine, before: datetime) -> dict[str, int]:
    with reading(engine) as connection:
        return {"cancellations": count_ended(connection, before)}


def _delete(engine: Engine, before: datetime) -> dict[str, int]:
    asked = Subject(detail=stamp(to_ms(before)))
    with writing(engine) as connection:
        record_action(connection, command_actor(), Action.PRUNE, asked, utc_now())
    walk = Pruning(engine, before)
    while walk.step():
        pass
    return {"cancellations": walk.cancellations, "calls": walk.calls}


def _sentence(document: dict[str, Any]) -> str:
    which = f"{document['cancellations']} cancellations that ended before"
    if not document["deleted"]:
        return f"{which} {document['before']} would be deleted, with their history"
    calls = f"and {document['calls']} calls"
    return f"{which} {document['before']} deleted with their history, {calls}"
