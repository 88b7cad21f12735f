"""The threads of a worker: the engine, the sweep, webhooks, schedules, the watchdog.

The first task that can start them does so, because the ledger may be unreachable
before.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from functools import partial

import structlog

from rescind.config.accounts import Lane, LaneConfig
from rescind.engine.call_deadlines import longest_call
from rescind.engine.calls import Caller
from rescind.engine.engine import Engine, EngineStoppedError
from rescind.engine.executor import ThreadExecutor
from rescind.engine.lane_operation import Call
from rescind.engine.lane_registry import Registry
from rescind.engine.permits import RedisLimiter
from rescind.engine.watchdog import Watchdog, Watched
from rescind.provider.wire import Sockets, Wire
from rescind.runtime import shutdown_flag
from rescind.runtime.background_job import BackgroundJob
from rescind.runtime.resources import Runtime, runtime
from rescind.runtime.sign_of_life import SignOfLife

log = structlog.get_logger("rescind.worker")

STEP_SECONDS = 120.0
"""A step of the engine that takes longer hangs: the longest wait for SQLite is 35 s,
and for PostgreSQL 95 s."""
CALL_SECONDS = 120.0
"""A call may take this much longer than its policy allows: for a login before it, and
for a DNS look-up, which has no timeout."""
EXIT_HANGING = 70
"""The exit status after the watchdog ends the process: EX_SOFTWARE of sysexits.h."""

Jobs = Callable[["Host"], dict[str, BackgroundJob]]


class Host:
    """The engine of this process, and the jobs beside it, each in its own thread."""

    def __init__(self, here: Runtime, jobs: Jobs) -> None:
        self.here = here
        self._executor = ThreadExecutor(_call_failed)
        caller = partial(_caller, here, Sockets(here.clock))
        registry = Registry(here.accounts_file.current, caller)
        self._limiter = RedisLimiter(here.rates)
        self.engine = Engine(
            here.engine,
            registry,
            self._executor,
            self._limiter,
            here.clock,
            lambda: self.notify("webhooks"),
        )
        self._stopping = False
        self._jobs: dict[str, BackgroundJob] = {}
        self._jobs.update(jobs(self))
        self._thread = threading.Thread(
            target=self._run_engine, name="engine", daemon=True
        )
        self._thread.start()
        self._watchdog = Watchdog(self._watched, _end)
        self._sign_of_life = SignOfLife(
            here.redis,
            self._executor.load,
            sweeping_for=lambda: self._busy_for("sweep"),
        )

    def notify(self, job: str) -> None:
        """Have this job run."""
        self._jobs[job].notify()

    def moved(self, job: str) -> None:
        """Show that this job does not hang, though it takes long."""
        self._jobs[job].moved()

    def _busy_for(self, job: str) -> float | None:
        """Seconds that the run of a job has lasted; ``None`` if it is idle."""
        since = self._jobs[job].busy_since if job in self._jobs else None
        return None if since is None else time.monotonic() - since

    def stop(self) -> None:
        """Begin no new work; ``join`` waits for the end. Safe in a signal handler."""
        self._stopping = True
        self.engine.stop()
        for job in self._jobs.values():
            job.stop()

    def join(self) -> None:
        """Wait until all work in flight is recorded."""
        self._thread.join()
        for job in self._jobs.values():
            job.join()
        self._limiter.close()
        self._watchdog.stop()
        self._sign_of_life.stop()

    def _run_engine(self) -> None:
        try:
            self.engine.run()
        except Exception as error:
            # The watchdog notices that the thread has ended, and ends the process.
            log.critical("the engine ended by a bug of ours", exc_info=error)

    def _watched(self) -> Iterator[Watched]:
        # A thread that was told to stop may have ended.
        over = self._stopping or shutdown_flag.stopping()
        alive = self._thread.is_alive() or over
        yield Watched("engine", self.engine.busy_since, STEP_SECONDS, alive)
        for job in self._jobs.values():
            yield Watched(job.name, job.busy_since, job.bound, job.alive or over)
        oldest = self._executor.oldest()
        if oldest is not None:
            began, call = oldest
            policy = call.operation.policy
            bound = longest_call(policy).total_seconds() + CALL_SECONDS
            yield Watched(f"a call of {'/'.join(call.operation.lane)}", began, bound)


def _caller(
    here: Runtime, wire: Wire, lane: Lane, config: LaneConfig, operation: str
) -> Caller:
    return Caller(lane, config, operation, here.seal, here.tokens, wire)


def _call_failed(call: Call, error: Exception) -> None:
    where = "/".join(call.operation.lane)
    log.error("a call failed by a bug of ours", lane=where, exc_info=error)


def _end(why: str) -> None:
    says = "this worker ends itself: its supervisor starts another"
    shutdown_flag.end(EXIT_HANGING, partial(log.critical, says, why=why))


_lock = threading.Lock()
_hosts: list[Host] = []
"""This process's host, once it has started."""
_jobs: list[Jobs] = []


def use(jobs: Jobs) -> None:
    """Set the jobs that a host runs beside its engine. ``tasks`` calls it once."""
    _jobs[:] = [jobs]


def host() -> Host:
    """This process's host; the first call that can start it does so.

    Raises ``SettingsError``, ``SealError``, ``LedgerUnreachableError`` or
    ``EngineStoppedError``.
    """
    with _lock:
        if not _hosts:
            if shutdown_flag.stopping():
                raise EngineStoppedError("this worker is stopping")
            _hosts.append(Host(runtime(), _jobs[0]))
            if shutdown_flag.stopping():
                _hosts[0].stop()
        return _hosts[0]


def has_started() -> bool:
    """Whether this process has a host."""
    return bool(_hosts)


def stop() -> None:
    """Have this process's host, if it has started, begin no new work."""
    for one in _hosts:
        one.stop()


def join() -> None:
    """Wait until this process's host has recorded all work in flight."""
    for one in _hosts:
        one.join()
