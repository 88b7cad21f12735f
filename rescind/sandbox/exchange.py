"""Handles a provider's call from its arrival to its answer, and injects faults."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Protocol

from rescind.sandbox.echo import quoting
from rescind.sandbox.faults import Faults
from rescind.sandbox.orders import Event
from rescind.sandbox.raw_http import Connection, Reply, Request, html_reply
from rescind.sandbox.sandbox_settings import Settings
from rescind.sandbox.simulation import Call, Notes, Simulation

GARBAGE = html_reply(200, "One moment please")
NEVER_ACTED = frozenset(
    {
        "drop_before",
        "error_500_before",
        "error_502_before",
        "error_503_before",
        "throttle",
    }
)
DROPPED = frozenset({"drop_before", "drop_after"})


@dataclass(slots=True)
class Job:
    """A provider's call that is under way."""

    provider: Simulation
    call: Call
    connection: Connection
    request: Request
    kind: str | None
    skip: str | None = None
    drop: str | None = None
    contradict: str | None = None
    era: int = 0
    """The number of resets before this call: after another reset it must not act."""
    events: dict[str, Event] = field(default_factory=dict)


class Timing(Protocol):
    """The clock and timer of the simulated providers."""

    def now(self) -> float:
        """Seconds since the epoch."""

    def later(self, seconds: float, do: Callable[[], None]) -> None:
        """Call ``do`` after so many seconds."""


class RealTime:
    """The real clock, and the timer of the running event loop."""

    def now(self) -> float:
        return time.time()

    def later(self, seconds: float, do: Callable[[], None]) -> None:
        asyncio.get_running_loop().call_later(seconds, do)


class Exchange:
    """Handles all calls to the providers, and counts them."""

    def __init__(
        self,
        simulations: dict[str, Simulation],
        settings: Settings,
        faults: Faults,
        refuse: Callable[[float], None],
        timing: Timing,
    ) -> None:
        self._timing = timing
        self._simulations = simulations
        self._settings = settings
        self.faults = faults
        self._refuse = refuse
        self._hanging: list[Job] = []
        self.calls: Counter[tuple[str, str]] = Counter()
        self.throttled: Counter[str] = Counter()
        self._era = 0

    def handle(self, request: Request, connection: Connection) -> None:
        name, _, rest = request.path[1:].partition("/")
        simulation = self._simulations.get(name)
        if simulation is None:
            connection.answer(html_reply(404, "404 Not Found"))
            return
        call = simulation.open(request, f"/{rest}")
        self.calls[name, call.op if call else "other"] += 1
        if call is None:
            connection.answer(simulation.no_such_call())
            return
        self._start(self._job(simulation, call, connection, request))

    def release(self) -> None:
        """Continue the calls of every provider that no longer hangs."""
        hanging, self._hanging = self._hanging, []
        for job in hanging:
            # A hanging call whose client has disconnected never takes effect.
            if job.connection.is_open:
                self._start(job)

    def reset(self) -> None:
        """Clear the counts, and drop the connections of hanging calls."""
        for job in self._hanging:
            job.connection.drop()
        self._hanging.clear()
        self._era += 1
        self.calls.clear()
        self.throttled.clear()

    def _job(
        self,
        simulation: Simulation,
        call: Call,
        connection: Connection,
        request: Request,
    ) -> Job:
        name, now = simulation.name, self._timing.now()
        hangs = name in self._settings.hang
        rows = len(set(call.ids)) if simulation.batches else 0
        kind = "hang" if hangs else self.faults.choose(name, call.op, rows)
        job = Job(simulation, call, connection, request, kind, era=self._era)
        if kind == "row_missing":
            job.skip = self.faults.one_of(call.ids)
        if kind == "row_dropped":
            job.drop = self.faults.one_of(call.ids)
        if kind == "row_contradicted":
            job.contradict = self.faults.one_of(call.ids)
        for order_id in dict.fromkeys(call.ids):
            event = simulation.event(order_id, now, call.op, kind)
            job.events[order_id] = event
        return job

    def _start(self, job: Job) -> None:
        kind = job.kind
        if job.provider.name in self._settings.hang:
            self._hanging.append(job)
        elif kind == "refuse":
            job.connection.drop()
            self._refuse(self._settings.refuse_seconds)
        elif kind == "late":
            self._later(self._settings.slow_seconds, self._run_late, job)
        elif kind == "slow_before":
            self._later(self._settings.slow_seconds, self._start_late, job)
        else:
            reply = None if kind in NEVER_ACTED else self._run(job)
            going = self._as_it_goes_out(job, reply)
            if going is not None and self._settings.echo:
                going = quoting(going, job.request)
            self._deliver(job, going)

    def _start_late(self, job: Job) -> None:
        # A slow call whose client has disconnected never takes effect.
        if job.connection.is_open and job.era == self._era:
            self._deliver(job, self._run(job))

    def _run_late(self, job: Job) -> None:
        """Let the call take effect, even if its client has disconnected."""
        if job.era == self._era:
            self._deliver(job, self._run(job))

    def _run(self, job: Job) -> Reply:
        """Let the provider act, record what it did, and get its answer."""
        notes = Notes(self._timing.now(), job.skip, job.drop, job.contradict)
        reply = job.call.run(notes)
        if job.skip is not None:
            notes.active.pop(job.skip, None)
        for order_id in notes.acted:
            job.events[order_id].acted = True
        for order_id, active in notes.active.items():
            if order_id not in job.events:
                # The answer lists orders that the call did not name.
                job.events[order_id] = job.provider.event(
                    order_id, notes.now, job.call.op, job.kind
                )
            job.events[order_id].active = active
        self.throttled[job.provider.name] += notes.throttled
        return reply

    def _as_it_goes_out(self, job: Job, reply: Reply | None) -> Reply | None:
        kind = job.kind or ""
        if kind in DROPPED:
            return None
        if kind.startswith("error_"):
            return job.provider.broken(int(kind.split("_")[1]))
        if kind == "throttle":
            return job.provider.throttled()
        return GARBAGE if kind == "garbage" else reply

    def _deliver(self, job: Job, reply: Reply | None) -> None:
        delay = self._settings.latency_ms.get(job.provider.name, 0.0) / 1000
        if job.kind == "slow_after":
            delay += self._settings.slow_seconds
        self._later(delay, self._finish, job, reply)

    def _finish(self, job: Job, reply: Reply | None) -> None:
        """Send the answer, or drop the connection; record whether it was sent."""
        answered = False
        if reply is None:
            job.connection.drop()
        else:
            answered = job.connection.answer(reply)
        readable = answered and job.kind != "garbage" and reply is not None
        for order_id, event in job.events.items():
            event.answered = answered and order_id != job.skip
            event.status = reply.status if answered and reply else None
            if not readable or (reply is not None and reply.status >= 500):
                event.active = None

    def _later(self, delay: float, do: Callable[..., None], *given: object) -> None:
        if delay > 0:
            self._timing.later(delay, partial(do, *given))
        else:
            do(*given)
