"""Only one system runs in a folder, also while a program asks which one runs."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from rescind.config.home import up_process
from rescind.system.local_system import _only_one
from rescind.system.service_wait import UpError

STARTS = 300


def test_a_program_that_asks_who_runs_keeps_no_system_from_its_start(
    tmp_path: Path,
) -> None:
    over = threading.Event()

    def ask() -> None:
        while not over.is_set():
            up_process(tmp_path)

    asking = threading.Thread(target=ask)
    asking.start()
    try:
        for _ in range(STARTS):
            with _only_one(tmp_path):
                assert up_process(tmp_path) == str(os.getpid())
    finally:
        over.set()
        asking.join()
    assert up_process(tmp_path) is None


def test_a_second_system_is_refused_with_the_process_of_the_first(
    tmp_path: Path,
) -> None:
    says = f"already runs in .* \\(process {os.getpid()}\\)"
    with _only_one(tmp_path), pytest.raises(UpError, match=says), _only_one(tmp_path):
        pass
