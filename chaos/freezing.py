"""One worker stands still for longer than its leases, as on a machine that was
suspended, and then goes on with what it knew."""

from __future__ import annotations

import threading
import time

from chaos.points import FREEZE, Failpoints
from chaos.watcher import Watcher
from rescind.ledger.states import OPEN, State

ARMED_SECONDS = 30.0
"""So long a worker may take to come by."""
TAKE_OVER_SECONDS = 40.0
"""Until what the frozen worker had has ended without it, on a slow machine."""
THAW_SECONDS = 3.0
"""For so long the worker that was frozen is left alone, to do harm if it can."""


def freeze(
    failpoints: Failpoints, watcher: Watcher, seconds: float, over: threading.Event
) -> bool:
    """Stop a worker that has an answer which is not recorded, for at least so many
    seconds, and until others have ended its orders. Whether a worker came by."""
    if not _frozen(failpoints, over):
        return False
    held = watcher.in_states(State.SENDING)
    over.wait(seconds)
    give_up = time.monotonic() + TAKE_OVER_SECONDS
    while held & watcher.in_states(*OPEN) and time.monotonic() < give_up:
        over.wait(0.2)
    failpoints.thaw()
    over.wait(THAW_SECONDS)
    failpoints.release()
    return True


def _frozen(failpoints: Failpoints, over: threading.Event) -> bool:
    give_up = time.monotonic() + ARMED_SECONDS
    while failpoints.frozen() is None:
        # Again, should the worker that took the order have been killed since.
        failpoints.arm(FREEZE, FREEZE)
        if over.wait(1.0) or time.monotonic() > give_up:
            return False
    failpoints.disarm(FREEZE)
    return True
