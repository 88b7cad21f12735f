"""Handles a provider's call from its arrival to its answer, and injects faults."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Callable
from functools import partial
from urllib.parse import unquote

from rescind.sandbox.echo import quoting
from rescind.sandbox.faults import OF_ROWS, Faults
from rescind.sandbox.job import NEVER_ACTED, NO_ANSWER, Job
from rescind.sandbox.raw_http import Connection, Reply, Request, html_reply
from rescind.sandbox.sandbox_log import CallLog, Entry
from rescind.sandbox.sandbox_scenario import Scenario, Script
from rescind.sandbox.sandbox_settings import Settings
from rescind.sandbox.simulation import Call, Simulation
from rescind.sandbox.timing import Timing

NOT_FOUND = html_reply(404, "404 Not Found")


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
        self.timing = timing
        self._simulations = simulations
        self._settings = settings
        self.faults = faults
        self.script = Script(Scenario())
        self.log = CallLog()
        self._refuse = refuse
        self._hanging: list[Job] = []
        self._silent: list[Connection] = []
        self.calls: Counter[tuple[str, str]] = Counter()
        self.times = array("d")
        """When each of these calls arrived. An order's record has only the calls that
        named it, or whose answer listed it."""
        self.throttled: Counter[str] = Counter()
        self._era = 0

    def handle(self, request: Request, connection: Connection) -> None:
        """Answer a call to ``/<provider>/…`` or ``/<provider>@<account>/…``."""
        first, _, rest = request.path[1:].partition("/")
        name, _, account = unquote(first).partition("@")
        entry = Entry(self.timing.now(), name, account or "default", request)
        self.log.add(entry)
        simulation = self._simulations.get(name)
        if simulation is None:
            self._refuse_call(entry, connection, NOT_FOUND)
            return
        call = simulation.open(request, f"/{rest}")
        self.calls[name, call.op if call else "other"] += 1
        self.times.append(entry.began)
        if call is None:
            self._refuse_call(entry, connection, simulation.no_such_call())
            return
        self._start(self._job(simulation, call, connection, entry))

    def release(self) -> None:
        """Continue the calls of every provider that no longer hangs."""
        hanging, self._hanging = self._hanging, []
        for job in hanging:
            # A hanging call whose client has disconnected never takes effect.
            if job.connection.is_open:
                self._start(job)

    def reset(self) -> None:
        """Clear the counts, and drop the connections of hanging calls."""
        for connection in [*(job.connection for job in self._hanging), *self._silent]:
            connection.drop()
        self._hanging.clear()
        self._silent.clear()
        self._era += 1
        self.calls.clear()
        del self.times[:]
        self.throttled.clear()
        self.log.clear()

    def _refuse_call(self, entry: Entry, connection: Connection, reply: Reply) -> None:
        entry.end(reply, answered=connection.answer(reply), now=self.timing.now())

    def _job(
        self, simulation: Simulation, call: Call, connection: Connection, entry: Entry
    ) -> Job:
        name, now = simulation.name, self.timing.now()
        job = Job(simulation, call, connection, entry, era=self._era)
        job.step = self.script.take(name, entry.account, call.op, call.ids)
        job.kind = self._kind(job)
        if job.kind in OF_ROWS:
            named = job.step.order if job.step else None
            job.concern(named or self.faults.one_of(call.ids))
        for order_id in dict.fromkeys(call.ids):
            event = simulation.event(order_id, now, call.op, job.kind)
            job.events[order_id] = event
        scripted = job.step is not None
        entry.begin(call.op, job.kind, job.events, scripted=scripted)
        return job

    def _kind(self, job: Job) -> str | None:
        name, call = job.provider.name, job.call
        if name in self._settings.hang:
            return "hang"
        if job.step is not None:
            return self.faults.note(name, call.op, job.step.fault)
        rows = len(set(call.ids)) if job.provider.batches else 0
        return self.faults.choose(name, call.op, rows)

    def _start(self, job: Job) -> None:
        kind = job.kind
        if job.provider.name in self._settings.hang:
            self._hanging.append(job)
        elif kind == "refuse":
            job.connection.drop()
            self._refuse(job.seconds(self._settings.refuse_seconds))
        elif kind == "late":
            self._later(job.seconds(self._settings.slow_seconds), self._run_late, job)
        elif kind == "slow_before":
            self._later(job.seconds(self._settings.slow_seconds), self._start_late, job)
        else:
            self._finish_soon(job, None if kind in NEVER_ACTED else self._run(job))

    def _finish_soon(self, job: Job, reply: Reply | None) -> None:
        going = job.going_out(reply)
        if going is not None and self._settings.echo:
            job.entry.unquoted = going
            going = quoting(going, job.entry.request)
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
        notes = job.notes(self.timing.now())
        reply = job.call.run(notes)
        job.record_acts(notes)
        self.throttled[job.provider.name] += notes.throttled
        return reply

    def _deliver(self, job: Job, reply: Reply | None) -> None:
        if job.kind in NO_ANSWER:
            self._silent.append(job.connection)
            return
        delay = self._settings.latency_ms.get(job.provider.name, 0.0) / 1000
        if job.kind == "slow_after":
            delay += job.seconds(self._settings.slow_seconds)
        self._later(delay, self._finish, job, reply)

    def _finish(self, job: Job, reply: Reply | None) -> None:
        """Send the answer, or drop the connection; record whether it was sent."""
        answered = False
        if reply is None:
            job.connection.drop()
        else:
            answered = job.connection.answer(reply)
        job.record_answer(reply, answered=answered)
        job.entry.end(reply, answered=answered, now=self.timing.now())

    def _later(self, delay: float, do: Callable[..., None], *given: object) -> None:
        if delay > 0:
            self.timing.later(delay, partial(do, *given))
        else:
            do(*given)
