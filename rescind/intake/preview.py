"""Shows what intake would do with entries, without writing any to the ledger."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Engine

from rescind.config.accounts import Accounts
from rescind.config.callbacks import NO_CALLBACKS, Callbacks
from rescind.intake.entry_records import as_new
from rescind.intake.spellings import under_former_keys
from rescind.intake.submissions import MOST, Path, Taken, settled
from rescind.ledger.changes.insertion import standing
from rescind.ledger.changes.new_cancellation import NewCancellation
from rescind.ledger.seal import Seal
from rescind.ledger.storage.transactions import reading


@dataclass(frozen=True, slots=True)
class _Standing:
    """A row that would be in the ledger before the next entry is submitted."""

    id: str
    provider: str
    account: str
    group_name: str | None
    order_id: str
    params: dict[str, Any]
    sealed: str | None


def preview(
    engine: Engine,
    accounts: Accounts,
    seal: Seal,
    entries: Sequence[object],
    now: datetime,
    callbacks: Callbacks = NO_CALLBACKS,
) -> list[Taken]:
    """One ``Taken`` for each entry, as ``take_in`` would return it.

    The ids of new entries have no meaning. May raise ``LedgerUnreachableError`` and
    ``SealError``.
    """
    written = [as_new(entry, accounts, seal, now, callbacks) for entry in entries]
    new = under_former_keys(engine, written)
    there = _there(engine, new)
    taken = []
    for one in new:
        row = there.get(one.path)
        inserted = frozenset() if row is not None else frozenset({one.id})
        taken.append(settled(one, inserted, row, seal))
        there.setdefault(one.path, _as_standing(one))
    return taken


def _there(engine: Engine, new: Sequence[NewCancellation]) -> dict[Path, Any]:
    found: dict[Path, Any] = {}
    with reading(engine) as connection:
        for start in range(0, len(new), MOST):
            paths = list(dict.fromkeys(one.path for one in new[start : start + MOST]))
            found |= standing(connection, paths)
    return found


def _as_standing(one: NewCancellation) -> _Standing:
    lane = (one.provider, one.account)
    return _Standing(one.id, *lane, one.group, one.order, dict(one.params), one.sealed)
