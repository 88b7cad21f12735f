"""Results of calls, by short names."""

from __future__ import annotations

from datetime import timedelta
from itertools import count

from rescind.engine.call_deadlines import too_late
from rescind.engine.call_results import FINE, CallResult, Effect
from rescind.ledger.changes.call_log import CallMade
from rescind.ledger.decision_events import Event, Halve, Lost, NotSent, Wait
from rescind.provider.outcomes import Finding, Outcome, Reason
from tests.engine.parts import FakeClock, UnderWay

CANCELLED = Finding(Outcome.CANCELLED, Reason.CONFIRMED)
REQUESTED = Finding(Outcome.REQUESTED)
ACTIVE = Finding(Outcome.ACTIVE)
UNCLEAR = Finding(Outcome.UNKNOWN, message="?")
REFUSED = Finding(Outcome.REFUSED, Reason.NOT_SUPPORTED)
GONE = Finding(Outcome.GONE)
FINDINGS = (CANCELLED, REQUESTED, ACTIVE, UNCLEAR, REFUSED, GONE)


class Results:
    """Makes results for a world's calls. Each has an id of its own."""

    def __init__(self, clock: FakeClock) -> None:
        self._clock = clock
        self.prefix = "call-"
        """Before the ids of its calls."""
        self._numbers = count(1)

    def of(self, one: UnderWay, event: Event, effect: Effect = FINE) -> CallResult:
        """The same event for each of its orders."""
        return self.each(one, [event] * len(one.ids), effect)

    def each(
        self, one: UnderWay, events: list[Event], effect: Effect = FINE
    ) -> CallResult:
        """An event for each of its orders."""
        found, now = dict(zip(one.ids, events, strict=True)), self._clock.now()
        call = CallMade(
            id=f"{self.prefix}{next(self._numbers)}",
            operation=one.call.operation.operation,
            evidence="answered",
            took=now - one.since,
            at=one.since,
            cancellations=tuple(one.ids),
        )
        return CallResult(one.call.claimed, found, effect, now, call, one.call.permit)

    def cancelled(self, one: UnderWay) -> CallResult:
        return self.of(one, CANCELLED)

    def lost(self, one: UnderWay) -> CallResult:
        return self.of(one, Lost(), Effect(failed="the connection was reset"))

    def unreadable(self, one: UnderWay) -> CallResult:
        return self.of(one, Lost(), Effect(failed="no JSON", unreadable=True))

    def not_sent(self, one: UnderWay) -> CallResult:
        return self.of(one, NotSent(), Effect(failed="connection refused"))

    def throttled(self, one: UnderWay, seconds: float = 30.0) -> CallResult:
        wait = timedelta(seconds=seconds)
        event = Wait(self._clock.now() + wait)
        return self.of(one, event, Effect(throttled=wait, why="too many"))

    def held(self, one: UnderWay) -> CallResult:
        return self.of(one, Wait(), Effect(held="the key is not valid"))

    def halved(self, one: UnderWay) -> CallResult:
        return self.of(one, Halve(len(one.ids)))

    def too_late(self, one: UnderWay) -> CallResult:
        """The call began when its lease was nearly over: nothing was sent."""
        claimed, permit, now = one.call.claimed, one.call.permit, self._clock.now()
        return CallResult(claimed, too_late(claimed, now), FINE, now, permit=permit)
