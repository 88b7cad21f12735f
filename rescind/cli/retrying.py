"""The code of ``rescind retry``, which needs the ledger, and no Redis."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import typer
from sqlalchemy import Row

from rescind.browse.browsing import list_rows
from rescind.browse.wanted import Wanted
from rescind.cli import connections, output
from rescind.cli.confirming import Verb, confirm, counted
from rescind.config.actors import command_actor
from rescind.errors import messages
from rescind.errors.exit_statuses import WRONG
from rescind.intake.values import future_time
from rescind.ledger.reading.queries import as_record
from rescind.ledger.states import State
from rescind.ledger.storage.transactions import reading
from rescind.operations import actions
from rescind.operations.actions import ChangedError, UnknownError
from rescind.provider.outcomes import InvalidRequestError

RETRY = Verb("retry", "retries", "retried")


def retry_chosen(
    wanted: Wanted, deadline: str | None, *, yes: bool, as_json: bool
) -> None:
    """Retry all that ``wanted`` names, once their number is confirmed.

    They are the failed ones, if it names no state.
    """
    future_time(deadline, "--cancel-before", datetime.now(UTC))
    chosen = replace(wanted, states=wanted.states or [State.FAILED])
    with reading(connections.need_ledger()) as connection:
        ids = [row.id for row in list_rows(connection, chosen)]
    if not ids:
        messages.say("there are none: nothing was retried")
        return
    many = counted(len(ids))
    if not yes:
        confirm(RETRY, many)
    messages.say(f"{many} chosen by the filters")
    retry_many(ids, deadline, as_json=as_json)


def retry_many(names: Sequence[str], deadline: str | None, *, as_json: bool) -> None:
    """Open a new round for each; one that cannot be retried stops no other."""
    before = future_time(deadline, "--cancel-before", datetime.now(UTC))
    known = (connections.need_ledger(), connections.need_accounts())
    by, wrong = command_actor(), False
    rows: list[Row[Any]] = []
    for name in dict.fromkeys(names):
        try:
            now = datetime.now(UTC)
            rows.append(actions.retry(*known, name, now, before, by=by))
        except (InvalidRequestError, UnknownError, ChangedError) as error:
            wrong = True
            messages.say(str(error), getattr(error, "problem", "not-retryable"))
    for operation, lanes in actions.lanes_to_notify(rows).items():
        connections.notify_lanes(lanes, operation)
    emit_changed(rows, as_json=as_json)
    if wrong:
        raise typer.Exit(WRONG)


def emit_changed(rows: Sequence[Row[Any]], *, as_json: bool) -> None:
    """Print the new state of each row, or its record."""
    for row in rows:
        if as_json:
            output.emit_json(as_record(row))
        else:
            output.emit(f"{row.id}  {row.state}")
