"""One transaction for many lanes: it records results, inserts new orders, and claims.

Every transaction writes in the same order: results, lanes, claims, new orders, and each
of these in the order of its keys. Claims, which may also follow new orders, skip rows
that another transaction has locked. So two workers on PostgreSQL hardly ever deadlock.
If they do, PostgreSQL undoes one of the two transactions, which is made again at once.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, Engine

from rescind.config.accounts import Lane
from rescind.engine.call_results import FINE
from rescind.engine.deciding import changes_of, lane_after, lease_of, throttles
from rescind.engine.inbox import Entry
from rescind.engine.lane_share import GOOD, Share
from rescind.ledger.changes.claims import Wanted, claim_many, waiting_many
from rescind.ledger.changes.insert_claimed import insert_claimed, may_insert_claimed
from rescind.ledger.changes.insert_together import insert_together
from rescind.ledger.changes.insertion import insert_new
from rescind.ledger.changes.lane_states import (
    LaneState,
    may_call,
    read_lanes,
    register_lanes,
    write_lanes,
)
from rescind.ledger.changes.recording import LaneChanges, Recorded, record_many
from rescind.ledger.states import State
from rescind.ledger.storage.counters import THROTTLE, count
from rescind.ledger.storage.repeating import repeated
from rescind.ledger.storage.transactions import writing

MOST_COUNTED = 1000
"""Orders that wait for a lane's rate are counted up to this number."""


@dataclass(frozen=True, slots=True)
class Committed:
    """What a transaction did that its shares do not hold."""

    recorded: Recorded
    lanes: Mapping[Lane, tuple[LaneState, LaneState]]
    """The lanes whose state it changed: the old state, and the new one."""
    rows: int


@repeated
def commit(ledger: Engine, shares: Sequence[Share], now: datetime) -> Committed:
    """Write ``shares`` in one transaction.

    Raises what the ledger raises. Then nothing was written, or everything if only the
    answer to the commit was lost.
    """
    for share in shares:
        share.reset()
    with writing(ledger) as connection:
        recorded = _record(connection, shares, now)
        lanes = _lanes(connection, shares)
        for share in shares:
            _allow(share, now)
            _note_released(share, recorded)
        first = {share for share in shares if _claims_first(share)}
        _claim(connection, [share for share in shares if share in first], now)
        _insert(connection, shares, now)
        _claim(connection, [share for share in shares if share not in first], now)
        _count(connection, shares, now)
    return Committed(recorded, lanes, sum(share.rows for share in shares))


# --- results ----------------------------------------------------------------------


def _record(connection: Connection, shares: Sequence[Share], now: datetime) -> Recorded:
    work = []
    for share in shares:
        if share.results:
            share.changes = changes_of(share.results, share.operation.policy)
            calls = [one.call for one in share.results if one.call is not None]
            work.append(LaneChanges(share.lane, share.changes, calls))
    if not work:
        return Recorded()
    recorded = record_many(connection, work, now)
    for share in shares:
        new = throttles(share.results, recorded.stale)
        count(connection, THROTTLE, share.lane, by=new)
    return recorded


def _lanes(
    connection: Connection, shares: Sequence[Share]
) -> dict[Lane, tuple[LaneState, LaneState]]:
    """Read the state of all lanes, and write the states that results have changed."""
    found = read_lanes(connection, {share.lane for share in shares})
    for share in shares:
        share.state = found.get(share.lane, GOOD)
    concerned = {share.lane for share in shares if _may_change_lane(share)}
    if not concerned:
        return {}
    was = read_lanes(connection, concerned, for_update=True)
    new = {lane: was.get(lane, GOOD) for lane in concerned}
    for share in shares:
        if share.lane in new:
            policy = share.operation.policy
            new[share.lane] = lane_after(new[share.lane], share.results, policy)
    for share in shares:
        share.state = new.get(share.lane, share.state)
    pairs = {lane: (was.get(lane, GOOD), state) for lane, state in new.items()}
    changed = {lane: pair for lane, pair in pairs.items() if pair[0] != pair[1]}
    write_lanes(connection, {lane: state for lane, (_, state) in changed.items()})
    return changed


def _may_change_lane(share: Share) -> bool:
    fine = share.state.good and all(one.effect == FINE for one in share.results)
    return bool(share.results) and not fine


def _allow(share: Share, now: datetime) -> None:
    """Reduce the share's calls to the number that the lane may make now."""
    operation = share.operation
    config = operation.config
    share.allowed = may_call(share.state, config.policy, now, config.changed_at)
    if not operation.callable:
        share.calls = 0
    elif not share.free:
        share.calls = max(0, min(share.calls, share.allowed - share.in_flight))


def _note_released(share: Share, recorded: Recorded) -> None:
    """Claim what this transaction has released, if its lane has a share of it."""
    if share.operation.operation == "cancel" and share.lane in recorded.released:
        share.claims = True


# --- new orders -------------------------------------------------------------------


def _insert(connection: Connection, shares: Sequence[Share], now: datetime) -> None:
    """Insert new orders: as ``sending`` if they can be sent at once, otherwise in the
    state that they came with."""
    direct: list[Entry] = []
    queued: list[Entry] = []
    leases: dict[Lane, timedelta] = {}
    for share in shares:
        if not share.entries:
            continue
        most = _direct(share)
        direct += share.entries[:most]
        queued += share.entries[most:]
        share.calls -= math.ceil(most / share.operation.batch)
        if any(_is_due(one, now) for one in share.entries[most:]):
            share.claims, share.drained = True, False
        leases[share.lane] = lease_of(share.operation.policy)
    held = insert_claimed(connection, [one.new for one in direct], leases, now)
    kept = insert_new(connection, [one.new for one in queued], now)
    waiting = [one for entry in (*direct, *queued) for one in entry.dependents]
    inserted = kept.union(held)
    inserted |= insert_together(connection, waiting, inserted, now)
    _register(connection, shares, {one.new.lane for one in waiting})
    for share in shares:
        ids = [one.new.id for one in share.entries]
        share.claimed += (held[one] for one in ids if one in held)
        share.inserted = inserted


def _register(
    connection: Connection, shares: Sequence[Share], more: Collection[Lane]
) -> None:
    its = {share.lane: share.operation.registered for share in shares if share.entries}
    lanes = {*its, *more}
    register_lanes(connection, {one for one in lanes if not its.get(one)})


def _direct(share: Share) -> int:
    """How many of its entries, from the first one on, can be sent at once."""
    others_are_due = share.claims and not share.drained
    if others_are_due or not _claims_first(share):
        return 0
    room = share.calls * share.operation.batch - len(share.claimed)
    return min(len(share.entries), room)


def _claims_first(share: Share) -> bool:
    """Whether it claims before its entries are inserted, which can then be inserted as
    claimed.

    Of those with a deadline, the nearest comes first, be it old or new. In a lane with
    a rate, all are claimed together: permits that are left over are lost.
    """
    plain = all(may_insert_claimed(one.new) for one in share.entries)
    return plain and not (share.entries and share.operation.limited)


def _is_due(entry: Entry, now: datetime) -> bool:
    progress = entry.new.progress
    return progress.state is State.QUEUED and (progress.due_at or now) <= now


# --- claims -----------------------------------------------------------------------


def _claim(connection: Connection, shares: Sequence[Share], now: datetime) -> None:
    claiming = [share for share in shares if share.claims and share.calls > 0]
    wanted = []
    for share in claiming:
        operation = share.operation
        share.asked = share.calls * operation.batch
        lease = lease_of(operation.policy)
        wanted.append(Wanted(share.lane, operation.state, share.asked, lease))
    if not wanted:
        return
    found = claim_many(connection, wanted, now)
    for share, claimed in zip(claiming, found, strict=True):
        share.claimed += claimed
        share.drained = len(claimed) < share.asked


def _count(connection: Connection, shares: Sequence[Share], now: datetime) -> None:
    """Count the due orders of lanes with a rate, so that they take no more permits than
    they can use."""
    limited = [s for s in shares if s.claims and s.operation.limited and s.allowed]
    if not limited:
        return
    asked = [(share.lane, share.operation.state, MOST_COUNTED) for share in limited]
    for share, waiting in zip(
        limited, waiting_many(connection, asked, now), strict=True
    ):
        share.waiting = waiting
