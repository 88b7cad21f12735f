"""What was due during a run. While nothing is due, no provider call is expected."""

from __future__ import annotations

from collections.abc import Mapping

Interval = tuple[float, float]
"""Start and end, in seconds since the epoch."""
Due = Mapping[str, int]
"""How many cancellations of each provider are due."""


class Idleness:
    """Collects the intervals between looks at which no cancellation was due."""

    def __init__(self) -> None:
        self._since: float | None = None
        self._until = 0.0
        self._over: list[Interval] = []
        self._looks: list[tuple[float, Due]] = []

    def note(self, at: float, due: Due) -> None:
        """Record what was due at this moment."""
        self._looks.append((at, due))
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

    def due_during(self, began: float, ended: float) -> Due:
        """The most that was due of each provider at one look between these times."""
        most: dict[str, int] = {}
        for at, due in self._looks:
            if began <= at <= ended:
                for provider, number in due.items():
                    most[provider] = max(number, most.get(provider, 0))
        return most
