"""Records decided changes, guarded by state and fencing token, with their history."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import chain
from typing import Any

import uuid_utils
from sqlalchemy import Connection

from rescind.ledger.changes import postponement, successors
from rescind.ledger.changes.call_log import CallMade, append_calls
from rescind.ledger.changes.guarded_update import update_guarded
from rescind.ledger.changes.outcome_counts import count_changes
from rescind.ledger.changes.plan_completion import complete
from rescind.ledger.changes.postponement import postpone
from rescind.ledger.changes.releases import release_read, release_waiting
from rescind.ledger.changes.repeated_calls import fold_calls
from rescind.ledger.changes.repeated_steps import fold_steps
from rescind.ledger.changes.rounds import reopen_some
from rescind.ledger.changes.successors import Following
from rescind.ledger.changes.told_deadlines import keep_deadlines
from rescind.ledger.changes.transitions import write_history
from rescind.ledger.deliveries import store
from rescind.ledger.progress import Change
from rescind.ledger.states import EDGES, FINAL, State
from rescind.ledger.storage.milliseconds import in_ms
from rescind.ledger.storage.postponement_table import Concerned

Lane = tuple[str, str]


class ForbiddenEdgeError(AssertionError):
    """A decision asked for a change of state that does not exist: a bug of ours."""


@dataclass(frozen=True, slots=True)
class LaneChanges:
    """The changes and calls to record for one lane."""

    lane: Lane
    changes: Sequence[Change]
    calls: Sequence[CallMade] = ()


@dataclass(frozen=True, slots=True)
class Recorded:
    """The result of recording changes."""

    stale: frozenset[str] = frozenset()
    """Ids whose change was not made: their row has changed since it was claimed, for
    example because the lease ran out. The row keeps that other change."""
    to_deliver: int = 0
    """Deliveries that wait now, because their cancellations became final."""
    named: frozenset[str] = frozenset()
    """The calls that the history names now."""
    ended: frozenset[str] = frozenset()
    """Those that have ended now, and whose ends something may follow: others wait for
    them, or they are steps of plans."""
    released: frozenset[Lane] = frozenset()
    """The lanes in which others may be sent now, because these have ended."""


NOTHING = Recorded()


def new_id() -> str:
    """A new identifier that sorts by time (UUIDv7)."""
    return str(uuid_utils.uuid7())


def record_many(
    connection: Connection, work: Sequence[LaneChanges], now: datetime
) -> Recorded:
    """Make the changes of many lanes, and append their calls. A change is made only if
    its row is still as it was claimed. A lane may come more than once.

    Raises ``ForbiddenEdgeError`` for a change of state that does not exist; final
    states are never left. One statement updates, one appends the history, one the
    calls. What only repeats the step or the call before it is counted there: see
    ``repeated_steps`` and ``repeated_calls``.
    """
    latest = _latest([one for one in work if one.changes])
    recorded = _record(connection, latest, now)
    postpone(connection, Concerned.ITSELF, _waiting_again(latest, recorded.stale), now)
    if recorded.ended:
        following = successors.follow(connection, recorded.ended, now)
        recorded = follow_on(connection, following, now, recorded)
    calls = [(one.lane, call) for one in work for call in one.calls]
    append_calls(connection, fold_calls(connection, calls, recorded))
    return recorded


def follow_on(
    connection: Connection,
    following: Following,
    now: datetime,
    recorded: Recorded = NOTHING,
) -> Recorded:
    """Do what is to be done with successors, and then with theirs.

    This ends: a cancellation exists before its successors do, so they form no cycle,
    and intake limits how long a chain of them may be. At most ``MOST_JUDGED`` are
    judged, and the others are postponed. Plans come last, as every transaction locks
    them after cancellations: no step ends or begins after that in this transaction.
    """
    room, touched, left = postponement.MOST_JUDGED, set[str](), list[str]()
    while True:
        room -= following.judged
        left += following.left
        work = [LaneChanges(*one) for one in following.not_wanted.items()]
        more = _record(connection, work, now)
        lanes = release_waiting(connection, following.released, now)
        release_read(connection, following.read, now)
        successors.settle(connection, following)
        begun = reopen_some(connection, following.reopened, now, room)
        room -= begun.cost
        touched |= begun.touched
        recorded = replace(
            recorded,
            to_deliver=recorded.to_deliver + more.to_deliver,
            ended=recorded.ended | more.ended,
            released=recorded.released | lanes | begun.lanes,
        )
        if not more.ended:
            break
        following = successors.follow(connection, more.ended, now, room)
    postpone(connection, Concerned.SUCCESSORS, left, now)
    if not recorded.ended and not touched:
        return recorded
    told = complete(connection, recorded.ended, now, touched)
    return replace(recorded, to_deliver=recorded.to_deliver + told)


def _latest(work: Sequence[LaneChanges]) -> Sequence[LaneChanges]:
    """``work`` without a change of an order that has a later change in ``work``.

    A call may outlast its lease and finish together with the next call for its order.
    Only the later change can still find its row as it was claimed.
    """
    versions: dict[str, int] = {}
    number = 0
    for change in chain.from_iterable(one.changes for one in work):
        number += len(change.ids)
        for one in change.ids:
            versions[one] = max(change.version, versions.get(one, 0))
    if len(versions) == number:
        return work
    return [replace(one, changes=_of(versions, one.changes)) for one in work]


def _of(versions: Mapping[str, int], changes: Sequence[Change]) -> Sequence[Change]:
    left = [
        replace(c, ids=[one for one in c.ids if versions[one] == c.version])
        for c in changes
    ]
    return [change for change in left if change.ids]


def _record(
    connection: Connection, work: Sequence[LaneChanges], now: datetime
) -> Recorded:
    changes = [change for one in work for change in one.changes]
    if not changes:
        return Recorded()
    for change in changes:
        _check_edge(change.from_state, change.to.state)
    made, asked, followed = update_guarded(connection, changes, now)
    stale = frozenset(chain.from_iterable(c.ids for c in changes)).difference(made)
    keep_deadlines(connection, changes, stale)
    moved = [(one.lane, list(_moved(one.changes, stale))) for one in work]
    for lane, some in moved:
        count_changes(connection, lane, some, made, now)
    at, steps = in_ms(now), [change for _, some in moved for change in some]
    calls = {call.id: call for one in work for call in one.calls}
    new = _without(fold_steps(connection, steps, calls, at), steps)
    write_history(connection, [_transition(change, at) for change in new])
    named = frozenset(change.call_id for change in new if change.call_id)
    to_deliver = _create_deliveries(connection, asked, steps)
    return Recorded(stale, to_deliver, named, _ended(followed, steps))


def _waiting_again(work: Sequence[LaneChanges], stale: frozenset[str]) -> list[str]:
    """Those that are known now not to have been sent, and wait for others again: these
    may have ended meanwhile."""
    its = (c.ids for w in work for c in w.changes if c.to.state is State.SCHEDULED)
    return sorted(set(chain.from_iterable(its)) - stale)


def _ended(followed: Sequence[str], moved: Sequence[Change]) -> frozenset[str]:
    """Those of ``followed`` that these changes have ended."""
    if not followed:
        return frozenset()
    final = (change.ids for change in moved if change.to.state in FINAL)
    return frozenset(followed).intersection(chain.from_iterable(final))


def _moved(changes: Sequence[Change], stale: frozenset[str]) -> Iterator[Change]:
    """The changes that were made, and that go to another state."""
    left = _without(stale, changes)
    return (change for change in left if change.from_state != change.to.state)


def _without(stale: frozenset[str], changes: Sequence[Change]) -> Sequence[Change]:
    if not stale:
        return changes
    left = [replace(c, ids=[i for i in c.ids if i not in stale]) for c in changes]
    return [change for change in left if change.ids]


def _create_deliveries(
    connection: Connection, asked: Sequence[str], moved: Sequence[Change]
) -> int:
    if not asked:
        return 0
    wanted = frozenset(asked)
    final = [c for c in moved if c.to.state in FINAL]
    ended = [one for c in final for one in c.ids if one in wanted]
    return store.create_deliveries(connection, store.callbacks_of(connection, ended))


def _check_edge(from_state: State, to_state: State) -> None:
    if from_state in FINAL:
        raise ForbiddenEdgeError(f"{from_state} is final")
    if from_state != to_state and (from_state, to_state) not in EDGES:
        raise ForbiddenEdgeError(f"there is no edge {from_state} -> {to_state}")


def _transition(change: Change, at: int) -> dict[str, Any]:
    return {
        "cancellation_id": change.ids,
        "seq": change.version + 1,
        "at": at,
        "from_state": change.from_state,
        "to_state": change.to.state,
        "reason": change.to.reason,
        "evidence": change.evidence,
        "call_id": change.call_id,
        "by": change.by,
    }
