"""Counts the cancellations that each token submits, however they are bundled."""

from __future__ import annotations

import math
import time
from collections.abc import Callable

from limits import RateLimitItem

from rescind.api.problem_details import ProblemError
from rescind.api.rate_windows import in_words


class EntryRates:
    """The rate of each token, by the generic cell rate algorithm.

    A token that was idle for a whole window may send the rate's amount at once.
    """

    def __init__(
        self, rate: RateLimitItem, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._rate, self._clock = rate, clock
        self._window = float(rate.get_expiry())
        self._each = self._window / rate.amount
        """Seconds that one entry takes of the rate."""
        self._used_until: dict[str, float] = {}

    def count(self, token: str, entries: int) -> None:
        """Count so many entries; raises ``ProblemError``, and then counts none.

        The statuses are 429 (to be sent again later) and 413 (more than fits at all).
        """
        if entries > self._rate.amount:
            raise self._too_many_at_once(entries)
        now = self._clock()
        until = max(self._used_until.get(token, now), now) + entries * self._each
        wait = until - now - self._window
        # Without the margin, rounding would refuse the last entry of a window.
        if wait > self._each / 2:
            raise self._too_fast(token, max(1, math.ceil(wait)))
        self._used_until[token] = until

    def _too_many_at_once(self, entries: int) -> ProblemError:
        return ProblemError(
            413,
            "body-too-large",
            f"The request holds {entries:,} cancellations, and a token may submit"
            f" {self._said()}: none of them was accepted. Send them in several"
            " requests.",
        )

    def _too_fast(self, token: str, wait: int) -> ProblemError:
        return ProblemError(
            429,
            "too-many-requests",
            f"The token {token} may submit {self._said()}, and each of many counts:"
            f" none of these was accepted. Wait {wait} s, then send them again.",
            {"Retry-After": str(wait)},
        )

    def _said(self) -> str:
        return in_words(self._rate, "cancellations")
