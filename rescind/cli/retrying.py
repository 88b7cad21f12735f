"""The code of ``rescind retry``, which needs the ledger, and no Redis."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import typer
from sqlalchemy import Row

from rescind.browse.listing import Filter, list_rows
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

ALL = 2**62
"""No limit: SQLite's own one is below 2**63."""
RETRY = Verb("retry", "retries", "retried")


@dataclass(frozen=True, slots=True)
class Chosen:
    """The cancellations that filters choose; failed ones, if no state is given."""

    filters: Filter
    reason: str | None

    @property
    def given(self) -> bool:
        return self.reason is not None or self.filters != Filter(states=[])

    def ids(self) -> list[str]:
        states = self.filters.states or [State.FAILED]
        with reading(connections.need_ledger()) as connection:
            rows = list_rows(connection, replace(self.filters, states=states), ALL)
        return [one.id for one in rows if self.reason in (None, one.reason)]


def retry_chosen(
    chosen: Chosen, deadline: str | None, *, yes: bool, as_json: bool
) -> None:
    """Retry all that ``chosen`` names, once their number is confirmed."""
    future_time(deadline, "--cancel-before", datetime.now(UTC))
    ids = chosen.ids()
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
