"""Encrypts all sealed data again with the first key, so that old keys can go."""

from __future__ import annotations

from collections.abc import Sequence

import typer
from sqlalchemy import Connection, Row, bindparam, select, update

from rescind.cli import connections, output
from rescind.config.actors import command_actor
from rescind.config.settings import settings
from rescind.config.times import utc_now
from rescind.errors import messages
from rescind.errors.exit_statuses import WRONG
from rescind.ledger.action_kinds import Action
from rescind.ledger.changes.operator_actions import Subject, record_action
from rescind.ledger.seal import Seal, SealError
from rescind.ledger.storage.tables import CANCELLATION
from rescind.ledger.storage.transactions import reading, writing

AT_ONCE = 500
C = CANCELLATION.c


def rotate_all() -> None:
    """Encrypt every sealed row again; rows that no key decrypts are only reported."""
    engine, seal = connections.need_ledger(), settings().seal()
    with writing(engine) as connection:
        record_action(connection, command_actor(), Action.ROTATE, Subject(), utc_now())
    renewed, unread, last = 0, 0, ""
    while True:
        with reading(engine) as connection:
            rows = _sealed_after(connection, last)
        if not rows:
            break
        last = rows[-1].id
        new = [one for row in rows if (one := _renewed(row, seal)) is not None]
        unread += len(rows) - len(new)
        if new:
            with writing(engine) as connection:
                connection.execute(_STORE, new)
        renewed += len(new)
    output.emit(f"{renewed} encrypted again with the first key")
    if unread:
        messages.say(
            f"{unread} could not be decrypted by any key: write the key that encrypted"
            " them after the others in RESCIND_SEAL_KEY, and run this again",
            "sealed-data",
        )
        raise typer.Exit(WRONG)


_STORE = (
    update(CANCELLATION)
    # Only rows that are unchanged since they were read: a worker may have changed one.
    .where(C.id == bindparam("row_id"), C.sealed == bindparam("was"))
    .values(sealed=bindparam("new"))
)


def _sealed_after(connection: Connection, last: str) -> Sequence[Row[str, str]]:
    chosen = (
        select(C.id, C.sealed)
        .where(C.sealed.is_not(None), C.id > last)
        .order_by(C.id)
        .limit(AT_ONCE)
    )
    return connection.execute(chosen).all()


def _renewed(row: Row[str, str], seal: Seal) -> dict[str, str] | None:
    try:
        return {"row_id": row.id, "was": row.sealed, "new": seal.renew(row.sealed)}
    except SealError:
        return None
