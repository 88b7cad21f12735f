"""How a worker gives its tasks to its children."""

from __future__ import annotations

from typing import Any


def give_at_once(hub: Any, pool: Any) -> None:
    """Have ``pool``, Celery's own, give each task at once, and to its first free child.

    Left alone it looks a turn of its loop later which children may be written to, and
    gives the task to any of them. The same child each time has all that it needs at
    hand, and the others need not grow.
    """
    give, put = hub.consolidate_callback, pool._quick_put
    if isinstance(put, _AtOnce):
        # The connection to the broker is a new one, and the pool is the same.
        return
    pool._quick_put = _AtOnce(pool, put, give)
    # Those that found no child free then.
    hub.consolidate_callback = lambda ready: give(sorted(ready))


class _AtOnce:
    """Takes a job in, and gives the oldest one to a child that is free."""

    def __init__(self, pool: Any, put: Any, give: Any) -> None:
        self._pool, self._put, self._give = pool, put, give

    def __call__(self, job: object) -> None:
        self._put(job)
        pool = self._pool
        free = pool._all_inqueues - pool._busy_workers - pool._active_writes
        if free:
            self._give([min(free)])
