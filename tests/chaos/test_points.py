"""The first process that passes an armed point does there what was ordered."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from chaos.points import AWAY, FAULT, FREEZE, KILL, Armoury, InjectedError
from rescind.ledger.storage.transactions import LedgerUnreachableError

COME_BY = """
import sys, time
from pathlib import Path
from chaos.points import Armoury
armoury = Armoury(Path(sys.argv[1]))
armoury.passing("here")
armoury.passing("there")
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
    armoury = Armoury(tmp_path)
    armoury.arm("here", KILL)
    assert not lives(come_by(tmp_path))
    assert lives(come_by(tmp_path))
    assert [(point, how) for _, point, how in armoury.deaths()] == [("here", KILL)]


def test_a_point_that_was_disarmed_ends_no_process(tmp_path: Path) -> None:
    armoury = Armoury(tmp_path)
    armoury.arm("here", KILL)
    assert armoury.disarm("here")
    assert not armoury.disarm("here")
    assert lives(come_by(tmp_path))
    assert armoury.deaths() == []


def test_in_a_calm_no_process_is_harmed_and_afterwards_the_next_one_is(
    tmp_path: Path,
) -> None:
    armoury = Armoury(tmp_path)
    armoury.arm("here", AWAY)
    with armoury.calm():
        armoury.passing("here")
    with pytest.raises(LedgerUnreachableError):
        armoury.passing("here")


@pytest.mark.parametrize(
    ("order", "kind"), [(AWAY, LedgerUnreachableError), (FAULT, InjectedError)]
)
def test_a_point_can_fail_once_instead(
    tmp_path: Path, order: str, kind: type[Exception]
) -> None:
    armoury = Armoury(tmp_path)
    armoury.arm("here", order)
    with pytest.raises(kind, match="ordered at here"):
        armoury.passing("here")
    armoury.passing("here")
    assert armoury.deaths() == []


def test_a_frozen_process_goes_on_when_it_is_thawed_and_no_point_harms_it(
    tmp_path: Path,
) -> None:
    armoury = Armoury(tmp_path)
    armoury.arm("here", FREEZE)
    process = come_by(tmp_path)
    _, status = os.waitpid(process.pid, os.WUNTRACED)
    assert os.WIFSTOPPED(status)
    assert os.WSTOPSIG(status) == signal.SIGSTOP
    assert armoury.frozen() == process.pid
    armoury.arm("there", KILL)
    armoury.thaw()
    assert lives(process)
    assert armoury.disarm("there")
    armoury.release()
    assert armoury.frozen() is None


def test_a_process_is_frozen_only_once_it_is_quiet(tmp_path: Path) -> None:
    looks = iter([False, False, True])
    frozen: list[int] = []

    def is_quiet() -> bool:
        frozen.append(os.getpid())
        return next(looks)

    child = os.fork()
    if not child:
        armoury = Armoury(tmp_path, is_quiet)
        armoury.arm("here", FREEZE)
        armoury.passing("here")
        os._exit(len(frozen))
    os.waitpid(child, os.WUNTRACED)
    Armoury(tmp_path).thaw()
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 3


def test_a_worker_is_at_work_from_when_it_says_so(tmp_path: Path) -> None:
    armoury = Armoury(tmp_path)
    assert armoury.ready_for(os.getpid()) < 0
    armoury.say_ready()
    assert armoury.ready_for(os.getpid()) >= 0
    assert armoury.ready_for(None) < 0
