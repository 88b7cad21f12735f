"""What is rung is heard, or whoever rang knows that it is not."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from worker.bells import Bell, Work, ring

WORK: Work = ("one", "cancel")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "akinon-0.bell"


@pytest.fixture
def bell(path: Path) -> Iterator[Bell]:
    made = Bell(path)
    yield made
    made.close()


def test_what_is_rung_is_heard_in_its_order(bell: Bell, path: Path) -> None:
    assert ring(path, WORK)
    assert ring(path, ("two", "poll"))
    assert bell.wait(5) == [WORK, ("two", "poll")]
    assert bell.wait(0) == []


def test_its_own_ring_ends_a_wait_and_brings_nothing(bell: Bell) -> None:
    bell.ring()
    assert bell.wait(60) == []


def test_without_a_bell_nobody_hears(path: Path) -> None:
    assert not ring(path, WORK)


def test_a_closed_bell_hears_nothing_and_may_be_rung_or_closed_again(
    bell: Bell, path: Path
) -> None:
    assert bell.close() == []
    assert not ring(path, WORK)
    bell.ring()
    assert bell.close() == []


def test_a_full_bell_says_that_it_heard_no_more(bell: Bell, path: Path) -> None:
    heard = sum(itertools.takewhile(bool, (ring(path, WORK) for _ in range(100_000))))
    bell.ring()
    assert 1000 < heard < 100_000
    assert bell.close() == [WORK] * heard


def test_what_is_too_long_to_be_written_whole_is_not_heard(
    bell: Bell, path: Path
) -> None:
    assert not ring(path, ("x" * 5000, "cancel"))
    assert bell.close() == []


def test_a_killed_child_hears_nothing_and_the_next_one_does(path: Path) -> None:
    program = (
        "import pathlib, sys; from worker.bells import Bell\n"
        "bell = Bell(pathlib.Path(sys.argv[1]))\n"
        "print('rings', flush=True); sys.stdin.read()\n"
    )
    command = [sys.executable, "-c", program, str(path)]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"rings\n"
        assert ring(path, WORK)
        child.kill()
        child.wait()
    assert not ring(path, WORK)
    after = Bell(path)
    assert ring(path, WORK)
    assert after.close() == [WORK]


def test_who_found_it_before_it_closed_is_waited_for(bell: Bell, path: Path) -> None:
    late = os.open(path, os.O_WRONLY | os.O_NONBLOCK)
    heard: list[Work] = []
    closing = threading.Thread(target=lambda: heard.extend(bell.close()))
    closing.start()
    while path.exists() and closing.is_alive():
        pass
    os.write(late, b'["one", "cancel"]\n')
    os.close(late)
    closing.join(5)
    assert heard == [WORK]


def test_however_it_closes_each_ring_is_heard_or_known_not_to_be(path: Path) -> None:
    """As many are heard as were told so, with ringers at every moment of its end."""
    told: list[Work] = []
    ended = threading.Event()

    def ringing(name: str) -> None:
        for number in itertools.count():
            if ended.is_set():
                return
            if ring(path, (f"{name}-{number}", "cancel")):
                told.append((f"{name}-{number}", "cancel"))

    ringers = [threading.Thread(target=ringing, args=(n,)) for n in "abcd"]
    for one in ringers:
        one.start()
    heard: list[Work] = []
    for _ in range(50):
        bell = Bell(path)
        heard += bell.wait(1)
        heard += bell.close()
    ended.set()
    for one in ringers:
        one.join()
    assert sorted(heard) == sorted(told)
    assert len(heard) >= 50
