"""Finds what new entries wait for, and inserts them with their dependencies."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row

from providers.registry import BY_NAME
from rescind.intake.named_paths import Path, paths_of
from rescind.intake.references import EarlierEntry, Reference
from rescind.ledger.changes.dependencies import Waiting
from rescind.ledger.changes.insertion import standing, standing_ids
from rescind.ledger.changes.new_cancellation import NewCancellation
from rescind.ledger.changes.retries import REFUSED_KEY
from rescind.ledger.changes.waiting_insertion import (
    DEEPEST,
    MOST_SUCCESSORS,
    Known,
    insert_waiting,
    lock,
    look_at,
)
from rescind.ledger.reading.limited import sees
from rescind.ledger.states import FINAL
from rescind.ledger.storage.milliseconds import moment
from rescind.provider.outcomes import InvalidRequestError
from rescind.provider.refusal_codes import RefusalCode
from rescind.provider.text import storable


@dataclass(slots=True)
class Dependents:
    """The result of inserting entries that wait for others."""

    inserted: frozenset[str] = frozenset()
    rows: dict[Path, Row[Any]] = field(default_factory=dict)
    """The rows of those that existed already."""
    refused: dict[str, InvalidRequestError] = field(default_factory=dict)
    """Why others were refused, by id."""


def insert_dependents(
    connection: Connection,
    new: Sequence[NewCancellation],
    refused: Collection[tuple[Path, str]],
    now: datetime,
    fresh: Collection[NewCancellation] = (),
) -> Dependents:
    """Insert entries that have ``after``, in their order.

    ``refused`` are the keys that other entries of the submission could not have, each
    with the order of that entry.
    ``fresh`` are those that this transaction has just inserted. One that existed
    already is not changed, whatever it waits for now.
    """
    there = standing_ids(connection, [one.path for one in new])
    done = Dependents(rows=standing(connection, list(there)))
    first = _first(new, there)
    if not first:
        return done
    found = _Found(connection, list(first.values()), refused, fresh, lock)
    waiting, done.refused = found.judged(new, first)
    at = found.not_before_ends(now)
    done.inserted, _ = insert_waiting(connection, waiting, at, found.followed)
    again = {o.path for o in new if o.path in first and o.id not in done.inserted}
    done.rows |= standing(connection, list(again))
    return done


def refusals(
    connection: Connection,
    new: Sequence[NewCancellation],
    inserted: Collection[NewCancellation],
    refused: Collection[tuple[Path, str]],
) -> dict[str, InvalidRequestError]:
    """Why ``insert_dependents`` would refuse some of the entries now, by id, if the
    entries ``inserted`` were in the ledger."""
    there = standing_ids(connection, [one.path for one in new])
    first = _first(new, there.keys() | {one.path for one in inserted})
    found = _Found(connection, list(first.values()), refused, inserted, look_at)
    return found.judged(new, first)[1]


def _first(
    new: Sequence[NewCancellation], there: Collection[Path]
) -> dict[Path, NewCancellation]:
    """The entries whose keys are new; of several with the same key, the first."""
    found: dict[Path, NewCancellation] = {}
    for one in new:
        if one.path not in there:
            found.setdefault(one.path, one)
    return found


class _Predecessor(NamedTuple):
    id: str
    depth: int
    state: str


Look = Callable[[Connection, Collection[str]], Mapping[str, Known]]


class _Found:
    """The cancellations that some entries name. ``look`` reads those in the ledger, and
    locks them if the entries are to be inserted."""

    def __init__(
        self,
        connection: Connection,
        new: Sequence[NewCancellation],
        refused: Collection[tuple[Path, str]],
        fresh: Collection[NewCancellation],
        look: Look,
    ) -> None:
        self._refused = refused
        good = (one for one in fresh if not one.key.startswith(REFUSED_KEY))
        self._fresh = {one.path: one for one in good}
        paths = {p for one in new for ref in one.after for p in paths_of(one, ref)}
        paths -= self._fresh.keys()
        names = {ref for one in new for ref in one.after if isinstance(ref, str)}
        self._paths = standing_ids(connection, sorted(paths))
        self._known = look(connection, names.union(self._paths.values()))
        self._new: dict[Path, Waiting] = {}
        self._named: dict[tuple[int, int], _Predecessor] = {}
        """Those that earlier entries are, as far as they were looked for."""
        self._successors: dict[str, int] = {}

    @property
    def followed(self) -> set[str]:
        """The ids of those whose rows say that others may wait for them."""
        known = {id_ for id_, its in self._known.items() if its.row.followed}
        return known.union(one.id for one in self._fresh.values() if one.followed)

    def not_before_ends(self, now: datetime) -> datetime:
        """``now``, or the time at which the last of these has ended: that may be later.
        What follows an end is not said to be earlier than the end."""
        # Not ``finished_at``: one that came too late was stored after that time.
        rows = (its.row for its in self._known.values())
        ends = (moment(row.updated_at) for row in rows if row.state in FINAL)
        return max([now, *ends])

    def judged(
        self, new: Sequence[NewCancellation], first: Mapping[Path, NewCancellation]
    ) -> tuple[list[Waiting], dict[str, InvalidRequestError]]:
        """The ``first`` ones that can wait, and why others of ``new`` cannot, by id."""
        waiting, wrong = [], dict[str, InvalidRequestError]()
        for one in first.values():
            try:
                waiting.append(self.waiting(one))
            except InvalidRequestError as error:
                wrong |= {o.id: error for o in new if o.path == one.path}
        return waiting, wrong

    def waiting(self, one: NewCancellation) -> Waiting:
        """``one`` with its predecessors; raises ``InvalidRequestError``."""
        each = [self._predecessor(one, ref, n) for n, ref in enumerate(one.after)]
        depth = 1 + max(before.depth for before in each)
        if depth > DEEPEST:
            raise _too_many(f"at most {DEEPEST} cancellations wait in a chain", 0)
        ids = list(dict.fromkeys(before.id for before in each))
        self._count(ids)
        judged = any(before.state in FINAL for before in each)
        made = Waiting(one, ids, one.only_if, depth, judged)
        self._new[one.path] = made
        return made

    def _count(self, ids: Sequence[str]) -> None:
        for place, each in enumerate(ids):
            known = self._known.get(each)
            before = self._successors.get(each, known.successors if known else 0)
            if before >= MOST_SUCCESSORS:
                says = f"at most {MOST_SUCCESSORS} cancellations wait for one"
                raise _too_many(says, place)
            self._successors[each] = before + 1

    def _predecessor(
        self, one: NewCancellation, ref: Reference, n: int
    ) -> _Predecessor:
        if isinstance(ref, str):
            return self._of(one, ref, n)
        # An earlier entry was looked at before those that name it, and they are many.
        # By identity: it is one object for all, and to compare it costs more.
        named = (id(ref), id(one.within))
        found = self._named.get(named)
        if found is None:
            found = self._named[named] = self._of(one, ref, n)
        return found

    def _of(self, one: NewCancellation, ref: Reference, n: int) -> _Predecessor:
        for path in paths_of(one, ref):
            its = self._new.get(path)
            new = self._fresh.get(path) if its is None else its.new
            if new is not None and self._may_name_new(one, ref, new):
                depth = 0 if its is None else its.depth
                return _Predecessor(new.id, depth, new.progress.state)
        known = self._in_ledger(one, ref)
        if known is None or not self._may_name(one, ref, known):
            raise _unknown(ref, n)
        return _Predecessor(known.row.id, known.depth, known.row.state)

    def _in_ledger(self, one: NewCancellation, ref: Reference) -> Known | None:
        if isinstance(ref, str) and ref in self._known:
            return self._known[ref]
        ids = (self._paths.get(path) for path in paths_of(one, ref))
        first = next((id_ for id_ in ids if id_ is not None), None)
        return None if first is None else self._known.get(first)

    def _may_name_new(
        self, one: NewCancellation, ref: Reference, new: NewCancellation
    ) -> bool:
        if isinstance(ref, str):
            return one.within.reads and one.within.allows(*new.lane, new.group)
        return self._is_meant(ref, new.path, new.order)

    def _may_name(self, one: NewCancellation, ref: Reference, known: Known) -> bool:
        row = known.row
        if row.key.startswith(REFUSED_KEY):
            return False
        if isinstance(ref, str):
            return one.within.reads and sees(one.within, row)
        canonical = BY_NAME[row.provider].canonical_order(row.order_id)
        return self._is_meant(ref, (row.provider, row.account, row.key), canonical)

    def _is_meant(self, ref: EarlierEntry, path: Path, order: str) -> bool:
        """Whether the entry of ``ref`` is the one with this key, and no other one."""
        return order == ref.order and (path, order) not in self._refused


def _unknown(ref: Reference, place: int) -> InvalidRequestError:
    where = f"/after/{place}"
    if isinstance(ref, EarlierEntry):
        says = f"the entry with the ref {storable(ref.ref)[:100]!r} was refused"
    else:
        says = (
            f"there is no cancellation {storable(ref)[:100]!r} to wait for; after names"
            " a record's id, provider/account/key, or the ref of an earlier entry"
        )
    return InvalidRequestError(says, RefusalCode.UNKNOWN_PREDECESSOR, where)


def _too_many(says: str, place: int) -> InvalidRequestError:
    where = f"/after/{place}"
    return InvalidRequestError(says, RefusalCode.TOO_MANY_DEPENDENCIES, where)
