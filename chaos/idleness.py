"""The times in which no cancellation was due: then no provider call is expected."""

from __future__ import annotations

Interval = tuple[float, float]
"""Start and end, in seconds since the epoch."""


class Idleness:
    """Collects the intervals between looks at which no cancellation was due."""

    def __init__(self) -> None:
        self._since: float | None = None
        self._until = 0.0
        self._over: list[Interval] = []

    def note(self, at: float, *, due: bool) -> None:
        """Record whether some cancellation was due at this moment."""
        if due:
            self.end()
        elif self._since is None:
            self._since = at
        self._until = at

    def end(self) -> None:
        """End the interval at the last look: the time since then is not known."""
        if self._since is not None:
            self._over.append((self._since, self._until))
        self._since = None

    @property
    def intervals(self) -> list[Interval]:
        """All intervals so far, in order of time."""
        left = [] if self._since is None else [(self._since, self._until)]
        return [*self._over, *left]
