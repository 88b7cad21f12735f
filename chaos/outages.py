"""Outages: services that are away, or refuse requests, for some seconds."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Event, Lock

from redis.exceptions import RedisError

from chaos.answers import BACK_SECONDS as WRITTEN_SECONDS
from chaos.answers import HELD, HELD_SECONDS
from chaos.provider_settings import LATENCY_MS
from chaos.redis_refusals import REFUSALS
from chaos.refusals_said import MUST_BE_MET, refusals_in
from chaos.system_under_test import SystemUnderTest

BACK_SECONDS = 30.0
"""How long to try to end a refusal of Redis, which may be away just then."""
LOOK_SECONDS = 0.1
AT_WORK_SECONDS = 1.0
STARTING_SECONDS = 20.0
"""How long to wait until some worker is at work, on a slow machine."""
MEETING_SECONDS = 10.0
"""How long to wait until a worker meets a refusal; an idle worker asks Redis again
within 5 s."""
UNWRITTEN = frozenset({"database read-only", "database failed over"})
"""Outages during which answers arrive and the ledger cannot be written."""


@dataclass(frozen=True, slots=True)
class Outage:
    """A service was away, between two moments (in seconds since the epoch)."""

    what: str
    began: float
    ended: float


class Outages:
    """Causes outages of a system's services, and keeps a record of them."""

    def __init__(
        self, system: SystemUnderTest, quiet: tuple[Lock, ...], over: Event
    ) -> None:
        """``quiet`` are the locks that a thread holds while it kills or freezes a
        worker; ``over`` is set at the end of the run."""
        self._system = system
        self._quiet = quiet
        self._over = over
        self._calming = Lock()
        self.log: list[Outage] = []

    def half_open_redis(self, seconds: float) -> None:
        with self.noted("redis half-open"):
            self._system.redis_servers.half_open(seconds)

    def refusing_redis(self, what: str, seconds: float) -> None:
        """Make Redis answer with the errors of ``REFUSALS[what]``.

        The refusal lasts at least ``seconds``, and until a worker has met one of these
        errors (for at most ``MEETING_SECONDS`` more).
        """
        with _all_of(self._quiet, self._is_frozen_or_over):
            self._await_worker()
            self._system.redis_servers.wait()
            with self.noted(what):
                met = self._met(what)
                with self._system.redis_servers.client() as client:
                    REFUSALS[what].begin(client)
                time.sleep(seconds)
                self._until(lambda: self._met(what) > met, MEETING_SECONDS)
                self._answer_again(what)

    def database_away(self, seconds: float) -> None:
        with self.noted("database away"):
            self._system.database.go_away(seconds)

    def database_restarted(self) -> None:
        with self.noted("database away"):
            self._system.database.restart()

    def database_read_only(self, seconds: float) -> None:
        with self._with_answers_under_way(), self.noted("database read-only"):
            self._system.database.refuse_writes(seconds)

    def database_failed_over(self, seconds: float) -> None:
        with self._with_answers_under_way(), self.noted("database failed over"):
            self._system.database.fail_over(seconds)

    @contextmanager
    def noted(self, what: str) -> Iterator[None]:
        """Record the time in the block as an outage."""
        began = time.time()
        yield
        self.log.append(Outage(what, began, time.time()))

    def _await_worker(self) -> None:
        """Wait for a worker at work: one that is starting has no call under way."""
        self._until(
            lambda: self._system.worker_at_work(AT_WORK_SECONDS) is not None,
            STARTING_SECONDS,
        )

    def _met(self, what: str) -> int:
        said = refusals_in(self._system.said_by_workers())
        return sum(said.get(code, 0) for code in MUST_BE_MET[what])

    def _until(self, holds: Callable[[], bool], seconds: float) -> None:
        give_up = time.monotonic() + seconds
        while not holds() and time.monotonic() < give_up:
            if self._over.wait(LOOK_SECONDS):
                return

    def _answer_again(self, what: str) -> None:
        give_up = time.monotonic() + BACK_SECONDS
        while True:
            self._system.redis_servers.wait()
            try:
                with self._system.redis_servers.client() as client:
                    REFUSALS[what].end(client)
            except RedisError:
                # Redis was killed meanwhile. When it starts, it refuses nothing.
                if time.monotonic() > give_up:
                    raise
            else:
                return

    @contextmanager
    def _with_answers_under_way(self) -> Iterator[None]:
        """Let some answers arrive while the ledger cannot be written, and let no worker
        be killed that holds them."""
        with (
            self._calming,
            _all_of(self._quiet, self._is_frozen_or_over),
            self._system.failpoints.calm(),
        ):
            self._await_worker()
            self._answer_after(HELD_SECONDS * 1000)
            self._await_cancel()
            try:
                yield
            finally:
                self._answer_after(LATENCY_MS)
                # A worker that is killed now may lose what it has kept.
                self._over.wait(WRITTEN_SECONDS)

    def _await_cancel(self) -> None:
        """Wait for a cancel whose answer will come during the outage."""
        before = self._cancels()
        self._until(lambda: self._cancels() > before, MEETING_SECONDS)

    def _cancels(self) -> int:
        calls = self._system.sandbox.calls()["calls"]
        return sum(calls[name].get("cancel", 0) for name in HELD)

    def _answer_after(self, milliseconds: float) -> None:
        self._system.sandbox.settings(latency_ms=dict.fromkeys(HELD, milliseconds))

    def _is_frozen_or_over(self) -> bool:
        """Whether the locks are not needed.

        While a worker is frozen, no worker is killed and no other one is frozen.
        """
        return self._system.failpoints.frozen() is not None or self._over.is_set()


@contextmanager
def _all_of(locks: tuple[Lock, ...], suffices: Callable[[], bool]) -> Iterator[None]:
    """Hold these locks, or those that could be acquired before ``suffices`` held."""
    held = [lock for lock in locks if _acquired(lock, suffices)]
    try:
        yield
    finally:
        for lock in held:
            lock.release()


def _acquired(lock: Lock, suffices: Callable[[], bool]) -> bool:
    while not lock.acquire(timeout=LOOK_SECONDS):
        if suffices():
            return False
    return True
