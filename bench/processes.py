"""Runs the programs under measurement, each with its children in its own group."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

ROOT = Path(__file__).parent.parent
PEERS = ROOT / ".venv-bench" / "bin"
"""The folder of the peers' programs: ``make bench`` installs them."""
BATCHES = ROOT / ".venv-bench-batches" / "bin"
"""The folder of the programs of celery-batches, which needs an older Celery."""
GRACE_SECONDS = 20.0


class BenchError(RuntimeError):
    """The measurement failed. The message says why."""


class Group:
    """A program and all its children. They are held, ended and counted together."""

    def __init__(
        self, command: Sequence[str], env: Mapping[str, str], log: Path
    ) -> None:
        self._log = log
        with log.open("ab") as out:
            self._process = subprocess.Popen(
                list(command),
                cwd=ROOT,
                env={**os.environ, **env, "PYTHONPATH": str(ROOT)},
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def pids(self) -> list[int]:
        """The program and its living descendants."""
        return _family(self._process.pid)

    def check(self) -> None:
        """Raise ``BenchError``, with the end of its log, if the program has ended."""
        if self._process.poll() is not None:
            raise BenchError(f"{self._process.args!r} ended: {self.last_words()}")

    def last_words(self) -> str:
        return self._log.read_text(errors="replace")[-2000:]

    def hold(self) -> None:
        """Stop all its processes, with all their threads, until ``go``."""
        self._signal(signal.SIGSTOP)

    def go(self) -> None:
        self._signal(signal.SIGCONT)

    def end(self) -> None:
        """Ask the program to stop, and kill the processes that are left after
        ``GRACE_SECONDS``."""
        family = self.pids
        self.go()
        self._process.terminate()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(GRACE_SECONDS)
        for pid in {*family, self._process.pid}:
            _kill(pid, signal.SIGKILL)
        self._process.wait()

    def _signal(self, number: signal.Signals) -> None:
        for pid in self.pids:
            _kill(pid, number)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.end()


class Talking:
    """A program that answers each line of JSON on its input with one on its output."""

    def __init__(self, command: Sequence[str], env: Mapping[str, str]) -> None:
        self._process = subprocess.Popen(
            list(command),
            cwd=ROOT,
            env={**os.environ, **env, "PYTHONPATH": str(ROOT)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self.first = self._line()

    @property
    def pid(self) -> int:
        return self._process.pid

    def ask(self, document: object) -> Any:
        assert self._process.stdin is not None  # noqa: S101
        self._process.stdin.write(json.dumps(document) + "\n")
        self._process.stdin.flush()
        return json.loads(self._line())

    def _line(self) -> str:
        assert self._process.stdout is not None  # noqa: S101
        line = self._process.stdout.readline()
        if not line:
            raise BenchError(f"{self._process.args!r} ended without an answer")
        return line.strip()

    def end(self) -> None:
        self._process.terminate()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(5)
        self._process.kill()
        self._process.wait()


def until(
    condition: Callable[[], object], what: str, patience: float, every: float = 0.02
) -> None:
    """Wait for ``condition``. Raises ``BenchError`` after ``patience`` seconds."""
    give_up = time.monotonic() + patience
    while not condition():
        if time.monotonic() > give_up:
            raise BenchError(f"waited {patience:.0f} s in vain for {what}")
        time.sleep(every)


def memory(pids: Sequence[int]) -> tuple[float, float]:
    """Resident and proportional memory of these processes together, in MB."""
    found = [_rollup(pid) for pid in pids]
    return sum(rss for rss, _ in found), sum(pss for _, pss in found)


def processor_seconds(pids: Sequence[int]) -> float:
    """Processor seconds of these processes so far, ended children included."""
    ticks = sum(sum(_times(pid)) for pid in pids)
    return ticks / os.sysconf("SC_CLK_TCK")


def _times(pid: int) -> list[int]:
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return [0]
    # After the name, which may hold any character: utime, stime, cutime, cstime.
    return [int(one) for one in text.rpartition(")")[2].split()[11:15]]


def _rollup(pid: int) -> tuple[float, float]:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0.0, 0.0
    sizes = {line.split(":")[0]: line.split()[1] for line in lines[1:]}
    return int(sizes["Rss"]) / 1024, int(sizes["Pss"]) / 1024


def _family(pid: int) -> list[int]:
    return [pid, *(one for child in _children(pid) for one in _family(child))]


def _children(pid: int) -> Iterator[int]:
    for thread in Path(f"/proc/{pid}/task").glob("*/children"):
        with suppress(OSError):
            yield from map(int, thread.read_text().split())


def _kill(pid: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, number)
