"""The end of a run: everything is final, or nothing moves any more."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Sequence
from collections.abc import Set as AbstractSet
from typing import Protocol

from chaos.fault_plan import Message
from chaos.watcher import Named, Watcher
from rescind.demo.stall import StallDetector

LOOK_SECONDS = 0.1


class Sends(Protocol):
    """What may have messages left to send: a ``Producer``."""

    @property
    def left(self) -> int: ...


def drained(
    watcher: Watcher,
    producers: Sequence[Sends],
    expected: AbstractSet[Named],
    stall: StallDetector | None = None,
    pause: Callable[[float], None] = time.sleep,
    most: float = math.inf,
    clock: Callable[[], float] = time.monotonic,
) -> bool:
    """Wait for the end for as long as anything moves, however slowly; but no longer
    than ``most`` seconds.

    Whether it has come: all that is ``expected`` is in the ledger, and final.
    """
    stall, give_up = stall or StallDetector(), clock() + most
    while _unsent(producers) or not watcher.has_ended(expected):
        if stall.stalled(_moves(watcher, producers)) or clock() >= give_up:
            return False
        pause(LOOK_SECONDS)
    return True


def _unsent(producers: Sequence[Sends]) -> int:
    return sum(producer.left for producer in producers)


def _moves(watcher: Watcher, producers: Sequence[Sends]) -> object:
    """What changes as long as anything moves; nothing if it cannot be seen."""
    written = watcher.written()
    return None if written is None else (written, _unsent(producers))


def named(messages: Iterable[Message]) -> set[Named]:
    """All that these messages are about."""
    entries = (entry for message in messages for entry in message.entries)
    return {(entry["provider"], str(entry["order"])) for entry in entries}
