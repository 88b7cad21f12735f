"""A simulated machine: its clocks and tasks. It can die, freeze and go on."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from simulate.hub import Do, Hub, Killed, Task

Passing = Callable[["Machine", str], None]


class Machine:
    """The machine of one worker process. A machine that died never comes back: another
    one with another number takes its place."""

    def __init__(
        self, hub: Hub, number: int, passing: Passing, skew: float = 0.0
    ) -> None:
        """``passing`` is called at each point that a task passes, and may kill or
        freeze the machine, or raise."""
        self.hub = hub
        self.number = number
        self.alive = True
        self.skew = skew
        """Its time of day minus the true time, in seconds."""
        self._slept = 0.0
        """Seconds for which its monotonic clock stood still."""
        self._frozen_until: float | None = None
        self._tasks: list[Task] = []
        self._kept: list[Do] = []
        self._passing = passing

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.hub.time + self.skew, UTC)

    def monotonic(self) -> float:
        return self.hub.time - self._slept

    def spawn(self, work: Do) -> Task:
        self._tasks = [one for one in self._tasks if not one.over]
        task = Task(self.hub, work, self._hold)
        self._tasks.append(task)
        return task

    def current(self) -> Task:
        """The task that runs now."""
        return next(one for one in self._tasks if one.running)

    def sleep(self, seconds: float) -> None:
        """Let the current task wait for so long."""
        self.current().park(seconds)

    def passes(self, point: str) -> None:
        """Note that the current task is at this point. Raises ``Killed`` if the machine
        dies there."""
        if self.alive:
            self._passing(self, point)
        if not self.alive:
            raise Killed
        if self.frozen:
            self.sleep(0.0)

    def kill(self) -> None:
        """End the machine at once. If one of its tasks is running now, that task ends
        at its next ``passes``, or when it waits."""
        self.alive = False
        self._kept.clear()
        for task in self._tasks:
            task.kill()

    def freeze(self, seconds: float, *, suspended: bool) -> None:
        """Make it stand still for so many seconds. If it is suspended, its monotonic
        clock stands still too."""
        self._frozen_until = self.hub.time + seconds
        if suspended:
            self._slept += seconds
        self.hub.later(seconds, self._thaw)

    def _thaw(self) -> None:
        if self._frozen_until is not None and self.hub.time >= self._frozen_until:
            self._frozen_until = None
            kept, self._kept = self._kept, []
            for do in kept:
                do()

    def _hold(self, do: Do) -> bool:
        if not self.alive:
            return True
        if self._frozen_until is not None:
            self._kept.append(do)
            return True
        return False

    @property
    def runs(self) -> bool:
        """Whether a task of its own runs now."""
        return any(one.running for one in self._tasks)

    @property
    def frozen(self) -> bool:
        return self._frozen_until is not None
