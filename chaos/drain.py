"""Waits for the end of a run: every cancellation is final, or the run has stalled."""

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
    """An object that may have messages left to send, such as a ``Producer``."""

    @property
    def left(self) -> int:
        """How many messages are still to be sent."""


def drained(
    watcher: Watcher,
    producers: Sequence[Sends],
    expected: AbstractSet[Named],
    stall: StallDetector | None = None,
    pause: Callable[[float], None] = time.sleep,
    most: float = math.inf,
    clock: Callable[[], float] = time.monotonic,
) -> bool:
    """Wait until every cancellation is final; return whether that has happened.

    The wait goes on while the run makes any progress, however slow, but for at most
    ``most`` seconds. The result is true if all ``expected`` orders are in the ledger,
    every cancellation there is final, and the producers have sent every message.
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
    """A value that changes with each step of progress; None if the ledger is away."""
    written = watcher.written()
    return None if written is None else (written, _unsent(producers))


def named(messages: Iterable[Message]) -> set[Named]:
    """The provider and the order of each entry in these messages."""
    entries = (entry for message in messages for entry in message.entries)
    return {(entry["provider"], str(entry["order"])) for entry in entries}
