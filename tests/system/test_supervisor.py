"""Tests of the supervisor, with real processes."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from rescind.system.supervisor import Lines, Program, Supervisor

SLEEP = "import time; time.sleep(600)"


class Output:
    """Records the printed lines, and waits for one."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, str]] = []
        self._changed = threading.Condition()

    def __call__(self, name: str, line: str) -> None:
        with self._changed:
            self.lines.append((name, line))
            self._changed.notify_all()

    def wait_for(self, part: str, times: int = 1, seconds: float = 20) -> None:
        def there() -> bool:
            return sum(part in line for _, line in self.lines) >= times

        with self._changed:
            assert self._changed.wait_for(there, seconds), (part, self.lines)


def program(name: str, code: str, stage: int = 1) -> Program:
    command = (sys.executable, "-u", "-c", textwrap.dedent(code))
    return Program(name, command, dict(os.environ), stage)


def wait_until(condition: Callable[[], bool], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.01)


@pytest.fixture
def output() -> Output:
    return Output()


@pytest.fixture
def supervisor(output: Output) -> Iterator[Supervisor]:
    running = Supervisor(output, grace=15, delays=(0.05, 0.1))
    yield running
    running.kill()
    running.stop()


def test_lines_of_both_streams_are_printed_with_the_name(
    supervisor: Supervisor, output: Output
) -> None:
    code = f"import sys; print('out'); print('err', file=sys.stderr); {SLEEP}"
    supervisor.start(program("one", code))
    output.wait_for("err")
    assert sorted(output.lines) == [("one", "err"), ("one", "out")]


def test_a_killed_program_is_started_again(
    supervisor: Supervisor, output: Output
) -> None:
    supervisor.start(program("one", f"print('here'); {SLEEP}"))
    output.wait_for("here")
    first = supervisor.pids["one"]
    os.kill(first, signal.SIGKILL)
    output.wait_for("was ended by SIGKILL unexpectedly: starting it again in 0.05 s")
    output.wait_for("here", times=2)
    assert supervisor.pids["one"] != first


def test_a_program_that_keeps_dying_waits_longer_each_time(
    supervisor: Supervisor, output: Output
) -> None:
    supervisor.start(program("one", "raise SystemExit(3)"))
    output.wait_for("ended with status 3 unexpectedly: starting it again in 0.05 s")
    output.wait_for("ended with status 3 unexpectedly: starting it again in 0.1 s", 2)


def test_a_programs_children_do_not_outlive_it(
    supervisor: Supervisor, output: Output
) -> None:
    supervisor.start(
        program(
            "one",
            f"""
            import subprocess, sys, time
            print(subprocess.Popen([sys.executable, "-c", {SLEEP!r}]).pid)
            time.sleep(600)
            """,
        )
    )
    wait_until(lambda: bool(output.lines))
    grandchild = int(output.lines[0][1])
    os.kill(supervisor.pids["one"], signal.SIGKILL)
    output.wait_for("unexpectedly")
    wait_until(lambda: not _lives(grandchild))


def test_stopping_is_graceful_and_leaves_nothing(
    supervisor: Supervisor, output: Output
) -> None:
    code = f"""
        import signal, sys, time
        def end(*_):
            print("goodbye")
            sys.exit(0)
        signal.signal(signal.SIGTERM, end)
        print("ready")
        {SLEEP}
        """
    supervisor.start(program("one", code))
    supervisor.start(program("two", code))
    output.wait_for("ready", times=2)
    processes = list(supervisor.pids.values())
    supervisor.stop()
    assert sorted(output.lines[2:]) == [("one", "goodbye"), ("two", "goodbye")]
    assert not any(_lives(process) for process in processes)
    assert supervisor.pids == {}


def test_programs_that_others_need_are_stopped_last(
    supervisor: Supervisor, output: Output
) -> None:
    code = """
        import signal, sys, time
        def end(*_):
            time.sleep(float(sys.argv[1]) if len(sys.argv) > 1 else 0)
            print("gone")
            sys.exit(0)
        signal.signal(signal.SIGTERM, end)
        print("ready")
        time.sleep(600)
        """
    base = program("base", code, stage=0)
    slow = program("slow", code)
    supervisor.start(base)
    supervisor.start(Program("slow", (*slow.command, "0.3"), slow.env))
    output.wait_for("ready", times=2)
    supervisor.stop()
    gone = [name for name, line in output.lines if line == "gone"]
    assert gone == ["slow", "base"]


STUBBORN = f"""
    import signal, time
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    print("ready")
    {SLEEP}
    """


def test_a_program_that_does_not_stop_is_killed(output: Output) -> None:
    running = Supervisor(output, grace=0.2)
    running.start(program("one", STUBBORN))
    output.wait_for("ready")
    process = running.pids["one"]
    running.stop()
    assert not _lives(process)
    assert ("one", "did not stop in time: killed") in output.lines


def test_a_kill_ends_a_running_stop(output: Output) -> None:
    running = Supervisor(output, grace=100)
    running.start(program("one", STUBBORN))
    output.wait_for("ready")
    stop = threading.Thread(target=running.stop)
    stop.start()
    running.kill()
    stop.join(10)
    assert not stop.is_alive()


def test_a_program_that_cannot_be_started_is_reported_and_tried_again(
    supervisor: Supervisor, output: Output, tmp_path: Path
) -> None:
    missing = (str(tmp_path / "no-such-program"),)
    supervisor.start(Program("one", missing, dict(os.environ)))
    output.wait_for("starting it again", times=2)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells the children")
def test_no_program_outlives_a_killed_supervisor() -> None:
    code = f"""
        import os, sys
        sys.path.insert(0, {os.getcwd()!r})
        from rescind.system.supervisor import Program, Supervisor
        s = Supervisor(lambda *_: None)
        s.start(Program("one", (sys.executable, "-c", {SLEEP!r}), dict(os.environ)))
        print(s.pids["one"], flush=True)
        {SLEEP}
        """
    parent = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code)], stdout=subprocess.PIPE, text=True
    )
    with parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        assert _lives(child)
        parent.kill()
    wait_until(lambda: not _lives(child))


def test_lines_are_plain_without_a_terminal() -> None:
    out = io.StringIO()
    Lines(out)("beat", "ticks")
    assert out.getvalue() == "beat   | ticks\n"


def test_lines_are_coloured_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    out = io.StringIO()
    monkeypatch.setattr(out, "isatty", lambda: True)
    Lines(out)("beat", "ticks")
    assert out.getvalue() == "\033[36mbeat   |\033[0m ticks\n"


def _lives(pid: int) -> bool:
    """Whether the process runs; a zombie does not."""
    stat = Path(f"/proc/{pid}/stat")
    if Path("/proc/self/stat").exists():
        with suppress(FileNotFoundError, ProcessLookupError):
            return stat.read_text().rpartition(")")[2].split()[0] != "Z"
        return False
    with suppress(ProcessLookupError):
        os.kill(pid, 0)
        return True
    return False
