"""Group commit: requests that arrive during a commit share the next transaction.

Under load, a cancellation that is sent alone costs as little as one in a batch of a
thousand. Without load, a request waits for no other request.

A transaction holds a bounded number of entries, in a fair order (``fair_queue``). So a
large request is written in parts, each in a transaction of its own. It is answered
after its last part. If the process dies between two parts, the request gets no answer,
and its producer sends it again: entries that were written are duplicates then, by
their keys.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import Context
from dataclasses import dataclass, field

import structlog

from rescind.api.fair_queue import FairQueue, Part
from rescind.intake.receipts import Taken
from rescind.ledger.storage.transactions import LedgerUnreachableError

log = structlog.get_logger("rescind.api")

ROOM = 250
"""Entries in one transaction: a request that comes alone waits for no more of them."""

Entries = Sequence[object]
Traces = Sequence[str | None]
Actors = Sequence[str]
Take = Callable[[Entries, Traces, Actors], list[Taken]]
"""Writes entries to the ledger, each with its producer's trace context or ``None``, and
with its actor."""


@dataclass(eq=False)
class _Ask:
    """One request's entries, the results so far, and the future of all results."""

    entries: Entries
    by: str
    trace: str | None = None
    taken: list[Taken] = field(default_factory=list)
    answer: asyncio.Future[list[Taken]] = field(
        default_factory=lambda: asyncio.get_running_loop().create_future()
    )

    @property
    def over(self) -> bool:
        return self.answer.done()

    def add(self, taken: Sequence[Taken]) -> None:
        self.taken += taken
        if len(self.taken) == len(self.entries) and not self.over:
            self.answer.set_result(self.taken)

    def fail(self, error: Exception) -> None:
        if not self.over:
            self.answer.set_exception(error)


Parts = Sequence[Part[_Ask]]


class Intake:
    """Commits waiting requests together; belongs to one event loop."""

    def __init__(self, take: Take) -> None:
        self._take = take
        self._waiting: FairQueue[_Ask] = FairQueue()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="intake")
        self._running: asyncio.Task[None] | None = None

    async def take_in(
        self, entries: Entries, by: str, trace: str | None = None
    ) -> list[Taken]:
        """The result of each entry, in order, after the ledger has committed them all.

        ``by`` is the actor who submits them (see ``rescind.config.actors``), who shares
        the intake fairly with other actors. Raises what ``take`` raises; then some of
        the entries may have been committed. To send the same entries again is safe.
        """
        if not entries:
            return []
        ask = _Ask(entries, by, trace)
        self._waiting.add(by, ask)
        if self._running is None or self._running.done():
            # Not in the request's context: its id must not stand in others' logs.
            self._running = asyncio.create_task(self._run(), context=Context())
        return await asyncio.shield(ask.answer)

    def close(self) -> None:
        self._thread.shutdown()

    async def _run(self) -> None:
        while self._waiting:
            # Empty if only requests are left that have failed already.
            if parts := self._waiting.take(ROOM):
                await self._together(parts)

    async def _together(self, parts: Parts) -> None:
        entries = [entry for part in parts for entry in part.entries]
        try:
            taken = iter(await self._in_thread(entries, _traces(parts), _actors(parts)))
        except LedgerUnreachableError as error:
            log.warning("no submission can be accepted", why=str(error))
            _fail(parts, error)
        except Exception as error:  # noqa: BLE001  (each request gets its own error)
            if len(parts) == 1:
                _fail(parts, error)
                return
            # One request's content must not make the others fail.
            for part in parts:
                await self._together([part])
        else:
            for part in parts:
                part.request.add([next(taken) for _ in part.entries])

    async def _in_thread(
        self, entries: Entries, traces: Traces, actors: Actors
    ) -> list[Taken]:
        loop = asyncio.get_running_loop()
        given = (entries, traces, actors)
        return await loop.run_in_executor(self._thread, self._take, *given)


def _traces(parts: Parts) -> Traces:
    """The trace context of each entry; most have none."""
    return [part.request.trace for part in parts for _ in part.entries]


def _actors(parts: Parts) -> Actors:
    """The actor of each entry."""
    return [part.request.by for part in parts for _ in part.entries]


def _fail(parts: Parts, error: Exception) -> None:
    for part in parts:
        part.request.fail(error)
