"""The fakes that a world passes to the engine: clock, executor, limiter, caller."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from rescind.config.accounts import Lane, LaneConfig
from rescind.engine.call_results import CallResult, Effect
from rescind.engine.executor import Done
from rescind.engine.lane_operation import Call
from rescind.engine.permits import Granted
from rescind.engine.rate_limiter import Grant, Permit
from rescind.engine.rate_rules import Rule
from rescind.ledger.decision_events import PutBack
from rescind.ledger.progress import Claimed
from rescind.provider.policy import Policy
from tests.ledger.build import NOW

BEGAN = 1000.0
"""The first reading of a world's monotonic clock, in seconds."""


class FakeClock:
    """A clock that only a test moves."""

    def __init__(self) -> None:
        self.at = NOW
        self.since = BEGAN

    def now(self) -> datetime:
        return self.at

    def monotonic(self) -> float:
        return self.since

    def advance(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)
        self.since += seconds


@dataclass(eq=False, slots=True)
class UnderWay:
    """A call that a thread is making."""

    call: Call
    done: Done
    since: datetime

    @property
    def ids(self) -> list[str]:
        return [one.id for one in self.call.claimed]

    @property
    def orders(self) -> list[str]:
        return [one.order.id for one in self.call.claimed]


class FakeExecutor:
    """An executor that keeps each call until the test ends it."""

    def __init__(self, clock: FakeClock) -> None:
        self._clock = clock
        self.under_way: list[UnderWay] = []
        self.begun: list[UnderWay] = []
        """Every call that ever began."""
        self.full = False
        """Whether there is no thread for a call."""
        self.watch: Callable[[Call], None] = lambda _: None
        """Called with each call before it begins."""

    def start(self, call: Call, done: Done) -> None:
        if self.full:
            raise RuntimeError("can't start new thread")
        self._begin(call, done)

    def end(self, one: UnderWay, result: CallResult | None) -> None:
        """End the call. Its thread begins the next one, if there is one."""
        self.under_way.remove(one)
        following = one.done(one.call, result)
        if following is not None:
            self._begin(following, one.done)

    def _begin(self, call: Call, done: Done) -> None:
        self.watch(call)
        begun = UnderWay(call, done, self._clock.now())
        self.under_way.append(begun)
        self.begun.append(begun)


@dataclass(eq=False, slots=True)
class Request:
    """A request for permits without an answer."""

    lane: Lane
    calls: int
    share: float
    granted: Granted


class FakeLimiter:
    """A limiter that grants permits when the test says so, and keeps count of them."""

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self.asked = 0
        """The number of requests so far."""
        self.held: list[Permit] = []
        """Permits that were granted and have not been released."""

    def request(
        self, lane: Lane, _policy: Policy, calls: int, share: float, granted: Granted
    ) -> None:
        self.asked += 1
        self.requests.append(Request(lane, calls, share, granted))

    def release(self, permits: Sequence[Permit]) -> None:
        for one in permits:
            if one.rules:
                assert any(one is held for held in self.held), "released twice"
                self.held = [held for held in self.held if held is not one]

    def grant(self, request: Request, calls: int, wait: float = 0.0) -> None:
        """Answer ``request`` with so many permits, and when to ask again."""
        self.requests.remove(request)
        rule = Rule("/".join(request.lane), 1, timedelta(seconds=1))
        permits = tuple(Permit((rule,)) for _ in range(calls))
        self.held += permits
        request.granted(Grant(permits, timedelta(seconds=wait)))

    def grant_all(self) -> None:
        """Answer every request with all that it asks for."""
        for request in list(self.requests):
            self.grant(request, request.calls)


@dataclass(frozen=True, slots=True)
class FakeCaller:
    """A caller that makes no call: a test supplies each result."""

    lane: Lane
    config: LaneConfig
    operation: str
    clock: FakeClock = field(repr=False)
    back: set[tuple[str, int]] = field(repr=False)
    """Every claim that was returned."""

    def return_unsent(self, claimed: Sequence[Claimed], permit: Permit) -> CallResult:
        self.back.update((one.id, one.version) for one in claimed)
        events = {one.id: PutBack() for one in claimed}
        effect = Effect(why="put back before its turn came")
        return CallResult(claimed, events, effect, self.clock.now(), permit=permit)
