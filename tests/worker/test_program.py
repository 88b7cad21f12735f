"""``python -m worker``: Celery's commands, without what a worker never uses."""

from __future__ import annotations

import subprocess
import sys

import pytest

NEVER_USED = ("flower", "tornado", "prompt_toolkit", "psycopg")
"""Each takes megabytes of every worker on SQLite."""
LOADED = """
import sys
from click.testing import CliRunner
from worker.__main__ import main
import worker.celery, worker.signals, celery.apps.worker, rescind.runtime.host
print(*(name for name in {names} if name in sys.modules))
"""


def test_a_worker_imports_nothing_that_it_never_uses() -> None:
    code = LOADED.format(names=NEVER_USED)
    env = {"RESCIND_REDIS_URL": "redis://127.0.0.1:1/0", "PATH": ""}
    command = [sys.executable, "-c", code]
    told = subprocess.run(
        command, capture_output=True, text=True, check=True, env=env, timeout=60
    )
    assert told.stdout.split() == []


@pytest.mark.parametrize("command", ["worker", "beat"])
def test_an_app_that_does_not_exist_is_named(command: str) -> None:
    arguments = [sys.executable, "-m", "worker", "-A", "nosuch", command]
    told = subprocess.run(
        arguments, capture_output=True, text=True, check=False, timeout=60
    )
    assert told.returncode == 2
    assert "there is no app 'nosuch'" in told.stderr
    assert "Traceback" not in told.stderr
