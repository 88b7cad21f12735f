"""Decides which of several cancellations of one order may call the provider now.

The check runs after the claims are committed. If two workers claim two of them at the
same time, both workers check: at least the later one sees the other, and gives way.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta

from sqlalchemy import Engine as Ledger

from rescind.engine.call_results import CallResult, Effect
from rescind.engine.clock import Clock
from rescind.engine.lane_share import Share
from rescind.engine.order_precedence import covers, goes_first, overlaps
from rescind.ledger.changes.same_order import OrderOf, Sibling, last_readings, siblings
from rescind.ledger.decision_events import AskFirst, DoneAlready, Event, PutBack
from rescind.ledger.progress import Claimed
from rescind.ledger.states import State
from rescind.ledger.storage.transactions import LedgerUnreachableError, reading
from rescind.provider.outcomes import Reason

LEAST_WAIT = timedelta(seconds=5)
"""Shortest wait of a cancellation that gave way: the other one may end soon."""
LONGEST_WAIT = timedelta(minutes=15)
LEDGER_AWAY = timedelta(seconds=1)


class DuplicateGuard:
    """Holds back a claimed cancellation if another one cancels the same order, or has
    cancelled it."""

    def __init__(self, ledger: Ledger, clock: Clock) -> None:
        self._ledger = ledger
        self._clock = clock

    def hold_back(self, shares: Iterable[Share]) -> None:
        """Move the cancellations that must not be called now from ``claimed`` to
        ``held_back``."""
        cancels = [s for s in shares if s.claimed and s.operation.operation == "cancel"]
        if not cancels:
            return
        now = self._clock.now()
        orders = {_order(share, one) for share in cancels for one in share.claimed}
        try:
            with reading(self._ledger) as connection:
                found = siblings(connection, orders)
                beside = _beside_failed(cancels, found) if found else []
                read_at = last_readings(connection, beside)
        except LedgerUnreachableError as error:
            _hold_back_all(cancels, str(error), now)
            return
        if found:
            for share in cancels:
                _divide(share, found, read_at, now)


def _beside_failed(
    shares: Iterable[Share], found: Mapping[OrderOf, Sequence[Sibling]]
) -> list[str]:
    """Those of an order that a call for another cancellation may have cancelled."""
    return [
        one.id
        for share in shares
        for one in share.claimed
        for other in found.get(_order(share, one), ())
        if other.state is State.FAILED and other.id != one.id
    ]


def _hold_back_all(shares: Iterable[Share], why: str, now: datetime) -> None:
    back = PutBack(now + LEDGER_AWAY)
    for share in shares:
        share.held_back += [_result(one, back, why, now) for one in share.claimed]
        share.claimed = []


def _divide(
    share: Share,
    found: Mapping[OrderOf, Sequence[Sibling]],
    read_at: Mapping[str, datetime],
    now: datetime,
) -> None:
    own, free = {one.id for one in share.claimed}, list[Claimed]()
    for one in share.claimed:
        others = found.get(_order(share, one), ())
        reasons = _reasons(share, one, others, own, read_at.get(one.id), now)
        held = next(reasons, None)
        if held is None:
            free.append(one)
        else:
            share.held_back.append(_result(one, *held, now))
    share.claimed = free


def _reasons(
    share: Share,
    one: Claimed,
    others: Sequence[Sibling],
    own: set[str],
    read_at: datetime | None,
    now: datetime,
) -> Iterator[tuple[Event, str]]:
    """Why ``one`` is not sent now: the event for it and its text, the strongest reason
    first."""
    provider, wanted = share.operation.config.provider, one.order.params
    others = [
        other
        for other in others
        if other.id != one.id and overlaps(provider, other.params, wanted)
    ]
    for other in others:
        done = other.state is State.CANCELLED
        if done and covers(provider, other.params, wanted):
            yield DoneAlready(other.id, _as_sure(other)), f"cancelled by {other.id}"
    for other in others:
        if goes_first(other, one.id, now, own):
            yield PutBack(_until(other, now)), f"waits for {other.id}"
    for other in others:
        if other.state is State.FAILED and not _read_since(other, read_at):
            yield AskFirst(), f"{other.id} may have cancelled it"


def _read_since(other: Sibling, read_at: datetime | None) -> bool:
    """Whether a reading, made at ``read_at``, came after the end of ``other``."""
    if read_at is None or other.finished_at is None:
        return False
    return read_at >= other.finished_at


def _as_sure(other: Sibling) -> Reason:
    """The reason for a cancellation whose order ``other`` has cancelled. It claims no
    more certainty than ``other`` has."""
    known = other.reason in (Reason.PARTIAL, Reason.INFERRED)
    return other.reason if known and other.reason else Reason.ALREADY_CANCELLED


def _until(other: Sibling, now: datetime) -> datetime:
    """When ``one`` is due again: after the next call about ``other``."""
    latest, due = now + LONGEST_WAIT, other.due_at or now
    if other.state is State.SENDING:
        return now + LEAST_WAIT
    return max(now + LEAST_WAIT, min(due + timedelta(seconds=1), latest))


def _order(share: Share, one: Claimed) -> OrderOf:
    return (*share.lane, one.order.id)


def _result(one: Claimed, event: Event, why: str, now: datetime) -> CallResult:
    return CallResult([one], {one.id: event}, Effect(why=why), now)
