"""Finds what new entries wait for, and inserts them with their dependencies."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from types import SimpleNamespace
from typing import Any

from sqlalchemy import Connection, Row

from providers.registry import BY_NAME
from rescind.intake.references import EarlierEntry, Reference
from rescind.ledger.changes.insertion import standing
from rescind.ledger.changes.new_cancellation import NewCancellation
from rescind.ledger.changes.retries import REFUSED_KEY
from rescind.ledger.changes.waiting_insertion import (
    DEEPEST,
    MOST_SUCCESSORS,
    Known,
    Waiting,
    insert_waiting,
    lock,
    look_at,
)
from rescind.ledger.reading.limited import sees
from rescind.ledger.reading.queries import rows_of
from rescind.provider.outcomes import InvalidRequestError
from rescind.provider.refusal_codes import RefusalCode
from rescind.provider.text import storable

Path = tuple[str, str, str]


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
    refused: Collection[Path],
    now: datetime,
) -> Dependents:
    """Insert entries that have ``after``, in their order.

    ``refused`` are the keys that other entries of the submission could not have. One
    that existed already is not changed, whatever it waits for now.
    """
    done = Dependents(rows=standing(connection, [one.path for one in new]))
    first = _first(new, done.rows)
    if not first:
        return done
    found = _Found(connection, list(first.values()), refused, lock)
    waiting, done.refused = found.judged(new, first)
    done.inserted, _ = insert_waiting(connection, waiting, now)
    late = [one.new.path for one in waiting if one.new.id not in done.inserted]
    again = [one.path for one in new if one.path in first]
    done.rows |= standing(connection, [*late, *again])
    return done


def refusals(
    connection: Connection,
    new: Sequence[NewCancellation],
    inserted: Sequence[NewCancellation],
    refused: Collection[Path],
) -> dict[str, InvalidRequestError]:
    """Why ``insert_dependents`` would refuse some of the entries now, by id, if the
    entries ``inserted`` were in the ledger."""
    there = {one.path for one in inserted}
    first = _first(new, there | standing(connection, [one.path for one in new]).keys())
    found = _Found(connection, list(first.values()), refused, look_at)
    found.add(inserted)
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


Look = Callable[[Connection, Collection[str]], Mapping[str, Known]]


class _Found:
    """The cancellations that some entries name. ``look`` reads those in the ledger, and
    locks them if the entries are to be inserted."""

    def __init__(
        self,
        connection: Connection,
        new: Sequence[NewCancellation],
        refused: Collection[Path],
        look: Look,
    ) -> None:
        self._refused = refused
        paths = {p for one in new for ref in one.after for p in _paths(one, ref)}
        names = {ref for one in new for ref in one.after if isinstance(ref, str)}
        self._paths: dict[Path, Any] = standing(connection, sorted(paths))
        self._ids = {row.id: row for row in rows_of(connection, sorted(names))}
        ids = {row.id for row in (*self._paths.values(), *self._ids.values())}
        self._known = dict(look(connection, ids))
        self._new: dict[Path, Waiting] = {}
        self._successors: dict[str, int] = {}

    def add(self, inserted: Sequence[NewCancellation]) -> None:
        """Treat these, which wait for nothing, as if they were in the ledger."""
        for one in inserted:
            self._paths[one.path] = row = _row_of(one)
            self._known[one.id] = Known(row, 0, 0)

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
        each = [self._of(one, ref, n) for n, ref in enumerate(one.after)]
        depth = 1 + max(depth for _, depth in each)
        if depth > DEEPEST:
            raise _too_many(f"at most {DEEPEST} cancellations wait in a chain", 0)
        ids = list(dict.fromkeys(before for before, _ in each))
        self._count(ids)
        self._new[one.path] = made = Waiting(one, ids, one.only_if, depth)
        return made

    def _count(self, ids: Sequence[str]) -> None:
        for place, each in enumerate(ids):
            known = self._known.get(each)
            before = self._successors.get(each, known.successors if known else 0)
            if before >= MOST_SUCCESSORS:
                says = f"at most {MOST_SUCCESSORS} cancellations wait for one"
                raise _too_many(says, place)
            self._successors[each] = before + 1

    def _of(self, one: NewCancellation, ref: Reference, n: int) -> tuple[str, int]:
        """The id and the depth of a predecessor."""
        for path in _paths(one, ref):
            if path in self._new:
                its = self._new[path]
                return its.new.id, its.depth
        row = self._row(one, ref)
        known = self._known.get(row.id) if row is not None else None
        if known is None or not self._may_name(one, ref, known):
            raise _unknown(ref, n)
        return known.row.id, known.depth

    def _row(self, one: NewCancellation, ref: Reference) -> Row[Any] | None:
        if isinstance(ref, str) and ref in self._ids:
            return self._ids[ref]
        found = (self._paths.get(path) for path in _paths(one, ref))
        return next((row for row in found if row is not None), None)

    def _may_name(self, one: NewCancellation, ref: Reference, known: Known) -> bool:
        row = known.row
        if row.key.startswith(REFUSED_KEY):
            return False
        if isinstance(ref, str):
            return one.within.reads and sees(one.within, row)
        canonical = BY_NAME[row.provider].canonical_order(row.order_id)
        path = (row.provider, row.account, row.key)
        return canonical == ref.order and path not in self._refused


def _row_of(one: NewCancellation) -> Any:
    """What the checks of a predecessor read of its row."""
    names = ("id", "provider", "account", "key")
    known = {name: getattr(one, name) for name in names}
    return SimpleNamespace(**known, order_id=one.order, group_name=one.group)


def _paths(one: NewCancellation, ref: Reference) -> Iterator[Path]:
    """The keys under which the ledger may have it, the caller's own first."""
    if isinstance(ref, EarlierEntry):
        if ref.path is not None:
            provider, account, key = ref.path
            yield provider, account, one.within.stored_key(key)
        return
    provider, slash, rest = ref.partition("/")
    account, more, key = rest.partition("/")
    if not slash or not more or provider not in BY_NAME:
        return
    spelled = (key, BY_NAME[provider].canonical_order(key))
    for each in dict.fromkeys(spelled):
        yield provider, account, one.within.stored_key(each)
    for each in dict.fromkeys(spelled):
        yield provider, account, each


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
