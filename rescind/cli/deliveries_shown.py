"""Lists, shows and resends deliveries: the code of ``rescind webhooks``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import typer
from sqlalchemy import Engine

from rescind.cli import connections, output
from rescind.config.actors import command_actor
from rescind.config.times import utc_now
from rescind.errors import messages
from rescind.errors.exit_statuses import WRONG
from rescind.errors.reported import CommandError
from rescind.ledger.deliveries.delivery_queries import as_listed, delivery_page
from rescind.ledger.storage.transactions import reading
from rescind.operations.actions import UnknownError
from rescind.operations.resending import resend_all_given_up, resend_all_of

COLUMNS = (
    *("webhook", "lane", "order", "outcome"),
    *("target", "state", "attempts", "detail"),
)


def list_deliveries(state: str | None, limit: int, *, as_json: bool) -> None:
    with reading(connections.need_ledger()) as connection:
        listed = delivery_page(connection, state, min(limit, 2**62) + 1)
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
    """Send deliveries again; a delivery that cannot be sent again stops no other."""
    engine, wrong, began = connections.need_ledger(), False, 0
    for name in dict.fromkeys(names):
        try:
            count = _resend(engine, name)
        except (CommandError, UnknownError) as error:
            wrong = True
            messages.say(str(error), error.problem)
        else:
            began += count
            output.emit(f"{name}  {count} to be sent again")
    if began:
        connections.notify_webhooks()
    if wrong:
        raise typer.Exit(WRONG)


def _resend(engine: Engine, name: str) -> int:
    count = resend_all_of(engine, name, utc_now(), by=command_actor())
    if not count:
        why = f"{name}: there is no delivery to send again"
        raise CommandError(why, problem="nobody-to-tell")
    return count


def resend_every() -> None:
    engine = connections.need_ledger()
    count = resend_all_given_up(engine, utc_now(), by=command_actor())
    if count:
        connections.notify_webhooks()
    output.emit(f"{count} to be sent again")
