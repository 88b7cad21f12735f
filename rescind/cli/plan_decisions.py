"""The code of ``rescind release`` and ``rescind skip``."""

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
from rescind.operations.actions import UnknownError
from rescind.operations.release_and_skip import Decision, decide
from rescind.provider.outcomes import InvalidRequestError


def decide_many(decision: Decision, names: Sequence[str], *, as_json: bool) -> None:
    """Decide each; one that does not wait stops no other. The sweep finds what may be
    sent now within a second."""
    engine, by = connections.need_ledger(), command_actor()
    wrong = False
    rows: list[Row[Any]] = []
    for name in dict.fromkeys(names):
        try:
            rows.append(decide(engine, decision, name, datetime.now(UTC), by=by))
        except UnknownError as error:
            wrong = True
            messages.say(str(error), error.problem)
        except InvalidRequestError as error:
            wrong = True
            messages.say(str(error), "not-waiting")
    emit_changed(rows, as_json=as_json)
    if wrong:
        raise typer.Exit(WRONG)
