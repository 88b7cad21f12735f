"""Bounds the requests under way, so that no caller takes the places of the others.

Each kind of request has a budget of its own. Within a budget, a caller gets a share.
All of this belongs to one event loop, and needs no lock.
"""

from __future__ import annotations

from collections import Counter

API_PLACES = 400
"""Requests with a valid token; one token has at most half of them."""
PAGE_PLACES = 100
"""Requests of signed-in users for pages."""
STREAM_PLACES = 100
"""Open event streams; each is held for hours."""
STRANGER_PLACES = 100
"""Requests without a valid token or session, of all addresses together."""
STRANGER_SHARE = 20
"""Requests without a valid token or session, of one address."""
EVENT_PLACES = 50
"""Events of providers: apart, so that a storm of them keeps nobody from signing in."""


class Budget:
    """Places for requests under way.

    A caller may hold at most as many places as are free (a dynamic threshold), and at
    most ``share``. So a caller alone gets half of the places, and two callers a third
    each. A caller that holds none gets a place, unless many others are active.
    """

    def __init__(self, places: int, share: int | None = None) -> None:
        self._places, self._share = places, places if share is None else share
        self._held: Counter[str] = Counter()
        self.taken = 0
        """Places that are held now."""

    def enter(self, caller: str) -> bool:
        """Take a place for ``caller``; false if it may hold no more places now."""
        if self._held[caller] >= min(self._places - self.taken, self._share):
            self._forget(caller)
            return False
        self._held[caller] += 1
        self.taken += 1
        return True

    def leave(self, caller: str) -> None:
        """Give one place of ``caller`` back."""
        self._held[caller] -= 1
        self.taken -= 1
        self._forget(caller)

    def _forget(self, caller: str) -> None:
        # Strangers come from any number of addresses: only active ones are kept.
        if not self._held[caller]:
            del self._held[caller]


class Budgets:
    """The budgets of one app."""

    def __init__(self) -> None:
        self.api = Budget(API_PLACES)
        self.pages = Budget(PAGE_PLACES)
        self.streams = Budget(STREAM_PLACES)
        self.strangers = Budget(STRANGER_PLACES, STRANGER_SHARE)
        self.events = Budget(EVENT_PLACES, STRANGER_SHARE)
