"""Whoever comes by an armed point dies there, and nobody else."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

from chaos.points import Armoury

COME_BY = """
import sys, time
from pathlib import Path
from chaos.points import Armoury
Armoury(Path(sys.argv[1])).passing("here")
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
    armoury.arm("here", "child")
    assert not lives(come_by(tmp_path))
    assert lives(come_by(tmp_path))
    assert [(point, who) for _, point, who in armoury.deaths()] == [("here", "child")]


def test_a_point_that_was_disarmed_ends_nobody(tmp_path: Path) -> None:
    armoury = Armoury(tmp_path)
    armoury.arm("here", "child")
    assert armoury.disarm("here")
    assert not armoury.disarm("here")
    assert lives(come_by(tmp_path))
    assert armoury.deaths() == []


def test_a_frozen_process_goes_on_when_it_is_thawed(tmp_path: Path) -> None:
    armoury = Armoury(tmp_path)
    armoury.arm("here", "freeze")
    process = come_by(tmp_path)
    _, status = os.waitpid(process.pid, os.WUNTRACED)
    assert os.WIFSTOPPED(status)
    assert os.WSTOPSIG(status) == signal.SIGSTOP
    assert armoury.frozen() == process.pid
    armoury.thaw()
    assert lives(process)


def test_a_worker_is_at_work_from_when_it_says_so(tmp_path: Path) -> None:
    armoury = Armoury(tmp_path)
    assert armoury.ready_for(os.getpid()) < 0
    armoury.say_ready()
    assert armoury.ready_for(os.getpid()) >= 0
    assert armoury.ready_for(None) < 0
