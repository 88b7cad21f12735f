"""Failpoints: points at which a worker can be killed or frozen, or a transaction fails.

The conductor of a run arms a point by a file. The first process that passes the point
takes the file, and does there what the file orders. ``chaos.placement`` puts the points
into the workers' code.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from rescind.ledger.storage.transactions import LedgerUnreachableError

FOLDER = "RESCIND_CHAOS_FOLDER"
KILL = "kill"
"""The worker kills itself by SIGKILL."""
FREEZE = "freeze"
"""The worker stops itself by SIGSTOP. The point at which it does has the same name."""
AWAY, FAULT = "away", "fault"
"""The transaction fails: the ledger is unreachable, or an unexpected error occurs."""


class InjectedError(RuntimeError):
    """A fault that the conductor of the run has ordered."""


class Failpoints:
    """The files that arm the points, and the records of kills, freezes and endings."""

    def __init__(
        self, folder: Path, is_quiet: Callable[[], bool] = lambda: True
    ) -> None:
        """``is_quiet`` says whether this process holds no lock of the ledger; the
        process is frozen only then."""
        self._armed = folder / "armed"
        self._armed.mkdir(parents=True, exist_ok=True)
        self._ready = folder / "ready"
        self._ready.mkdir(exist_ok=True)
        self._deaths = folder / "deaths"
        self._endings = folder / "endings"
        self._frozen = folder / "frozen"
        self._calm = folder / "calm"
        self._freezes = folder / "freezes"
        self._is_quiet = is_quiet
        self._stopped: set[int] = set()

    # --- for the conductor ---

    def arm(self, name: str, order: str) -> None:
        """Have the first process that passes the point ``name`` obey ``order``."""
        draft = self._armed / f".{name}"
        draft.write_text(order)
        draft.rename(self._armed / name)

    def is_armed(self, name: str) -> bool:
        return (self._armed / name).exists()

    def disarm(self, name: str) -> bool:
        """Disarm a point; return whether it was still armed."""
        return self._take(name) is not None

    def deaths(self) -> list[tuple[float, str, str]]:
        """The kills so far: time (epoch), point and order of each."""
        if not self._deaths.exists():
            return []
        lines = [line.split() for line in self._deaths.read_text().splitlines()]
        return [(float(at), point, order) for at, point, order in lines]

    def note(self, point: str) -> None:
        """Record a kill before it happens: afterwards the process cannot."""
        _append(self._deaths, f"{time.time()} {point} {KILL}")

    def note_stopped(self, pid: int) -> None:
        """Record that this worker is stopped on purpose, and ends by itself."""
        self._stopped.add(pid)

    def ready_for(self, pid: int | None) -> float:
        """Seconds for which that worker has taken messages; -1 if it takes none."""
        try:
            return time.time() - (self._ready / str(pid)).stat().st_mtime
        except FileNotFoundError:
            return -1.0

    def ended(self) -> dict[int, float]:
        """Workers that took messages and ended by themselves: id and time (epoch)."""
        if not self._endings.exists():
            return {}
        lines = [line.split() for line in self._endings.read_text().splitlines()]
        found = {int(pid): float(at) for at, pid in lines}
        return {pid: at for pid, at in found.items() if pid not in self._stopped}

    def freezes(self) -> list[float]:
        """The times (epoch) at which a worker was frozen, so far."""
        if not self._freezes.exists():
            return []
        return [float(line) for line in self._freezes.read_text().splitlines()]

    def frozen(self) -> int | None:
        """The id of the process that has frozen itself, until it is released."""
        try:
            return int(self._frozen.read_text())
        except FileNotFoundError:
            return None

    def thaw(self) -> None:
        """Let the frozen process go on, if it still exists.

        No point affects the process until it is released, because it has to act on its
        outdated knowledge.
        """
        pid = self.frozen()
        if pid is not None:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)

    def release(self) -> None:
        """Let the points affect the process that was frozen again."""
        self._frozen.unlink(missing_ok=True)

    @contextmanager
    def calm(self) -> Iterator[None]:
        """Let no point affect any process within the block; armed points stay armed."""
        self._calm.touch()
        try:
            yield
        finally:
            self._calm.unlink()

    # --- for the workers ---

    def say_ready(self) -> None:
        """Record that this worker takes messages from now on."""
        (self._ready / str(os.getpid())).touch()

    def say_ended(self) -> None:
        """Record that this worker took messages and ends although it was not killed."""
        _append(self._endings, f"{time.time()} {os.getpid()}")

    def passing(self, name: str, *, after: float = 0.0) -> None:
        """Obey the order for this point, if it is armed, after ``after`` seconds.

        Raises ``LedgerUnreachableError`` for ``AWAY``, ``InjectedError`` for ``FAULT``.
        """
        if self.frozen() == os.getpid() or self._calm.exists():
            return
        order = self._take(name)
        if order is None:
            return
        if after:
            threading.Timer(after, self._obey, (name, order)).start()
        else:
            self._obey(name, order)

    def _take(self, name: str) -> str | None:
        taken = self._armed / f".{name}.{os.getpid()}.{threading.get_ident()}"
        try:
            (self._armed / name).rename(taken)
        except FileNotFoundError:
            return None
        order = taken.read_text()
        taken.unlink()
        return order

    def _obey(self, point: str, order: str) -> None:
        if order == FREEZE:
            self._freeze()
        elif order == AWAY:
            raise LedgerUnreachableError(f"ordered at {point}")
        elif order == FAULT:
            raise InjectedError(f"ordered at {point}")
        else:
            self.note(point)
            os.kill(os.getpid(), signal.SIGKILL)

    def _freeze(self) -> None:
        if self.frozen() is not None:
            return
        draft = self._frozen.with_suffix(f".{os.getpid()}")
        draft.write_text(str(os.getpid()))
        draft.rename(self._frozen)
        _append(self._freezes, str(time.time()))
        while not self._is_quiet():
            time.sleep(0.001)
        # A signal to this thread stops the process at once. A signal to the process
        # acts when its main thread runs next. Another thread may have begun a
        # transaction by then, and would hold its locks while the process stands still.
        signal.pthread_kill(threading.get_ident(), signal.SIGSTOP)


def _append(file: Path, line: str) -> None:
    """Append in one write, so that concurrent processes do not mix their lines."""
    out = os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        os.write(out, f"{line}\n".encode())
    finally:
        os.close(out)
