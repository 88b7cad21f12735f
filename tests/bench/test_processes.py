"""A program under measurement is one group, with its threads and children."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.processes import BenchError, Group, memory, processor_seconds, until

THREADS = """
import pathlib, sys, threading, time
def count():
    for n in range(10**9):
        pathlib.Path(sys.argv[1]).write_text(str(n))
for _ in range(2):
    threading.Thread(target=count, daemon=True).start()
time.sleep(60)
"""
CHILDREN = """
import os, pathlib, sys, time
for _ in range(2):
    if not os.fork():
        time.sleep(60)
        os._exit(0)
pathlib.Path(sys.argv[1]).write_text("1")
time.sleep(60)
"""


@pytest.fixture
def beat(tmp_path: Path) -> Path:
    """A file to which a program writes as long as it runs."""
    return tmp_path / "beat"


def _group(program: str, beat: Path) -> Group:
    command = [sys.executable, "-c", program, str(beat)]
    return Group(command, {}, beat.with_suffix(".log"))


@pytest.fixture
def threads(beat: Path) -> Iterator[Group]:
    with _group(THREADS, beat) as group:
        until(beat.exists, "the threads", 20)
        yield group


@pytest.fixture
def children(beat: Path) -> Iterator[Group]:
    with _group(CHILDREN, beat) as group:
        until(beat.exists, "the children", 20)
        yield group


def test_threads_are_of_one_process_and_children_are_not(
    threads: Group, tmp_path: Path
) -> None:
    assert len(threads.pids) == 1
    other = tmp_path / "children"
    with _group(CHILDREN, other) as group:
        until(other.exists, "the children", 20)
        assert len(group.pids) == 3


def test_the_time_and_memory_of_threads_are_their_processs(threads: Group) -> None:
    before = processor_seconds(threads.pids)
    until(lambda: processor_seconds(threads.pids) > before + 0.05, "processor time", 20)
    resident, proportional = memory(threads.pids)
    assert 1 < proportional <= resident


def test_children_share_memory_that_is_counted_once(children: Group) -> None:
    resident, proportional = memory(children.pids)
    assert proportional < 0.7 * resident


def test_held_threads_stand_still_until_go(threads: Group, beat: Path) -> None:
    threads.hold()
    # The signal may not have stopped every thread yet.
    until(lambda: _stands_still(beat), "the threads' standing still", 20)
    stopped = beat.read_text()
    assert _stands_still(beat)
    threads.go()
    until(lambda: beat.read_text() != stopped, "the threads' going on", 20)


def _stands_still(beat: Path) -> bool:
    before = beat.stat().st_mtime_ns
    time.sleep(0.2)
    return beat.stat().st_mtime_ns == before


def test_the_error_of_an_ended_program_holds_the_end_of_its_log(tmp_path: Path) -> None:
    program = "print('no such thing'); raise SystemExit(3)"
    ended = pytest.raises(BenchError, match="no such thing")
    with _group(program, tmp_path / "x") as group, ended:
        until(group.check, "its end", 20)


def test_after_a_group_has_ended_none_of_its_processes_is_left(beat: Path) -> None:
    with _group(CHILDREN, beat) as group:
        until(beat.exists, "the children", 20)
        pids = group.pids
    until(lambda: not any(map(_runs, pids)), "the end of all of them", 5)


def _runs(pid: int) -> bool:
    try:
        # A zombie's file is empty.
        return Path(f"/proc/{pid}/cmdline").read_bytes() != b""
    except FileNotFoundError:
        return False
