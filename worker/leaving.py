"""The end of a worker that was told to stop: calls under way end, and then all does.

Celery waits without an end for what its children do. Ours wait for providers' answers,
which has an end; but a ledger or a Redis that is away could keep them for longer. What
does not end in time is left as it is: its leases run out, and it is read back.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import suppress

import structlog

from worker import slots
from worker.accounts import Accounts

log = structlog.get_logger("rescind.worker")

LONGER_SECONDS = 3.5
"""After a provider's last answer: to record it, and for the children to end."""
LAST_SECONDS = 1.0
"""For Celery to give back the messages of children that were ended."""


def longest_answer(accounts: Accounts) -> float:
    """Seconds for which the most patient of the accounts waits for an answer."""
    waits = (lane.policy.read_timeout for lane in accounts.lanes.values())
    return max(waits, default=0.0)


def end_within(seconds: float, children: Callable[[], Iterable[int]]) -> None:
    """See that this process ends, whatever it waits for. Returns at once."""
    end = threading.Thread(target=_end, args=(seconds, children), daemon=True)
    end.start()


def _end(seconds: float, children: Callable[[], Iterable[int]]) -> None:
    time.sleep(seconds)
    log.warning("stopped before all had ended: what was under way will be read back")
    for pid in children():
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    time.sleep(LAST_SECONDS)
    with suppress(OSError):
        slots.clear()
    os._exit(0)
