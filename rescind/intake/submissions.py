"""Takes submissions in: checks, stores and answers every entry by itself.

A bad entry does not affect the others. It is stored, too, as ``rejected`` with its
fault, under a key of its own, so that the corrected entry is not a duplicate.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from itertools import repeat
from typing import Any

from sqlalchemy import Engine, Row

from rescind.config.accounts import Accounts, Lane
from rescind.config.callbacks import NO_CALLBACKS, NONE_WANTED, Callbacks, Wanted
from rescind.intake.entry_records import as_new, expired, invalid, is_refused
from rescind.intake.key_conflicts import conflict_of
from rescind.intake.repeats import differences
from rescind.intake.spellings import under_former_keys
from rescind.ledger.changes.insertion import insert_or_find
from rescind.ledger.changes.lane_states import register_lanes
from rescind.ledger.changes.new_cancellation import NewCancellation
from rescind.ledger.changes.submission_actions import SubmissionActions
from rescind.ledger.seal import Seal
from rescind.ledger.storage.transactions import writing
from rescind.provider.outcomes import InvalidRequestError
from rescind.provider.refusal_codes import RefusalCode
from rescind.provider.text import storable

Path = tuple[str, str, str]
"""Provider, account and key."""

MOST = 1000
"""The most entries in one message."""


class Receipt(StrEnum):
    ACCEPTED = "accepted"
    """New, and in the ledger."""
    DUPLICATE = "duplicate"
    """In the ledger already; nothing was changed, even if some fields differ."""
    REFUSED = "refused"
    """Stored as ``rejected``, with its fault."""


@dataclass(frozen=True, slots=True)
class Taken:
    """The result of one entry."""

    receipt: Receipt
    id: str
    """Empty if the entry is not kept."""
    lane: Lane | None = None
    wrong: str | None = None
    code: RefusalCode | None = None
    """``wrong`` for programs."""
    param: str | None = None
    """A JSON pointer to the fault, within the entry."""
    state: str | None = None
    """The state of a duplicate in the ledger."""
    differs: tuple[str, ...] = ()
    """The fields in which a duplicate differs from the ledger."""
    with_engine: bool = False
    """Whether this process's engine inserted it, and so need not be notified."""
    conflicts: bool = False
    """Whether it was refused because its key stands for something else."""


Insert = Callable[[Sequence[NewCancellation]], frozenset[str]]
"""Inserts new cancellations, no two with the same key, and returns the ids of those
whose keys were new. In a worker, this is ``Engine.submit``."""


def lanes_to_notify(taken: Iterable[Taken]) -> set[Lane]:
    """The lanes with new work that the engine does not know of."""
    return {
        one.lane
        for one in taken
        if one.lane and one.receipt is Receipt.ACCEPTED and not one.with_engine
    }


def take_in(
    engine: Engine,
    accounts: Accounts,
    seal: Seal,
    entries: Sequence[object],
    now: datetime,
    callbacks: Callbacks = NO_CALLBACKS,
    trace: str | Sequence[str | None] | None = None,
    insert: Insert | None = None,
    *,
    by: str | Sequence[str],
    late: str | None = None,
    listed: SubmissionActions | None = None,
) -> list[Taken]:
    """Take ``entries`` in; returns one ``Taken`` for each, in order.

    Entries that ``insert`` does not insert are stored here, in one transaction. ``by``
    is the actor who submits them (``rescind.config.actors``), or one for each entry.
    ``trace`` is the producer's trace context, or one for each entry. If all entries
    come too late, ``late`` says why, and new ones are stored as expired. What is stored
    here is counted in the list of actions, in ``listed``, if that is given.

    Raises the errors of ``insert``, ``LedgerUnreachableError`` and, if personal data
    has to be sealed or compared, ``SealError``. After an error, only entries that
    ``insert`` inserted are in the ledger.
    """
    actors = repeat(by, len(entries)) if isinstance(by, str) else by
    new = [
        as_new(entry, accounts, seal, now, callbacks, by=actor)
        for entry, actor in zip(entries, actors, strict=True)
    ]
    if late is not None:
        new = [one if is_refused(one) else expired(one, late, now) for one in new]
    if trace is not None:
        new = _traced(new, [trace] * len(new) if isinstance(trace, str) else trace)
    new = under_former_keys(engine, new)
    inserted = frozenset[str]() if insert is None else insert(_good(new))
    rest = [one for one in new if one.id not in inserted and one.kept]
    kept = iter(_keep(engine, seal, rest, now, callbacks, listed))
    return [
        (_accepted(one) if one.id in inserted else next(kept))
        if one.kept
        else refused(one.refusal, "")
        for one in new
    ]


def _good(new: Sequence[NewCancellation]) -> list[NewCancellation]:
    """The entries that are not refused; of several with the same key, the first."""
    first: dict[Path, NewCancellation] = {}
    for one in new:
        if not is_refused(one):
            first.setdefault(one.path, one)
    return list(first.values())


def _accepted(one: NewCancellation) -> Taken:
    lane = (one.provider, one.account)
    return Taken(Receipt.ACCEPTED, one.id, lane, with_engine=True)


def _keep(
    engine: Engine,
    seal: Seal,
    new: Sequence[NewCancellation],
    now: datetime,
    callbacks: Callbacks,
    listed: SubmissionActions | None,
) -> list[Taken]:
    if not new:
        return []
    with writing(engine, queue="intake") as connection:
        inserted, rows = insert_or_find(connection, new, now)
        taken = [settled(one, inserted, rows.get(one.path), seal) for one in new]
        refused = [
            _conflict_row(one, t, now, callbacks)
            for one, t in zip(new, taken, strict=True)
        ]
        conflicts = [one for one in refused if one is not None]
        more, kept = insert_or_find(connection, conflicts, now)
        if listed is not None:
            stored = inserted | more
            listed.count(connection, (o for o in (*new, *conflicts) if o.id in stored))
        register_lanes(connection, (t.lane for t in taken if t.lane is not None))
    return [
        t if one is None else replace(t, id=_id(one, kept))
        for t, one in zip(taken, refused, strict=True)
    ]


def _traced(
    new: Iterable[NewCancellation], traces: Iterable[str | None]
) -> list[NewCancellation]:
    given = zip(new, traces, strict=True)
    return [one if trace is None else replace(one, trace=trace) for one, trace in given]


def _id(one: NewCancellation, standing: Mapping[Path, Row[Any]]) -> str:
    row = standing.get(one.path)
    return one.id if row is None else str(row.id)


def settled(
    one: NewCancellation,
    inserted: frozenset[str],
    row: Row[Any] | None,
    seal: Seal,
) -> Taken:
    """The result of ``one``; ``row`` has its key if ``one`` was not inserted."""
    lane = (one.provider, one.account)
    if not one.kept:
        return refused(one.refusal, "")
    if one.id in inserted:
        if is_refused(one):
            return refused(one.refusal, one.id)
        return Taken(Receipt.ACCEPTED, one.id, lane)
    if row is None:
        raise LookupError(f"{one.path} was neither inserted nor found")
    if is_refused(one):
        return refused(one.refusal, row.id)
    conflict = conflict_of(one, row, seal)
    if conflict is None:
        return Taken(
            Receipt.DUPLICATE,
            row.id,
            lane,
            state=row.state,
            differs=differences(one, row),
        )
    return replace(refused(conflict, one.id), conflicts=True)


def refused(error: InvalidRequestError | None, its_id: str) -> Taken:
    if error is None:
        return Taken(Receipt.REFUSED, its_id)
    wrong = storable(str(error))
    return Taken(Receipt.REFUSED, its_id, None, wrong, error.code, error.param)


def _conflict_row(
    one: NewCancellation, taken: Taken, now: datetime, callbacks: Callbacks
) -> NewCancellation | None:
    """The ``rejected`` row of an entry whose key is in use for something else."""
    if taken.receipt is not Receipt.REFUSED or is_refused(one):
        return None
    entry = {
        "provider": one.provider,
        "account": one.account,
        "order": one.order,
        "key": one.key,
        "group": one.group,
        "params": dict(one.params),
    }
    wanted = Wanted(one.callback_url, one.callback_task, one.callback_queue)
    asked = wanted if callbacks.of_refused else NONE_WANTED
    error = InvalidRequestError(taken.wrong or "", RefusalCode.KEY_CONFLICT, "/key")
    return invalid(entry, error, now, asked, by=one.by)
