"""The functions at which the points are placed exist, and points see their calls."""

from __future__ import annotations

import os
import subprocess
import sys
import types
from pathlib import Path

import pytest

from chaos import points
from chaos.patching import after, before, put

ROOT = Path(__file__).parents[2]


def test_all_points_can_be_put_into_a_worker(tmp_path: Path) -> None:
    env = {points.FOLDER: str(tmp_path), "RESCIND_REDIS_URL": "redis://127.0.0.1:1/0"}
    done = subprocess.run(
        [sys.executable, "-c", "from chaos import placement; placement.install()"],
        env=os.environ | env,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


IN_ITS_TURN = """
from chaos import placement
from rescind.ledger.storage import transactions
placement.install()
engine = transactions.open_ledger("sqlite:///ledger.db")
begin, seen = engine.begin, []
engine.begin = lambda: seen.append(list(placement._turns)) or begin()
with transactions.writing(engine, queue="search"):
    pass
assert seen == [["ledger.db-search", "ledger.db-turn"]], seen
assert placement._turns == []
"""


def test_it_is_known_while_a_worker_has_its_turn_to_write(tmp_path: Path) -> None:
    env = {points.FOLDER: str(tmp_path), "RESCIND_REDIS_URL": "redis://127.0.0.1:1/0"}
    done = subprocess.run(
        [sys.executable, "-c", IN_ITS_TURN],
        cwd=tmp_path,
        env={**os.environ, **env, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


AT_WORK = """
import os, signal
from unittest.mock import MagicMock
from celery.worker import WorkController
from celery.signals import worker_ready
from chaos import placement
placement.install()
worker_ready.send(None)
"""
KILLED = "os.kill(os.getpid(), signal.SIGKILL)"


@pytest.mark.parametrize(
    ("ends", "number"),
    [
        ("raise SystemExit(1)", 1),
        ("from rescind.runtime import shutdown_flag; shutdown_flag.end(0, print)", 1),
        (f"WorkController.stop(MagicMock()); {KILLED}", 1),
        (KILLED, 0),
    ],
)
def test_a_worker_at_work_that_ends_by_itself_is_noted(
    tmp_path: Path, ends: str, number: int
) -> None:
    env = {points.FOLDER: str(tmp_path), "RESCIND_REDIS_URL": "redis://127.0.0.1:1/0"}
    subprocess.run(
        [sys.executable, "-c", AT_WORK + ends],
        env=os.environ | env,
        capture_output=True,
        check=False,
    )
    assert len(points.Failpoints(tmp_path).ended()) == number


def test_a_function_that_is_gone_is_missed_by_name() -> None:
    module = types.ModuleType("worker.somewhere")
    with pytest.raises(LookupError, match=r"worker\.somewhere has no commit any more"):
        put(module, "commit", print)


def test_what_is_put_around_a_function_sees_its_arguments_in_order() -> None:
    seen: list[object] = []

    class Owner:
        def double(self, number: int) -> int:
            seen.append("double")
            return 2 * number

    before(Owner, "double", lambda _own, number: seen.append(("before", number)))
    after(Owner, "double", lambda _own, number: seen.append(("after", number)))
    assert Owner().double(4) == 8
    assert seen == [("before", 4), "double", ("after", 4)]
