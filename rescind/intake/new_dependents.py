"""Finds entries that wait only for new ones of the same submission.

Who inserts those may insert these with them: see ``insert_together``. Pure functions.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from rescind.intake.named_paths import Path, paths_of
from rescind.intake.references import EarlierEntry
from rescind.ledger.changes.dependencies import Waiting
from rescind.ledger.changes.new_cancellation import NewCancellation
from rescind.ledger.changes.waiting_insertion import DEEPEST
from rescind.ledger.states import FINAL

MOST_TOGETHER = 100
"""Most entries that are inserted with the last one for which they wait. With more, few
messages would fill many transactions of a worker, and its other lanes would wait."""


# A tuple: a message makes a thousand at once, and an object costs more.
class _Place(NamedTuple):
    """An entry that may be new, in the tree of those that wait."""

    new: NewCancellation
    root: int
    """The place of the last entry for which it waits, directly or not, among those
    that wait for none; its own place if it is one of them."""
    depth: int = 0


def new_dependents(
    new: Sequence[NewCancellation], good: Sequence[NewCancellation]
) -> dict[str, list[Waiting]]:
    """Those of ``new`` that wait only for entries of ``good``, or for such as these.

    ``good`` wait for nothing. Each is listed, in the order of ``new``, under the id of
    the last entry of ``good`` for which it waits. One whose key, or whose predecessor's
    key, another entry has is left: the ledger may refuse one of the two. So is one
    whose predecessor has ended on arrival, and so are more than ``MOST_TOGETHER``.
    """
    some = [one for one in new if one.depends]
    if not some:
        return {}
    twice = _twice([one.path for one in new])
    known = {
        one.path: _Place(one, place)
        for place, one in enumerate(good)
        if one.followed and one.path not in twice and one.progress.state not in FINAL
    }
    found: dict[str, list[Waiting]] = {}
    for one in some:
        path = one.path
        before = [] if path in twice else _before(one, known)
        if not before or (depth := 1 + max(each.depth for each in before)) > DEEPEST:
            continue
        root = max(each.root for each in before)
        known[path] = _Place(one, root, depth)
        ids = list(dict.fromkeys(each.new.id for each in before))
        waiting = Waiting(one, ids, one.only_if, depth, judged=False)
        found.setdefault(good[root].id, []).append(waiting)
    return {id_: its for id_, its in found.items() if len(its) <= MOST_TOGETHER}


def _twice(paths: Sequence[Path]) -> set[Path]:
    if len(set(paths)) == len(paths):
        return set()
    return {path for path, times in Counter(paths).items() if times > 1}


def _before(one: NewCancellation, known: Mapping[Path, _Place]) -> list[_Place]:
    """The predecessors of ``one``; empty if one of them is not in ``known``."""
    found = list[_Place]()
    for ref in one.after:
        paths = paths_of(one, ref) if isinstance(ref, EarlierEntry) else ()
        place = known.get(paths[0]) if paths else None
        if place is None or place.new.order != ref.order:
            return []
        found.append(place)
    return found
