"""For whom a repeated entry waits, beside for whom its cancellation waits."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row

from rescind.intake.named_paths import Path, paths_of
from rescind.ledger.changes.insertion import standing_ids
from rescind.ledger.changes.new_cancellation import NewCancellation
from rescind.ledger.conditions import DEFAULT
from rescind.ledger.reading.predecessors import predecessors_of
from rescind.ledger.states import State

Repeat = tuple[NewCancellation, Row[Any]]
"""An entry, and the row that has its key."""


class _Waits(NamedTuple):
    predecessors: frozenset[str]
    condition: str


class RepeatedDependencies:
    """The dependencies of some repeats. Entries that wait for none, and whose rows
    wait for none, are not looked up; nor is one for which an operator has decided, if
    its repeat waits for none."""

    def __init__(self, connection: Connection, repeats: Iterable[Repeat]) -> None:
        some = [(one, row) for one, row in repeats if _is_concerned(one, row)]
        paths = {p for one, _ in some for ref in one.after for p in paths_of(one, ref)}
        self._ids: dict[Path, str] = dict(standing_ids(connection, sorted(paths)))
        ids = {row.id for _, row in some}
        known = predecessors_of(connection, ids)
        self._kept = {
            id_: _Waits(
                frozenset(before.id for before in known.get(id_, ())),
                next((before.condition for before in known.get(id_, ())), DEFAULT),
            )
            for id_ in ids
        }

    def add(self, one: NewCancellation) -> None:
        """Take an entry as if it were in the ledger."""
        self._ids.setdefault(one.path, one.id)
        self._kept.setdefault(one.id, self._asked(one))

    def differing(self, one: NewCancellation, its_id: str) -> Iterator[str]:
        """The fields in which ``one`` differs from the cancellation with this id."""
        kept = self._kept.get(its_id)
        if kept is None:
            return
        asked = self._asked(one)
        if asked.predecessors != kept.predecessors:
            yield "after"
        if asked.condition != kept.condition:
            yield "only_if"

    def _asked(self, one: NewCancellation) -> _Waits:
        each = []
        for ref in one.after:
            known = (self._ids.get(path) for path in paths_of(one, ref))
            named = ref if isinstance(ref, str) else ref.ref
            each.append(next((id_ for id_ in known if id_ is not None), named))
        return _Waits(frozenset(each), one.only_if or DEFAULT)


def _is_concerned(one: NewCancellation, row: Row[Any]) -> bool:
    if row.waits_for is not None:
        return True
    # One that came too late was stored without its dependencies.
    late = row.state == State.EXPIRED and not row.attempts
    return bool(one.after) and not late
