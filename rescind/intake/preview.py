"""Shows what intake would do with entries, without writing any to the ledger."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Engine

from rescind.config.accounts import Accounts
from rescind.config.callbacks import NO_CALLBACKS, Callbacks
from rescind.intake.entry_records import as_new
from rescind.intake.entry_results import settled
from rescind.intake.receipts import Receipt, Taken, refused
from rescind.intake.references import resolved
from rescind.intake.repeated_dependencies import RepeatedDependencies
from rescind.intake.spellings import under_former_keys
from rescind.intake.submissions import MOST, Path
from rescind.intake.waiting_entries import refusals
from rescind.ledger.changes.insertion import standing
from rescind.ledger.changes.new_cancellation import NewCancellation
from rescind.ledger.seal import Seal
from rescind.ledger.storage.milliseconds import to_ms
from rescind.ledger.storage.transactions import reading


@dataclass(frozen=True, slots=True)
class _Standing:
    """A row that would be in the ledger before the next entry is submitted."""

    id: str
    provider: str
    account: str
    order_id: str
    params: dict[str, Any]
    sealed: str | None
    state: str
    not_before: int | None
    cancel_before: int | None
    group_name: str | None
    meta: Mapping[str, Any]
    callback_url: str | None
    callback_task: str | None
    callback_queue: str | None


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
    known = (accounts, seal, now, callbacks)
    written = [as_new(one, *known, by="") for one in resolved(entries)]
    new = under_former_keys(engine, written)
    there, dependencies = _there(engine, new)
    taken: dict[str, Taken] = {}
    # Those that wait are inserted last.
    for one in sorted(new, key=lambda each: bool(each.depends)):
        row = there.get(one.path)
        inserted = frozenset() if row is not None else frozenset({one.id})
        taken[one.id] = settled(one, inserted, row, seal, dependencies)
        if one.kept:
            there.setdefault(one.path, _as_standing(one))
            dependencies.add(one)
    return _without_refused(engine, new, [taken[one.id] for one in new])


def _without_refused(
    engine: Engine, new: Sequence[NewCancellation], taken: Sequence[Taken]
) -> list[Taken]:
    """``taken``, in which those are refused that cannot wait for what they name."""
    some = [one for one in new if one.depends]
    if not some:
        return list(taken)
    plain = [p for p in zip(new, taken, strict=True) if not p[0].depends]
    good = [one for one, its in plain if its.receipt is Receipt.ACCEPTED]
    lost = [one for one, its in plain if its.receipt is Receipt.REFUSED]
    without = {(one.path, one.order) for one in lost}
    with reading(engine) as connection:
        wrong = refusals(connection, some, good, without)
    return [
        refused(wrong[one.id], one.id) if one.id in wrong else its
        for one, its in zip(new, taken, strict=True)
    ]


def _there(
    engine: Engine, new: Sequence[NewCancellation]
) -> tuple[dict[Path, Any], RepeatedDependencies]:
    found: dict[Path, Any] = {}
    with reading(engine) as connection:
        for start in range(0, len(new), MOST):
            paths = list(dict.fromkeys(one.path for one in new[start : start + MOST]))
            found |= standing(connection, paths)
        again = ((one, found[one.path]) for one in new if one.path in found)
        return found, RepeatedDependencies(connection, again)


def _as_standing(one: NewCancellation) -> _Standing:
    return _Standing(
        id=one.id,
        provider=one.provider,
        account=one.account,
        order_id=one.order,
        params=dict(one.params),
        sealed=one.sealed,
        state=one.progress.state,
        not_before=to_ms(one.not_before),
        cancel_before=to_ms(one.cancel_before),
        group_name=one.group,
        meta=one.metadata,
        callback_url=one.callback_url,
        callback_task=one.callback_task,
        callback_queue=one.callback_queue,
    )
