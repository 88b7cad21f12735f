"""Which permits to ask for: as many as there are orders for, and calls can be made."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from rescind.engine.clock import Clock
from rescind.engine.lane_operation import LaneOperation
from rescind.engine.lane_registry import Registry
from rescind.engine.permits import Limiter
from rescind.engine.rate_limiter import CONTESTED_SHARE, READ_SHARE, Budget

Receive = Callable[[LaneOperation, Budget], None]


class PermitRequests:
    """Asks the rate limiter, for each lane with a rate that has orders waiting."""

    def __init__(self, registry: Registry, limiter: Limiter, clock: Clock) -> None:
        self._registry = registry
        self._limiter = limiter
        self._clock = clock
        self.stopping = False

    def request_all(self, receive: Receive) -> None:
        """Ask for what is needed now; ``receive`` is given each answer, in a thread of
        the limiter."""
        now = self._clock.monotonic()
        for one in () if self.stopping else self._registry.active:
            if one.limited and one.waiting and not one.asking:
                self._request(one, now, receive)

    def _request(self, one: LaneOperation, now: float, receive: Receive) -> None:
        calls = min(one.room(now, one.in_flight), -(-one.waiting // one.batch))
        if calls <= 0 or not one.callable or max(one.permits_at, one.not_before) > now:
            return
        one.asking = True
        share = self._share_of_rate(one)
        self._limiter.request(one.lane, one.policy, calls, share, partial(receive, one))

    def _share_of_rate(self, one: LaneOperation) -> float:
        """Cancels come first: reads have a part of the rate."""
        if one.operation == "cancel":
            return 1.0
        cancels = self._registry.get(one.lane, "cancel")
        return CONTESTED_SHARE if cancels.busy or cancels.ready else READ_SHARE
