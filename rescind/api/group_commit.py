"""Group commit: requests that arrive during a commit share the next transaction.

Under load, a cancellation that is sent alone costs as little as one in a batch of a
thousand. Without load, a request waits for no other request.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import Context
from dataclasses import dataclass, field

import structlog

from rescind.intake.submissions import MOST, Taken
from rescind.ledger.storage.transactions import LedgerUnreachableError

log = structlog.get_logger("rescind.api")

Entries = Sequence[object]
Traces = Sequence[str | None]
Take = Callable[[Entries, Traces], list[Taken]]
"""Writes entries to the ledger, each with its producer's trace context or ``None``."""


@dataclass
class _Ask:
    """One request's entries, and the future of their results."""

    entries: Entries
    trace: str | None = None
    answer: asyncio.Future[list[Taken]] = field(
        default_factory=lambda: asyncio.get_running_loop().create_future()
    )


class Intake:
    """Commits all waiting requests in one transaction; belongs to one event loop."""

    def __init__(self, take: Take) -> None:
        self._take = take
        self._waiting: deque[_Ask] = deque()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="intake")
        self._running: asyncio.Task[None] | None = None

    async def take_in(self, entries: Entries, trace: str | None = None) -> list[Taken]:
        """The result of each entry, in order, after the ledger has committed.

        Raises what ``take`` raises; then no entry of this request was committed.
        """
        ask = _Ask(entries, trace)
        self._waiting.append(ask)
        if self._running is None or self._running.done():
            # Not in the request's context: its id must not stand in others' logs.
            self._running = asyncio.create_task(self._run(), context=Context())
        return await asyncio.shield(ask.answer)

    def close(self) -> None:
        self._thread.shutdown()

    async def _run(self) -> None:
        while self._waiting:
            await self._together(self._gathered())

    def _gathered(self) -> list[_Ask]:
        """The oldest requests, with at most ``MOST`` entries together."""
        asks = [self._waiting.popleft()]
        room = MOST - len(asks[0].entries)
        while self._waiting and len(self._waiting[0].entries) <= room:
            asks.append(self._waiting.popleft())
            room -= len(asks[-1].entries)
        return asks

    async def _together(self, asks: list[_Ask]) -> None:
        entries = [entry for ask in asks for entry in ask.entries]
        try:
            taken = iter(await self._in_thread(entries, _traces(asks)))
        except LedgerUnreachableError as error:
            log.warning("no submission can be accepted", why=str(error))
            _fail(asks, error)
        except Exception as error:  # noqa: BLE001  (each request gets its own error)
            if len(asks) == 1:
                _fail(asks, error)
                return
            # One request's content must not make the others fail.
            for ask in asks:
                await self._together([ask])
        else:
            for ask in asks:
                _answer(ask, [next(taken) for _ in ask.entries])

    async def _in_thread(self, entries: Entries, traces: Traces) -> list[Taken]:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._thread, self._take, entries, traces)


def _traces(asks: list[_Ask]) -> Traces:
    """The trace context of each entry; most have none."""
    return [ask.trace for ask in asks for _ in ask.entries]


def _answer(ask: _Ask, taken: list[Taken]) -> None:
    if not ask.answer.done():
        ask.answer.set_result(taken)


def _fail(asks: list[_Ask], error: Exception) -> None:
    for ask in asks:
        if not ask.answer.done():
            ask.answer.set_exception(error)
