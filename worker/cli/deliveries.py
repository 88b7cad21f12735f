"""Deliveries listed, shown and sent again."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import typer
from sqlalchemy import Connection

from ledger.database import reading, writing
from ledger.deliveries import resend, resend_all_given_up
from ledger.told import as_listed, list_told
from worker.cli import output, services
from worker.cli.statuses import WRONG, CommandError
from worker.operations import UnknownError, found

_WEBHOOK_ID = re.compile(r"msg_(.+)_\d+")
COLUMNS = ("webhook", "lane", "order", "told", "target", "state", "attempts", "detail")


def list_deliveries(state: str | None, limit: int, *, as_json: bool) -> None:
    with reading(services.need_ledger()) as connection:
        listed = list_told(connection, state, min(limit, 2**62) + 1)
    documents = [as_listed(row) for row in listed]
    output.emit_list(
        documents, COLUMNS, _line, as_json=as_json, limit=limit, more="first"
    )


def _line(one: dict[str, Any]) -> tuple[object, ...]:
    lane = f"{one['provider']}/{one['account']}"
    detail = one["detail"] or ""
    if one["due_at"]:
        detail = f"{detail}{'; ' if detail else ''}next at {one['due_at']}"
    ended = one["type"].rpartition(".")[2]
    names = (one["target"], one["state"], one["attempts"], detail)
    return (one["webhook_id"], lane, one["order"], ended, *names)


def resend_these(names: Sequence[str]) -> None:
    """One that cannot be sent again stops none of the others."""
    engine, wrong, began = services.need_ledger(), False, 0
    for name in dict.fromkeys(names):
        try:
            with writing(engine) as connection:
                count = _resend(connection, name)
        except (CommandError, UnknownError) as error:
            wrong = True
            output.say(str(error), error.problem)
        else:
            began += count
            output.emit(f"{name}  {count} to be told again")
    if began:
        services.wake_webhooks()
    if wrong:
        raise typer.Exit(WRONG)


def _resend(connection: Connection, name: str) -> int:
    told = _WEBHOOK_ID.fullmatch(name)
    row = found(connection, told[1] if told else name)
    count = resend(connection, row.id, services.utc_now())
    if not count:
        why = f"{name}: nobody was to be told of an end of it"
        raise CommandError(why, problem="nobody-to-tell")
    return count


def resend_every() -> None:
    count = resend_all_given_up(services.need_ledger(), services.utc_now())
    if count:
        services.wake_webhooks()
    output.emit(f"{count} to be told again")
