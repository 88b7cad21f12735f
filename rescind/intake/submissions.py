"""Takes submissions in: checks, stores and answers every entry by itself.

A bad entry does not affect the others. It is stored, too, as ``rejected`` with its
fault, under a key of its own, so that the corrected entry is not a duplicate.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from itertools import repeat
from typing import Any

from sqlalchemy import Connection, Engine, Row

from rescind.config.accounts import Accounts
from rescind.config.callbacks import NO_CALLBACKS, NONE_WANTED, Callbacks, Wanted
from rescind.intake.entry_records import as_new, expired, invalid, is_refused
from rescind.intake.entry_results import settled
from rescind.intake.named_paths import mark_followed
from rescind.intake.new_dependents import new_dependents
from rescind.intake.receipts import Receipt, Taken, refused
from rescind.intake.references import resolved
from rescind.intake.repeated_dependencies import RepeatedDependencies
from rescind.intake.spellings import under_former_keys
from rescind.intake.waiting_entries import insert_dependents
from rescind.ledger.changes.dependencies import Dependents
from rescind.ledger.changes.insertion import insert_or_find
from rescind.ledger.changes.lane_states import register_lanes
from rescind.ledger.changes.new_cancellation import NewCancellation
from rescind.ledger.changes.submission_actions import SubmissionActions
from rescind.ledger.seal import Seal
from rescind.ledger.storage.transactions import writing
from rescind.provider.outcomes import InvalidRequestError
from rescind.provider.refusal_codes import RefusalCode

Path = tuple[str, str, str]
"""Provider, account and key."""

MOST = 1000
"""The most entries in one message."""


Insert = Callable[[Sequence[NewCancellation], Dependents], frozenset[str]]
"""Inserts new cancellations, no two with the same key, and returns the ids of those
whose keys were new. It may insert dependents of these, too (see ``new_dependents``),
and returns their ids as well. In a worker, this is ``Engine.submit``."""


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
        for entry, actor in zip(resolved(entries), actors, strict=True)
    ]
    if late is not None:
        new = [one if is_refused(one) else expired(one, late, now) for one in new]
    if trace is not None:
        new = _traced(new, [trace] * len(new) if isinstance(trace, str) else trace)
    new = under_former_keys(engine, new)
    mark_followed(new)
    inserted = frozenset[str]() if insert is None else _inserted(new, insert)
    rest = [one for one in new if one.id not in inserted and one.kept]
    kept = iter(_keep(engine, seal, rest, now, callbacks, listed))
    return [
        (_accepted(one) if one.id in inserted else next(kept))
        if one.kept
        else refused(one.refusal, "")
        for one in new
    ]


def _inserted(new: Sequence[NewCancellation], insert: Insert) -> frozenset[str]:
    good = _good(new)
    return insert(good, new_dependents(new, good))


def _good(new: Sequence[NewCancellation]) -> list[NewCancellation]:
    """The entries that are not refused and wait for no others; of several with the same
    key, the first."""
    first: dict[Path, NewCancellation] = {}
    for one in new:
        if not is_refused(one):
            first.setdefault(one.path, one)
    return [one for one in first.values() if not one.depends]


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
        taken, inserted = insert_entries(connection, new, seal, now)
        wrong = {o.id: _refused_row(o, taken[o.id], seal, now, callbacks) for o in new}
        kept = [one for one in wrong.values() if one is not None]
        more, there = insert_or_find(connection, kept, now)
        if listed is not None:
            stored = inserted | more | _accepted_ids(taken)
            listed.count(connection, (o for o in (*new, *kept) if o.id in stored))
        lanes = (t.lane for t in taken.values() if t.lane is not None)
        register_lanes(connection, lanes)
    return [_with_row(taken[one.id], wrong[one.id], there) for one in new]


def insert_entries(
    connection: Connection, new: Sequence[NewCancellation], seal: Seal, now: datetime
) -> tuple[dict[str, Taken], frozenset[str]]:
    """Insert ``new``, those that wait for others last: the result of each, by its id,
    and the ids of those that were inserted and wait for none."""
    plain = [one for one in new if not one.depends]
    inserted, rows = insert_or_find(connection, plain, now)
    known = _dependencies(connection, plain, rows, inserted)
    taken = {o.id: settled(o, inserted, rows.get(o.path), seal, known) for o in plain}
    if len(plain) < len(new):
        fresh = [one for one in plain if one.id in inserted]
        taken |= _dependents(connection, new, taken, fresh, seal, now)
    return taken, inserted


def _accepted_ids(taken: Mapping[str, Taken]) -> set[str]:
    return {one for one, t in taken.items() if t.receipt is Receipt.ACCEPTED}


def _dependents(
    connection: Connection,
    new: Sequence[NewCancellation],
    taken: Mapping[str, Taken],
    fresh: Sequence[NewCancellation],
    seal: Seal,
    now: datetime,
) -> dict[str, Taken]:
    """Insert those that wait for others; the result of each, by its id."""
    some = [one for one in new if one.depends]
    without = {
        (one.path, one.order)
        for one in new
        if not one.depends and taken[one.id].receipt is Receipt.REFUSED
    }
    done = insert_dependents(connection, some, without, now, fresh)
    known = _dependencies(connection, some, done.rows, done.inserted)
    return {
        one.id: refused(done.refused[one.id], one.id)
        if one.id in done.refused
        else settled(one, done.inserted, done.rows.get(one.path), seal, known)
        for one in some
    }


def _dependencies(
    connection: Connection,
    new: Sequence[NewCancellation],
    rows: Mapping[Path, Row[Any]],
    inserted: frozenset[str],
) -> RepeatedDependencies:
    again = [one for one in new if one.id not in inserted and one.path in rows]
    return RepeatedDependencies(connection, ((o, rows[o.path]) for o in again))


def _with_row(
    taken: Taken, row: NewCancellation | None, there: Mapping[Path, Row[Any]]
) -> Taken:
    return taken if row is None else replace(taken, id=_id(row, there))


def _traced(
    new: Iterable[NewCancellation], traces: Iterable[str | None]
) -> list[NewCancellation]:
    given = zip(new, traces, strict=True)
    return [one if trace is None else replace(one, trace=trace) for one, trace in given]


def _id(one: NewCancellation, standing: Mapping[Path, Row[Any]]) -> str:
    row = standing.get(one.path)
    return one.id if row is None else str(row.id)


def _refused_row(
    one: NewCancellation,
    taken: Taken,
    seal: Seal,
    now: datetime,
    callbacks: Callbacks,
) -> NewCancellation | None:
    """The ``rejected`` row of an entry that is refused for what the ledger holds."""
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
    told = (one.callback_url, one.callback_task, one.callback_queue, one.on_group_end)
    wanted = Wanted(*told)
    asked = wanted if callbacks.of_refused else NONE_WANTED
    code, param = taken.code or RefusalCode.INVALID_VALUE, taken.param or ""
    error = InvalidRequestError(taken.wrong or "", code, param)
    return invalid(entry, error, seal, now, asked, by=one.by)
