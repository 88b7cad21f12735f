"""Slows clients that try tokens: an address may send only so many wrong ones.

A valid token is accepted from every address at any time: a client that guesses must
not lock out its neighbours behind the same proxy.
"""

from __future__ import annotations

from limits import parse
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter

from rescind.api.problem_details import ProblemError
from rescind.api.rate_windows import seconds_to_wait

FAILURES = parse("10/minute")
"""Wrong tokens allowed from one address, as in the dashboard's sign-in."""


class WrongTokens:
    """Counts wrong tokens by address; belongs to one process."""

    def __init__(self) -> None:
        self._limiter = MovingWindowRateLimiter(MemoryStorage())

    def count(self, address: str) -> None:
        """Count one from ``address``; raises ``ProblemError`` 429 for one too many."""
        if self._limiter.hit(FAILURES, address):
            return
        wait = seconds_to_wait(self._limiter, FAILURES, address)
        raise ProblemError(
            429,
            "too-many-requests",
            f"Too many wrong tokens were sent from this address: wait {wait} s. A valid"
            " token is accepted all the same.",
            {"Retry-After": str(wait), "Connection": "close"},
        )
