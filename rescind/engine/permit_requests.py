"""Requests permits: as many as there are due orders for, and room for calls."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from rescind.engine.clock import Clock
from rescind.engine.lane_operation import LaneOperation
from rescind.engine.lane_registry import Registry
from rescind.engine.permits import Limiter
from rescind.engine.rate_limiter import CONTESTED_SHARE, READ_SHARE, Grant

Receive = Callable[[LaneOperation, Grant], None]


class PermitRequests:
    """Requests permits for each lane that has a rate and waiting orders."""

    def __init__(self, registry: Registry, limiter: Limiter, clock: Clock) -> None:
        self._registry = registry
        self._limiter = limiter
        self._clock = clock
        self.stopping = False

    def request_all(self, receive: Receive) -> None:
        """Request the permits that are needed now. The limiter calls ``receive`` with
        each answer, in a thread of its own."""
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
        """The share of the rate that this operation may use: less than 1 for reads."""
        if one.operation == "cancel":
            return 1.0
        cancels = self._registry.get(one.lane, "cancel")
        return CONTESTED_SHARE if cancels.busy or cancels.ready else READ_SHARE
