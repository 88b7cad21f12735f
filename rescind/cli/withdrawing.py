"""The code of ``rescind withdraw``, which needs the ledger, and no Redis."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import typer
from sqlalchemy import Row

from rescind.browse.browsing import list_rows
from rescind.browse.wanted import Wanted
from rescind.cli import connections
from rescind.cli.confirming import Verb, confirm, counted
from rescind.cli.retrying import emit_changed
from rescind.config.actors import command_actor
from rescind.config.times import utc_now
from rescind.errors import messages
from rescind.errors.exit_statuses import WRONG
from rescind.ledger.changes.withdrawals import NotWithdrawableError
from rescind.ledger.states import UNSENT
from rescind.ledger.storage.transactions import reading
from rescind.operations import withdrawal
from rescind.operations.actions import UnknownError

WITHDRAW = Verb("withdraw", "withdraws", "withdrawn")


def withdraw_chosen(wanted: Wanted, *, yes: bool, as_json: bool) -> None:
    """Withdraw all that wait to be sent and match ``wanted``."""
    engine = connections.need_ledger()
    with reading(engine) as connection:
        unsent = replace(wanted, states=sorted(UNSENT))
        ids = [row.id for row in list_rows(connection, unsent)]
    if not ids:
        messages.say("none of them waits to be sent: nothing was withdrawn")
        return
    if not yes:
        confirm(WITHDRAW, counted(len(ids)))
    done = withdrawal.withdraw_many(engine, ids, utc_now(), by=command_actor())
    emit_changed(done.rows, as_json=as_json)
    for error in done.refused:
        messages.say(str(error), error.problem)
    messages.say(f"{counted(len(done.rows))} withdrawn")
    if done.refused:
        raise typer.Exit(WRONG)


def withdraw_many(names: Sequence[str], *, as_json: bool) -> None:
    """Withdraw each; one that cannot be withdrawn stops no other."""
    engine, by = connections.need_ledger(), command_actor()
    wrong = False
    rows: list[Row[Any]] = []
    for name in dict.fromkeys(names):
        try:
            rows.append(withdrawal.withdraw(engine, name, utc_now(), by=by))
        except (UnknownError, NotWithdrawableError) as error:
            wrong = True
            messages.say(str(error), error.problem)
    emit_changed(rows, as_json=as_json)
    if wrong:
        raise typer.Exit(WRONG)
