"""The supervisor, over real processes."""

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


class Heard:
    """What was said, and waiting until something is."""

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
def heard() -> Heard:
    return Heard()


@pytest.fixture
def kept(heard: Heard) -> Iterator[Supervisor]:
    running = Supervisor(heard, grace=15, delays=(0.05, 0.1))
    yield running
    running.kill()
    running.stop()


def test_lines_of_both_streams_come_out_under_the_name(
    kept: Supervisor, heard: Heard
) -> None:
    code = f"import sys; print('out'); print('err', file=sys.stderr); {SLEEP}"
    kept.start(program("one", code))
    heard.wait_for("err")
    assert sorted(heard.lines) == [("one", "err"), ("one", "out")]


def test_one_that_is_killed_is_started_again(kept: Supervisor, heard: Heard) -> None:
    kept.start(program("one", f"print('here'); {SLEEP}"))
    heard.wait_for("here")
    first = kept.pids["one"]
    os.kill(first, signal.SIGKILL)
    heard.wait_for("was ended by SIGKILL unexpectedly: starting it again in 0.05 s")
    heard.wait_for("here", times=2)
    assert kept.pids["one"] != first


def test_one_that_keeps_on_dying_waits_longer_each_time(
    kept: Supervisor, heard: Heard
) -> None:
    kept.start(program("one", "raise SystemExit(3)"))
    heard.wait_for("ended with status 3 unexpectedly: starting it again in 0.05 s")
    heard.wait_for("ended with status 3 unexpectedly: starting it again in 0.1 s", 2)


def test_its_own_children_do_not_outlive_one_that_dies(
    kept: Supervisor, heard: Heard
) -> None:
    kept.start(
        program(
            "one",
            f"""
            import subprocess, sys, time
            print(subprocess.Popen([sys.executable, "-c", {SLEEP!r}]).pid)
            time.sleep(600)
            """,
        )
    )
    wait_until(lambda: bool(heard.lines))
    grandchild = int(heard.lines[0][1])
    os.kill(kept.pids["one"], signal.SIGKILL)
    heard.wait_for("unexpectedly")
    wait_until(lambda: not _lives(grandchild))


def test_stopping_is_gentle_and_leaves_nothing(kept: Supervisor, heard: Heard) -> None:
    code = f"""
        import signal, sys, time
        def end(*_):
            print("goodbye")
            sys.exit(0)
        signal.signal(signal.SIGTERM, end)
        print("ready")
        {SLEEP}
        """
    kept.start(program("one", code))
    kept.start(program("two", code))
    heard.wait_for("ready", times=2)
    processes = list(kept.pids.values())
    kept.stop()
    assert sorted(heard.lines[2:]) == [("one", "goodbye"), ("two", "goodbye")]
    assert not any(_lives(process) for process in processes)
    assert kept.pids == {}


def test_what_others_need_is_stopped_last(kept: Supervisor, heard: Heard) -> None:
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
    kept.start(base)
    kept.start(Program("slow", (*slow.command, "0.3"), slow.env))
    heard.wait_for("ready", times=2)
    kept.stop()
    gone = [name for name, line in heard.lines if line == "gone"]
    assert gone == ["slow", "base"]


STUBBORN = f"""
    import signal, time
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    print("ready")
    {SLEEP}
    """


def test_one_that_does_not_stop_is_killed(heard: Heard) -> None:
    running = Supervisor(heard, grace=0.2)
    running.start(program("one", STUBBORN))
    heard.wait_for("ready")
    process = running.pids["one"]
    running.stop()
    assert not _lives(process)
    assert ("one", "did not stop in time: killed") in heard.lines


def test_a_kill_ends_a_stop_that_is_under_way(heard: Heard) -> None:
    running = Supervisor(heard, grace=100)
    running.start(program("one", STUBBORN))
    heard.wait_for("ready")
    stop = threading.Thread(target=running.stop)
    stop.start()
    running.kill()
    stop.join(10)
    assert not stop.is_alive()


def test_one_that_cannot_be_started_is_spoken_of_and_tried_again(
    kept: Supervisor, heard: Heard, tmp_path: Path
) -> None:
    missing = (str(tmp_path / "no-such-program"),)
    kept.start(Program("one", missing, dict(os.environ)))
    heard.wait_for("starting it again", times=2)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells the children")
def test_nothing_outlives_a_supervisor_that_is_killed() -> None:
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


def test_lines_are_plain_where_there_is_no_terminal() -> None:
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
    """Whether it runs; one that nobody has waited for yet does not."""
    stat = Path(f"/proc/{pid}/stat")
    if Path("/proc/self/stat").exists():
        with suppress(FileNotFoundError, ProcessLookupError):
            return stat.read_text().rpartition(")")[2].split()[0] != "Z"
        return False
    with suppress(ProcessLookupError):
        os.kill(pid, 0)
        return True
    return False
