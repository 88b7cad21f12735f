"""Runs programs side by side, restarts those that die, and leaves no orphans.

Each program has a thread that starts it, waits for it and starts it again. Its output
is printed under its name.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import IO, TextIO

RESTART_DELAYS = (0.5, 1.0, 2.0, 5.0, 10.0, 30.0)
"""Seconds before each restart of a program that keeps dying; the last one repeats."""
STEADY_SECONDS = 30.0
"""After a program has run this long, its restarts begin with the first delay again."""
GRACE_SECONDS = 100.0
"""The time programs have to stop: the slowest answer of a provider, and a reserve."""
COLOURS = (36, 33, 35, 32, 34, 31)

# Linux kills the program when the thread that started it dies, so that not even a
# kill -9 of the supervisor leaves orphans. A small process sets this for itself, then
# becomes the program: running Python between fork and exec is not safe with threads.
_LEASHED = (
    "import ctypes, os, signal, sys\n"
    "ctypes.CDLL(None).prctl(1, int(signal.SIGKILL), 0, 0, 0)\n"
    "os.getppid() == int(sys.argv[1]) or os._exit(1)\n"
    "os.execvpe(sys.argv[2], sys.argv[2:], os.environ)\n"
)

Say = Callable[[str, str], None]
"""Takes a program's name and one of its lines."""


@dataclass(frozen=True, slots=True)
class Program:
    """A program that the supervisor keeps running."""

    name: str
    command: tuple[str, ...]
    env: Mapping[str, str]
    stage: int = 1
    """Programs of a later stage are stopped first, before those that they need."""


class Supervisor:
    """Keeps programs running until it is stopped. Safe to use from any thread."""

    def __init__(
        self,
        say: Say,
        grace: float = GRACE_SECONDS,
        delays: Sequence[float] = RESTART_DELAYS,
    ) -> None:
        self._say = say
        self._grace = grace
        self._delays = delays
        self._keepers: list[_Keeper] = []

    def start(self, program: Program) -> None:
        """Keep ``program`` running from now on; returns once it has been started."""
        keeper = _Keeper(program, self._say, self._delays)
        self._keepers.append(keeper)
        keeper.begin()

    @property
    def pids(self) -> dict[str, int]:
        """The process id of each program that runs now."""
        pids = {keeper.program.name: keeper.pid for keeper in self._keepers}
        return {name: pid for name, pid in pids.items() if pid is not None}

    def stop(self) -> None:
        """Stop all by SIGTERM, stage by stage; kill those that do not stop in time."""
        for stage in sorted({k.program.stage for k in self._keepers}, reverse=True):
            deadline = time.monotonic() + self._grace
            those = [k for k in self._keepers if k.program.stage == stage]
            for keeper in those:
                keeper.ask_to_stop()
            for keeper in those:
                if not keeper.ended(deadline - time.monotonic()):
                    self._say(keeper.program.name, "did not stop in time: killed")
                    keeper.kill()
                    keeper.ended(None)

    def kill(self) -> None:
        """Kill all immediately; a running ``stop`` then returns.

        Safe in a signal handler.
        """
        for keeper in self._keepers:
            keeper.kill()


class _Keeper:
    """One program's thread: starts it, waits for it, starts it again."""

    def __init__(self, program: Program, say: Say, delays: Sequence[float]) -> None:
        self.program = program
        self._say = say
        self._delays = delays
        self._stopping = threading.Event()
        self._started = threading.Event()
        # Reentrant: a signal handler may run while this thread holds the lock.
        self._lock = threading.RLock()
        self._process: subprocess.Popen[str] | None = None
        self._thread = threading.Thread(target=self._keep, daemon=True)

    @property
    def pid(self) -> int | None:
        process = self._process
        return None if process is None else process.pid

    def begin(self) -> None:
        self._thread.start()
        self._started.wait()

    def ask_to_stop(self) -> None:
        self._signal(lambda pid: os.kill(pid, signal.SIGTERM))

    def kill(self) -> None:
        self._signal(_kill_group)

    def ended(self, seconds: float | None) -> bool:
        self._thread.join(None if seconds is None else max(0.0, seconds))
        return not self._thread.is_alive()

    def _signal(self, send: Callable[[int], None]) -> None:
        with self._lock:
            self._stopping.set()
            if self._process is not None:
                with suppress(ProcessLookupError):
                    send(self._process.pid)

    def _keep(self) -> None:
        deaths = 0
        while not self._stopping.is_set():
            began = time.monotonic()
            status = self._run_once()
            if self._stopping.is_set():
                return
            deaths = 0 if time.monotonic() - began > STEADY_SECONDS else deaths
            delay = self._delays[min(deaths, len(self._delays) - 1)]
            deaths += 1
            self._say(
                self.program.name,
                f"{_in_words(status)} unexpectedly: starting it again in {delay:g} s",
            )
            self._stopping.wait(delay)

    def _run_once(self) -> int | None:
        try:
            with self._lock:
                if self._stopping.is_set():
                    return None
                process = self._process = _spawn(self.program)
        except OSError as error:
            self._say(self.program.name, f"cannot be started: {error.strerror}")
            return None
        finally:
            self._started.set()
        pump = threading.Thread(target=self._pump, args=(process.stdout,), daemon=True)
        pump.start()
        status = process.wait()
        with self._lock:
            self._process = None
            # The program's children must not outlive it, nor hold its output open.
            _kill_group(process.pid)
        pump.join(5)
        return status

    def _pump(self, lines: IO[str]) -> None:
        with lines, suppress(ValueError, OSError):
            for line in lines:
                self._say(self.program.name, line.rstrip("\n"))


def _spawn(program: Program) -> subprocess.Popen[str]:
    command = list(program.command)
    if sys.platform == "linux":
        leash = [sys.executable, "-I", "-S", "-c", _LEASHED, str(os.getpid())]
        command = leash + command
    return subprocess.Popen(
        command,
        env=dict(program.env),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        # Ctrl-C must reach only the supervisor, which stops the programs in order.
        start_new_session=True,
    )


def _kill_group(pid: int) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)


def _in_words(status: int | None) -> str:
    if status is None:
        return "could not be started"
    if status < 0:
        return f"was ended by {signal.Signals(-status).name}"
    return f"ended with status {status}"


class Lines:
    """Writes lines to ``out``, each after its program's name, in colour on a terminal.

    No line is written in the middle of another one.
    """

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._colour = out.isatty() and "NO_COLOR" not in os.environ
        self._lock = threading.Lock()
        self._seen: dict[str, int] = {}

    def __call__(self, name: str, line: str) -> None:
        with self._lock, suppress(OSError, ValueError):
            prefix = f"{name:<7}|"
            if self._colour:
                colour = self._seen.setdefault(name, len(self._seen)) % len(COLOURS)
                prefix = f"\033[{COLOURS[colour]}m{prefix}\033[0m"
            self._out.write(f"{prefix} {line}\n")
            self._out.flush()
