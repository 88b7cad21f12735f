"""Runs a command on a pseudo-terminal, and types answers."""

from __future__ import annotations

import os
import pty
import select
import sys
import termios
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

PATIENCE = 60.0


class Terminal:
    """The terminal's output, and its keyboard."""

    def __init__(self, pid: int, descriptor: int) -> None:
        self._pid = pid
        self._descriptor = descriptor
        self.shown = ""
        self._read = 0
        self.status: int | None = None

    def expect(self, text: str) -> None:
        """Wait until ``text`` shows after the text that was expected before."""
        while text not in self.shown[self._read :]:
            if not self._more():
                raise AssertionError(f"no {text!r} in {self.shown!r}")
        self._read = self.shown.index(text, self._read) + len(text)

    def type(self, text: str) -> None:
        os.write(self._descriptor, text.encode())

    def answer(self, question: str, text: str = "") -> None:
        self.expect(question)
        self.type(f"{text}\n")

    def answer_hidden(self, question: str, text: str) -> None:
        self.expect_hidden(question)
        self.type(f"{text}\n")

    def expect_hidden(self, question: str) -> None:
        """Wait until the echo is off, too: the terminal discards earlier input."""
        self.expect(question)
        give_up = time.monotonic() + PATIENCE
        while termios.tcgetattr(self._descriptor)[3] & termios.ECHO:
            if time.monotonic() > give_up:
                raise TimeoutError(f"what is typed for {question!r} would show")
            time.sleep(0.005)

    def interrupt(self) -> int:
        """Press Ctrl-C until it ends; its exit status.

        One that comes just before the answer is waited for is not heard, as anywhere.
        """
        for _ in range(10):
            self.type("\x03")
            with suppress(TimeoutError):
                return self.end(3.0)
        raise TimeoutError(f"Ctrl-C ends nothing after {self.shown!r}")

    def end(self, patience: float = PATIENCE) -> int:
        """The exit status, after reading all output."""
        while self._more(patience):
            pass
        return self.reap()

    def reap(self) -> int:
        if self.status is None:
            _, status = os.waitpid(self._pid, 0)
            self.status = os.waitstatus_to_exitcode(status)
        return self.status

    def close(self) -> None:
        os.close(self._descriptor)
        if self.status is None:
            with suppress(ProcessLookupError):
                os.kill(self._pid, 9)
            self.reap()

    def _more(self, patience: float = PATIENCE) -> bool:
        ready, _, _ = select.select([self._descriptor], [], [], patience)
        if not ready:
            raise TimeoutError(f"nothing more came after {self.shown!r}")
        try:
            data = os.read(self._descriptor, 65_536)
        except OSError:  # Linux says so when the other end is closed.
            return False
        self.shown += data.decode(errors="replace")
        return bool(data)


@contextmanager
def terminal(cwd: Path, env: dict[str, str], *words: str) -> Iterator[Terminal]:
    """``rescind`` with these arguments, on a terminal of its own."""
    pid, descriptor = pty.fork()
    if pid == 0:
        os.chdir(cwd)
        command = [sys.executable, "-m", "rescind", *words]
        os.execve(sys.executable, command, env)
    found = Terminal(pid, descriptor)
    try:
        yield found
    finally:
        found.close()
