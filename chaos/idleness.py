"""When nothing was due: a worker that makes no call then is not to be blamed."""

from __future__ import annotations

Interval = tuple[float, float]
"""From and to these moments (time since the epoch)."""


class Idleness:
    """The intervals between looks at which nothing was due."""

    def __init__(self) -> None:
        self._since: float | None = None
        self._until = 0.0
        self._over: list[Interval] = []

    def note(self, at: float, *, due: bool) -> None:
        """At this moment something was due, or nothing."""
        if due:
            self.end()
        elif self._since is None:
            self._since = at
        self._until = at

    def end(self) -> None:
        """What came after the last look is not known."""
        if self._since is not None:
            self._over.append((self._since, self._until))
        self._since = None

    @property
    def intervals(self) -> list[Interval]:
        left = [] if self._since is None else [(self._since, self._until)]
        return [*self._over, *left]
