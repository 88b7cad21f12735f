"""Waiting submissions, in a fair order: between callers, and between sizes.

Callers take turns. In its turn, a caller writes small requests and parts of large ones,
half and half: a small request never waits for a large one to end, and a large one goes
on however many small ones come.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar

TURN = 50
"""Entries that a caller may write in its turn. A larger request is taken in parts."""


class Request(Protocol):
    """A request, as the queue sees it."""

    @property
    def entries(self) -> Sequence[object]: ...

    @property
    def over(self) -> bool:
        """Whether no more of it is to be written."""


R = TypeVar("R", bound=Request)


@dataclass(frozen=True, slots=True)
class Part(Generic[R]):
    """Some of a request's entries, in order: those from ``begin`` to before ``end``."""

    request: R
    begin: int
    end: int

    @property
    def entries(self) -> Sequence[object]:
        return self.request.entries[self.begin : self.end]


Rest = Part
"""The part of a request that still waits."""


@dataclass(slots=True)
class _Caller(Generic[R]):
    """The waiting requests of one caller: small ones in order, large ones in turns."""

    small: deque[Rest[R]] = field(default_factory=deque)
    large: deque[Rest[R]] = field(default_factory=deque)

    def __len__(self) -> int:
        return len(self.small) + len(self.large)

    def add(self, request: R) -> None:
        rest = Rest(request, 0, len(request.entries))
        (self.small if rest.end <= TURN else self.large).append(rest)

    def turn(self, room: int) -> Iterator[Part[R]]:
        """The parts of one turn, of at most ``room`` entries together."""
        for waiting, most in (
            (self.small, (room + 1) // 2),
            (self.large, room),
            (self.small, room),
        ):
            for part in _front(waiting, min(room, most)):
                room -= part.end - part.begin
                yield part


def _front(waiting: deque[Rest[R]], room: int) -> Iterator[Part[R]]:
    """Take parts from the front; the rest of a request goes to the back."""
    while waiting and room > 0:
        rest = waiting.popleft()
        if rest.request.over:
            continue
        end = min(rest.begin + room, rest.end)
        if end < rest.end:
            waiting.append(Rest(rest.request, end, rest.end))
        room -= end - rest.begin
        yield Part(rest.request, rest.begin, end)


class FairQueue(Generic[R]):
    """The requests of all callers; belongs to one event loop."""

    def __init__(self) -> None:
        self._callers: OrderedDict[Hashable, _Caller[R]] = OrderedDict()

    def __len__(self) -> int:
        """The requests that wait, whole or in part."""
        return sum(map(len, self._callers.values()))

    def add(self, caller: Hashable, request: R) -> None:
        """Let ``request``, which has entries, wait for its turn."""
        self._callers.setdefault(caller, _Caller()).add(request)

    def take(self, room: int) -> list[Part[R]]:
        """The parts to write next, of at most ``room`` entries together.

        The list is empty if only requests waited that are over.
        """
        parts: list[Part[R]] = []
        while self._callers and room > 0:
            caller, waiting = self._callers.popitem(last=False)
            turn = list(waiting.turn(min(room, TURN)))
            room -= sum(part.end - part.begin for part in turn)
            parts += turn
            if waiting:
                self._callers[caller] = waiting
        return _joined(parts)


def _joined(parts: Sequence[Part[R]]) -> list[Part[R]]:
    """One part for each request: those of several turns follow each other."""
    found: dict[int, Part[R]] = {}
    for part in parts:
        known = found.get(id(part.request))
        begin = part.begin if known is None else known.begin
        found[id(part.request)] = Part(part.request, begin, part.end)
    return list(found.values())
