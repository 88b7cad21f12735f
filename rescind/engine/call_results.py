"""The result of a call: an event for each cancellation, and its effect on the lane."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import structlog

from rescind.config.accounts import Lane
from rescind.engine.rate_limiter import Permit
from rescind.ledger.changes.call_log import CallMade
from rescind.ledger.changes.unknown_words import Words, words_about
from rescind.ledger.decision_events import Event, Halve, Lost, NotSent, Wait
from rescind.ledger.progress import Claimed
from rescind.provider.http import Evidence, Exchange
from rescind.provider.outcomes import (
    BatchRefused,
    Finding,
    Findings,
    Held,
    Outcome,
    Throttled,
    TokenRefused,
)
from rescind.telemetry.logs import named
from rescind.telemetry.tracing import trace_id

log = structlog.get_logger("rescind.calls")
_level = logging.getLogger("rescind.calls")


@dataclass(frozen=True, slots=True)
class Effect:
    """What a call shows of the lane as a whole, and ``why``, in words."""

    failed: str | None = None
    throttled: timedelta | None = None
    held: str | None = None
    why: str = ""
    unreadable: bool = False
    """Whether it failed because the answer cannot be read. If this happens for one
    order only, the order is at fault and not its lane."""

    @property
    def stops(self) -> bool:
        """Whether no further call may begin until the lane's new state is recorded."""
        return self.held is not None or self.throttled is not None

    @property
    def words(self) -> str | None:
        return self.held or self.failed or self.why or None


FINE = Effect()


@dataclass(frozen=True, slots=True)
class CallResult:
    """The result of a call, made or not: an event for each cancellation, by its id."""

    claimed: Sequence[Claimed]
    events: Mapping[str, Event]
    effect: Effect
    at: datetime
    call: CallMade | None = None
    permit: Permit = field(default_factory=Permit)
    """The permit of the call, used or not; it has to be released."""


def events_of(
    claimed: Sequence[Claimed], result: Exchange, now: datetime
) -> Mapping[str, Event]:
    """An event for each cancellation, by its id.

    Only ``Findings`` say something of each order; any other result is the same event
    for all of them.
    """
    answered = result.evidence not in (Evidence.NOT_SENT, Evidence.MAYBE_DONE)
    if answered and isinstance(result.parsed, Findings):
        found = {one.id: result.parsed.of(one.order.id) for one in claimed}
        return {name: _dated(one, result) for name, one in found.items()}
    return dict.fromkeys(ids_of(claimed), _event(result, len(claimed), now))


def _dated(finding: Finding, result: Exchange) -> Finding:
    """Add the time of the request to a finding that shows the order as active.

    The order was active at that time, not when the reply is read: the worker may have
    stood still in between.
    """
    if finding.outcome is not Outcome.ACTIVE:
        return finding
    return replace(finding, asked_at=result.asked_at)


def _event(result: Exchange, size: int, now: datetime) -> Event:
    match result.evidence, result.parsed:
        case Evidence.NOT_SENT, _:
            return NotSent()
        case Evidence.MAYBE_DONE, _:
            return Lost()
        case _, Throttled(wait):
            return Wait(now + wait)
        case _, BatchRefused(finding):
            return Halve(size) if size > 1 else finding
        case _:
            return Wait()


def ids_of(claimed: Sequence[Claimed]) -> tuple[str, ...]:
    return tuple(one.id for one in claimed)


def effect_of(result: Exchange) -> Effect:
    match result.parsed:
        case Throttled(wait, why):
            return Effect(throttled=wait, why=why)
        case Held(why):
            return Effect(held=why)
        case TokenRefused(why):
            return Effect(held=f"{why} (also just after a login)")
        case None:
            failed = result.detail or str(result.evidence)
            return Effect(failed=failed, unreadable=result.unreadable)
        case _:
            return FINE


def words_of(result: Exchange) -> str | None:
    match result.parsed:
        case Held(why) | TokenRefused(why):
            return why
        case Throttled(_, why):
            return why
        case BatchRefused(finding):
            return f"the whole batch was refused: {finding.message or finding.code}"
        case _:
            return None


def unknown_words(
    claimed: Sequence[Claimed], result: Exchange, operation: str
) -> tuple[Words, ...]:
    """The provider's words that left open what became of an order of the call."""
    if not isinstance(result.parsed, Findings):
        return ()
    found = ((one, result.parsed.of(one.order.id)) for one in claimed)
    words = (
        words_about(operation, one.order.id, f.code, f.message, one.id)
        for one, f in found
        if f.outcome is Outcome.UNKNOWN and not f.own
    )
    return tuple(one for one in words if one is not None)


def log_call(lane: Lane, call: CallMade, trace: str | None) -> None:
    """Log a call, if such detail is wanted; ``trace`` is its first order's."""
    if not _level.isEnabledFor(logging.DEBUG):
        return
    log.debug(
        "called",
        lane="/".join(lane),
        call=call.id,
        operation=call.operation,
        evidence=str(call.evidence),
        status=call.status,
        took_ms=call.took_ms,
        orders=len(call.cancellations),
        trace=trace_id(trace),
        **named(call.cancellations),
    )
