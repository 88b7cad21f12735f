"""The code of ``rescind withdraw``, which needs the ledger, and no Redis."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import typer
from sqlalchemy import Row

from rescind.cli import connections
from rescind.cli.retrying import emit_changed
from rescind.config.actors import command_actor
from rescind.errors import messages
from rescind.errors.exit_statuses import WRONG
from rescind.ledger.changes.withdrawals import NotWithdrawableError
from rescind.operations.actions import UnknownError
from rescind.operations.withdrawal import withdraw


def withdraw_many(names: Sequence[str], *, as_json: bool) -> None:
    """Withdraw each; one that cannot be withdrawn stops no other."""
    engine, by = connections.need_ledger(), command_actor()
    wrong = False
    rows: list[Row[Any]] = []
    for name in dict.fromkeys(names):
        try:
            rows.append(withdraw(engine, name, datetime.now(UTC), by=by))
        except (UnknownError, NotWithdrawableError) as error:
            wrong = True
            messages.say(str(error), error.problem)
    emit_changed(rows, as_json=as_json)
    if wrong:
        raise typer.Exit(WRONG)
