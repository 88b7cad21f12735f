"""What every Python of `make test-later` loads first: a sleep that faketime leaves be.

libfaketime 0.9.10 adds its offset to an absolute sleep on the monotonic clock, although
``--exclude-monotonic`` keeps that clock true: ``time.sleep`` fails with EINVAL.
"""

from __future__ import annotations

import select
import time
from typing import SupportsIndex


def sleep(seconds: float | SupportsIndex, /) -> None:
    """As ``time.sleep``, by a wait that is relative."""
    span = float(seconds)
    if span < 0:
        raise ValueError("sleep length must be non-negative")
    select.select([], [], [], span)


time.sleep = sleep
