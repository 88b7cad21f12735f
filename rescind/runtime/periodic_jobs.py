"""The jobs of a worker beside its lanes: sweeps, webhooks, and runs of schedules."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable
from functools import partial
from socket import gethostname

import structlog
from redis import RedisError

from rescind.config.accounts import Lane
from rescind.config.settings import settings
from rescind.config.times import utc_now
from rescind.config.watched_file import Watched
from rescind.engine.stall_watchdog import StallWatch
from rescind.engine.sweeper import each, sweep
from rescind.ledger.deliveries.delivery_queries import anything_due
from rescind.ledger.reading.ended_groups import watched_groups
from rescind.ledger.seal import SealError
from rescind.ledger.storage import clock_skew
from rescind.ledger.storage.transactions import LedgerUnreachableError, reading
from rescind.runtime.background_job import BackgroundJob
from rescind.runtime.group_job import GroupJob
from rescind.runtime.host import Host
from rescind.runtime.retention import Retention
from rescind.runtime.search_job import SearchJob
from rescind.runtime.shutdown_flag import stopping
from rescind.schedules.firing import Firing
from rescind.schedules.rules import Schedules, load_schedules
from rescind.schedules.runner import Runner
from rescind.telemetry import heartbeat
from rescind.webhooks.attempt import Deliverer, SendTask
from rescind.webhooks.sender import Sender

log = structlog.get_logger("rescind.worker")

SWEEP_BOUND = 120.0
"""A sweep that takes more seconds hangs: each of its transactions has a timeout."""
WEBHOOKS_BOUND = 180.0
"""The most seconds between two steps of deliveries, which may wait for the ledger."""
PULSE_SECONDS = 5.0
"""How often a sweeping worker writes its heartbeat: far more often than is checked."""
SEARCH_BOUND = 180.0
"""One run indexes for less than a second; each transaction has a timeout."""
GROUP_BOUND = 180.0
"""One run lasts for less than a second; each transaction has a timeout."""
SCHEDULE_BOUND = 900.0
"""A run ends by itself after 180 s, and its source has timeouts of its own."""


def jobs_with(send_task: SendTask) -> Callable[[Host], dict[str, BackgroundJob]]:
    """A function that makes the jobs of a host.

    ``send_task`` sends messages to producers' own tasks.
    """

    def make(host: Host) -> dict[str, BackgroundJob]:
        made: dict[str, BackgroundJob] = {}
        schedules = ScheduleJob(host)
        sender = _sender(host, send_task)
        made["webhooks"] = BackgroundJob(
            "webhooks", partial(_deliver, sender), WEBHOOKS_BOUND
        )
        made["search"] = BackgroundJob(
            "search", SearchJob(host.here.engine, host.here.clock.now).run, SEARCH_BOUND
        )
        made["groups"] = BackgroundJob("groups", _group_job(host).run, GROUP_BOUND)
        made["schedules"] = BackgroundJob("schedules", schedules.run, SCHEDULE_BOUND)
        sweeper = SweepJob(host, schedules)
        made["sweep"] = BackgroundJob("sweep", sweeper.run, SWEEP_BOUND)
        return made

    return make


def _group_job(host: Host) -> GroupJob:
    moved = partial(host.moved, "groups")
    return GroupJob(host.here.engine, host.here.clock.now, moved)


def _sender(host: Host, send_task: SendTask) -> Sender:
    deliverer = Deliverer(host.here.callbacks, send_task)
    return Sender(
        host.here.engine,
        deliverer.attempt,
        partial(host.moved, "webhooks"),
        stopping,
        host.here.clock.now,
    )


def _deliver(sender: Sender) -> None:
    try:
        sender.run()
    except LedgerUnreachableError as error:
        log.warning("no webhook is delivered", why=str(error))


class SweepJob:
    """One tick of the sweep: the sweep itself, then the other periodic work."""

    def __init__(self, host: Host, schedules: ScheduleJob) -> None:
        self._host = host
        self._schedules = schedules
        self._retention = Retention()
        self._stalls = StallWatch(self._believes)
        self._heartbeat_at = 0.0
        self._holder = f"{gethostname()} {os.getpid()}"

    def run(self) -> None:
        here = self._host.here
        now = here.clock.now()
        try:
            due = sweep(here.engine, here.accounts, now, self._holder)
        except LedgerUnreachableError as error:
            log.warning("no sweep", why=str(error))
            return
        self._host.engine.notify(
            (lane, operation)
            for lane, operations in due.items()
            for operation in operations
        )
        each(
            {
                "no pulse": self._write_heartbeat,
                "no look at lanes that stand still": self._look_for_stalls,
                "no webhook and no end of a group is told": self._tell,
                "nothing is deleted": self._forget,
                "nothing is indexed": partial(self._host.notify, "search"),
                "nothing is scheduled": self._schedules.fire,
            }
        )

    def _write_heartbeat(self) -> None:
        if time.monotonic() < self._heartbeat_at:
            return
        self._heartbeat_at = time.monotonic() + PULSE_SECONDS
        here = self._host.here
        with reading(here.engine) as connection:
            ahead = clock_skew.ahead(connection, here.clock.now())
        if ahead.total_seconds() > heartbeat.AHEAD_SECONDS:
            log.error("the clock was set back: what is due waits", by=str(ahead))
        try:
            # Its readers compare it with the time of their own machine.
            heartbeat.write(here.redis, utc_now())
            heartbeat.write_clock_skew(here.redis, ahead)
        except RedisError as error:
            log.debug("no pulse", kind=type(error).__name__)

    def _believes(self, lane: Lane, operation: str) -> str:
        return self._host.engine.wait_reasons(lane, operation)

    def _look_for_stalls(self) -> None:
        here = self._host.here
        self._stalls.look(here.engine, here.accounts, here.clock.now())

    def _tell(self) -> None:
        """Look for webhooks and ends of groups in one transaction, each second: most
        looks find nothing."""
        with reading(self._host.here.engine) as connection:
            due = anything_due(connection, self._host.here.clock.now())
            watched = watched_groups(connection, "", 1)
        if due:
            self._host.notify("webhooks")
        if watched:
            self._host.notify("groups")

    def _forget(self) -> None:
        engine, chosen = self._host.here.engine, settings()
        now = self._host.here.clock.now()
        self._retention.tick(engine, chosen.keep_for, now, chosen.keep_refused_for)


class ScheduleJob:
    """Opens the runs of schedules that are due, and runs waiting ones one by one."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._firing = Firing()
        self._file: Watched[Schedules] = Watched(
            settings().schedules, load_schedules, lambda found: found.fault is not None
        )
        self._asked: set[str] = set()

    def fire(self) -> None:
        """Open the runs that are due, and have the waiting ones run."""
        here = self._host.here
        now = here.clock.now()
        names = self._firing.tick(here.engine, self._file.current(), now)
        self.ask(names)

    def ask(self, names: Iterable[str]) -> None:
        """Have the waiting runs of these rules run. Safe from any thread."""
        new = set(names)
        if new:
            self._asked |= new
            self._host.notify("schedules")

    def run(self) -> None:
        while self._asked:
            name = self._asked.pop()
            self._host.moved("schedules")
            try:
                self._runner().run_waiting(name, self._file.current())
            except (LedgerUnreachableError, SealError) as error:
                # The run's lease will expire, and the sweep will find the run.
                log.warning("no scheduled work", schedule=name, why=str(error))

    def _runner(self) -> Runner:
        here = self._host.here
        known = (here.engine, here.accounts, here.seal, here.clock.now)
        return Runner(*known, self._notify, here.callbacks, stopping)

    def _notify(self, lanes: Iterable[Lane]) -> None:
        self._host.engine.notify((lane, "cancel") for lane in lanes)
