"""The tests of Ctrl-C also work in the background."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

from tests.interrupts import interruptible

ASK = "import signal; print(signal.getsignal(signal.SIGINT) is not signal.SIG_IGN)"


def heeds_ctrl_c() -> bool:
    """Whether a process that starts now reacts to Ctrl-C."""
    asked = [sys.executable, "-c", ASK]
    return subprocess.check_output(asked, text=True) == "True\n"


@pytest.fixture
def _in_the_background() -> Iterator[None]:
    """Ignore SIGINT, as in ``make test &`` in a script."""
    former = signal.signal(signal.SIGINT, signal.SIG_IGN)
    yield
    signal.signal(signal.SIGINT, former)


@pytest.mark.usefixtures("_in_the_background")
def test_a_process_heeds_ctrl_c_where_the_tests_themselves_ignore_it() -> None:
    assert not heeds_ctrl_c()
    with interruptible():
        assert heeds_ctrl_c()
    assert not heeds_ctrl_c()


def test_every_process_that_a_test_starts_heeds_ctrl_c() -> None:
    assert heeds_ctrl_c()
