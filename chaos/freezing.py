"""Freezes one worker for longer than its leases, as if its machine were suspended.

Afterwards the worker goes on with what it knew before.
"""

from __future__ import annotations

import threading
import time

from chaos.points import FREEZE, Failpoints
from chaos.watcher import Watcher
from rescind.ledger.states import OPEN, State

ARMED_SECONDS = 30.0
"""How long a worker may take to pass the point."""
TAKE_OVER_SECONDS = 40.0
"""How long others may take to end the frozen worker's orders, on a slow machine."""
THAW_SECONDS = 3.0
"""How long the thawed worker is left alone, so that it can do harm if it would."""


def freeze(
    failpoints: Failpoints, watcher: Watcher, seconds: float, over: threading.Event
) -> bool:
    """Freeze a worker that holds an answer that is not recorded yet.

    The worker stands still for at least ``seconds``, and until other workers have ended
    its orders (for at most ``TAKE_OVER_SECONDS`` more). Returns whether a worker
    passed the point.
    """
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
        # Armed again in case the worker that took the file was killed since.
        failpoints.arm(FREEZE, FREEZE)
        if over.wait(1.0) or time.monotonic() > give_up:
            return False
    failpoints.disarm(FREEZE)
    return True
