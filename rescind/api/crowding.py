"""Makes room for new connections: the idle ones of who holds most are closed first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from typing import Protocol, TypeVar

CROWDED = 900
"""With more connections than so many, each new one closes an idle one."""


class Connection(Protocol):
    """A connection, as seen by who has to choose one."""

    @property
    def peer(self) -> str:
        """The address that it is counted for."""

    @property
    def idle_since(self) -> float | None:
        """Since when no request is under way; ``None`` if one is."""


C = TypeVar("C", bound=Connection)


def one_to_close(connections: Collection[C]) -> C | None:
    """The connection that makes room: idle for longest, of the address with most."""
    if len(connections) <= CROWDED:
        return None
    held = Counter(one.peer for one in connections)
    idle = [
        (-held[one.peer], since, one)
        for one in connections
        if (since := one.idle_since) is not None
    ]
    return min(idle, key=lambda found: found[:2])[2] if idle else None
