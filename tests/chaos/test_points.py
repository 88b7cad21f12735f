"""The first process that passes an armed point does there what was ordered."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from chaos.points import AWAY, FAULT, FREEZE, KILL, Failpoints, InjectedError
from rescind.ledger.storage.transactions import LedgerUnreachableError

COME_BY = """
import sys, time
from pathlib import Path
from chaos.points import Failpoints
failpoints = Failpoints(Path(sys.argv[1]))
failpoints.passing("here")
failpoints.passing("there")
print("lives", flush=True)
time.sleep(60)
"""


def come_by(folder: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", COME_BY, str(folder)],
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def lives(process: subprocess.Popen[str]) -> bool:
    assert process.stdout is not None
    said = process.stdout.readline()
    if said:
        process.kill()
    process.wait()
    process.stdout.close()
    return said == "lives\n"


def test_an_armed_point_ends_the_first_that_comes_by(tmp_path: Path) -> None:
    failpoints = Failpoints(tmp_path)
    failpoints.arm("here", KILL)
    assert not lives(come_by(tmp_path))
    assert lives(come_by(tmp_path))
    assert [(point, how) for _, point, how in failpoints.deaths()] == [("here", KILL)]


def test_a_point_that_was_disarmed_ends_no_process(tmp_path: Path) -> None:
    failpoints = Failpoints(tmp_path)
    failpoints.arm("here", KILL)
    assert failpoints.disarm("here")
    assert not failpoints.disarm("here")
    assert lives(come_by(tmp_path))
    assert failpoints.deaths() == []


def test_in_a_calm_no_process_is_harmed_and_afterwards_the_next_one_is(
    tmp_path: Path,
) -> None:
    failpoints = Failpoints(tmp_path)
    failpoints.arm("here", AWAY)
    with failpoints.calm():
        failpoints.passing("here")
    with pytest.raises(LedgerUnreachableError):
        failpoints.passing("here")


@pytest.mark.parametrize(
    ("order", "kind"), [(AWAY, LedgerUnreachableError), (FAULT, InjectedError)]
)
def test_a_point_can_fail_once_instead(
    tmp_path: Path, order: str, kind: type[Exception]
) -> None:
    failpoints = Failpoints(tmp_path)
    failpoints.arm("here", order)
    with pytest.raises(kind, match="ordered at here"):
        failpoints.passing("here")
    failpoints.passing("here")
    assert failpoints.deaths() == []


def test_a_frozen_process_goes_on_when_it_is_thawed_and_no_point_harms_it(
    tmp_path: Path,
) -> None:
    failpoints = Failpoints(tmp_path)
    failpoints.arm("here", FREEZE)
    process = come_by(tmp_path)
    _, status = os.waitpid(process.pid, os.WUNTRACED)
    assert os.WIFSTOPPED(status)
    assert os.WSTOPSIG(status) == signal.SIGSTOP
    assert failpoints.frozen() == process.pid
    failpoints.arm("there", KILL)
    failpoints.thaw()
    assert lives(process)
    assert failpoints.disarm("there")
    failpoints.release()
    assert failpoints.frozen() is None


def test_a_process_is_frozen_only_once_it_is_quiet(tmp_path: Path) -> None:
    looks = iter([False, False, True])
    frozen: list[int] = []

    def is_quiet() -> bool:
        frozen.append(os.getpid())
        return next(looks)

    child = os.fork()
    if not child:
        failpoints = Failpoints(tmp_path, is_quiet)
        failpoints.arm("here", FREEZE)
        failpoints.passing("here")
        os._exit(len(frozen))
    os.waitpid(child, os.WUNTRACED)
    Failpoints(tmp_path).thaw()
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 3


def test_a_worker_is_at_work_from_when_it_says_so(tmp_path: Path) -> None:
    failpoints = Failpoints(tmp_path)
    assert failpoints.ready_for(os.getpid()) < 0
    failpoints.say_ready()
    assert failpoints.ready_for(os.getpid()) >= 0
    assert failpoints.ready_for(None) < 0
